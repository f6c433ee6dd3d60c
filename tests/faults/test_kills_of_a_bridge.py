"""SIGKILL of the MagIQ bridge at each step between hearing and receipt; its cloud is real HTTPS on loopback.

A toggle is what shows a second try: were it sent again, the socket would be back where it was.
"""

from collections.abc import Iterator
from typing import Any, Final

import pytest

from latchwire.model import Happened, State
from latchwire.sender import Ending
from support.broker import wait_until
from support.house import House, example
from support.magiq_cloud import MagiqCloudServer
from support.striking import POINTS, order

AC: Final = "16612385"


def document() -> dict[str, Any]:
    config = example()
    config["agents"] = {"magiq": {"type": "magiq", "runs": "here", "pollSeconds": 60, "requestsPerMinute": 6000}}
    config["devices"] = {"ac": {"agent": "magiq", "kind": "switch", "deviceId": AC}}
    config["people"] = {"owner": {"manual": True, "may": "*"}}
    del config["hashtags"]
    return config


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MagiqCloudServer]:
    with MagiqCloudServer(folder=tmp_path_factory.mktemp("cloud")) as running:
        running.add(AC, name="ac")
        yield running


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, cloud: MagiqCloudServer) -> Iterator[House]:
    made = House(folder=tmp_path_factory.mktemp("house"), document=document(), variables=cloud.environ)
    try:
        yield made
    finally:
        made.close()


@pytest.mark.parametrize("point", POINTS["magiq-bridge"])
def test_a_bridge_killed_at_a_named_step_switches_once_or_not_at_all_and_misleads_nobody(
    house: House, cloud: MagiqCloudServer, point: str
) -> None:
    strike = house.folder / "strike"
    sender = house.sender(connect_seconds=5.0)
    house.start("magiq-bridge", as_module="support.striking", STRIKE_AT=point, STRIKE_FILE=str(strike))
    wait_until(lambda: sender._agents.is_online("magiq"), "the bridge is there")
    was, sets = cloud.sockets[AC].on, cloud.actions(AC).count("SET")
    order(strike)
    answer = sender.ask(agent="magiq", device="ac", action="toggle", sub="manual:test", wait=2, patience=2)
    assert house.wait_for_end("magiq-bridge") == -9
    assert (answer.ending, answer.happened) == (Ending.NO_ANSWER, Happened.MAYBE)
    house.start("magiq-bridge")
    wait_until(lambda: sender._agents.is_online("magiq"), "the bridge is back")
    now = sender.ask(agent="magiq", device="ac", action="status", sub="manual:test", wait=8)
    done = cloud.actions(AC).count("SET") - sets
    assert done == (0 if point in {"before-check", "after-check", "before-write"} else 1)
    assert cloud.sockets[AC].on is (not was if done else was)
    assert now.ending is Ending.DONE
    assert now.state is (State.ON if cloud.sockets[AC].on else State.OFF), "the state is what the socket says"
    house.kill("magiq-bridge")
