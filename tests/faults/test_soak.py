"""All four services hold no more after many rounds than after a few: descriptors, threads, memory.

A round is what a day brings: messages, posts, what is refused, what is no command at all, everybody's connection cut, a
changed configuration and a reload. ``LATCHWIRE_FAULTS_ROUNDS`` is another number of rounds; ``make soak`` works an
agent alone, for longer.
"""

import itertools
import os
import random
import sys
import time
from collections.abc import Iterator
from typing import Any, Final

import pytest

from latchwire.sender import Ending, Sender
from latchwire_whatsapp_webhook.server import THREADS
from omega.soak import held
from support.broker import wait_until
from support.faulty_wire import FaultyWires, Kind
from support.home import DOOR
from support.house import READY, House, crowd, example
from support.magiq_cloud import MagiqCloudServer
from support.x_api import FakeX
from support.x_http import BEARER

ROUNDS: Final = int(os.environ.get("LATCHWIRE_FAULTS_ROUNDS", "24"))
WARM_UP: Final = 12
PEOPLE: Final = 64
LOOKS: Final = 20
SPARE_KB: Final = 768
"""What Python's allocator and SQLite's cache may take for their own good: 32 KB a round, less the longer it goes."""
REMEMBERED_KB: Final = 4 * 9 * min(ROUNDS, 100)
"""An ingress remembers a command for some hundred seconds, for the late truth: about 4 KB, and up to nine a round."""
SERVICES: Final = ("relay-agent", "whatsapp-webhook", "twitter-listener", "magiq-bridge")
AC: Final = "16612385"


def document(number: int = 0) -> dict[str, Any]:
    config = example()
    config["devices"]["front-door"]["limit"] = "none"  # one person says more here than a household does
    crowd(config, PEOPLE)
    config["agents"]["omega"]["lifetime"] = 5
    config["people"]["guest"] = {"whatsapp": f"+1555555030{number % 10}", "may": {DOOR: ["lock"]}}
    return config


def bridge_document() -> dict[str, Any]:
    return {
        "agents": {"magiq": {"type": "magiq", "runs": "here", "pollSeconds": 1, "requestsPerMinute": 6000}},
        "devices": {"ac": {"agent": "magiq", "kind": "switch", "deviceId": AC}},
        "people": {"owner": {"manual": True, "may": "*"}},
    }


class Scene:
    """Two houses: one where people write and post, one with a socket in a cloud."""

    def __init__(self, house: House, far: House, x: FakeX) -> None:
        self.house, self.far, self.x = house, far, x
        self.near_wires, self.far_wires = FaultyWires(to=house.broker.port), FaultyWires(to=far.broker.port)
        self.people = itertools.cycle(crowd(document(), PEOPLE))
        self.dice = random.Random(1)  # noqa: S311  # a plan, no secret
        self.sender: Sender
        self.far_sender: Sender

    def home(self, name: str) -> House:
        return self.far if name == "magiq-bridge" else self.house

    def start(self) -> None:
        for name in SERVICES:
            wires = self.far_wires if name == "magiq-bridge" else self.near_wires
            self.home(name).launch(name, BROKER_PORT=str(wires.add(name)))
        for name in SERVICES:
            self.home(name).wait_for_log(name, READY[name])
        self.x.wait_for_stream()
        for _ in range(2 * THREADS):  # each of its threads takes memory when it is first used
            self.house.whatsapp("is the door locked?", next(self.people))
        self.sender, self.far_sender = self.house.sender(connect_seconds=5), self.far.sender(connect_seconds=5)

    def held(self) -> dict[str, tuple[int, int, int]]:
        return {name: held(self.home(name).pid(name)) for name in SERVICES}

    def held_at_rest(self) -> dict[str, tuple[int, int, int]]:
        """With the fewest descriptors and threads of some looks: a file that is being read is open for a moment."""
        looks = []
        for _ in range(LOOKS):
            looks.append(self.held())
            time.sleep(0.05)
        return {name: min((look[name] for look in looks), key=lambda held: held[1:]) for name in SERVICES}

    def one_round(self, number: int) -> None:
        self.people_write()
        self.people_post()
        self.others_ask()
        self.everybody_is_cut_off(number)
        self.house.write_config(document(number))
        for name in SERVICES:
            self.home(name).reload(name)

    def people_write(self) -> None:
        for words in ("unlock the front door", "is the door locked?", "lock the front door", "sing a song", "status"):
            self.house.whatsapp(words, next(self.people))
        assert "not allowed" in self.house.whatsapp("toggle the front door", next(self.people)).words
        self.house.whatsapp("unlock the front door", "+15555559999")

    def people_post(self) -> None:
        before = self.house.log("relay-agent").count("relay 0 ")
        self.x.post("101", "home #unlock")
        self.x.post("102", "may not #unlock")
        self.x.send(b'{"data": {"id": 5}}\r\nno JSON\r\n')
        self.x.post("101", "good night #lock")
        self.house.wait_for_log("relay-agent", "relay 0 ", times=before + 2)

    def others_ask(self) -> None:
        wire = self.house.wire("manual", filters=("latchwire/+/nonce",))
        for payload in (b"no token", self.house.token("A" * 22), self.house.token("A" * 22, "fly")):
            wire.publish(f"latchwire/omega/{DOOR}/command", payload)
        wire.close()
        for device, action in (("nothing", "lock"), (DOOR, "fly")):
            assert ask(self.sender, "omega", device, action) is Ending.REFUSED
        for action in ("on", "toggle", "off", "status", "fly"):
            ending = ask(self.far_sender, "magiq", "ac", action)
            assert ending is (Ending.REFUSED if action == "fly" else Ending.DONE)

    def everybody_is_cut_off(self, number: int) -> None:
        kind = self.dice.choice((Kind.FIN, Kind.RST))
        for wires in (self.near_wires, self.far_wires):
            wires.cut(kind=kind)
        if number in {2, WARM_UP + 2} or number % 150 == 0:  # oftener, and the listener makes longer and longer pauses
            self.x.cut(clean=kind is Kind.FIN)
        for name in SERVICES:
            self.home(name).wait_for_log(name, READY[name], times=number + 2)
        self.x.wait_for_stream()
        wait_until(lambda: ask(self.sender, "omega", DOOR, "status") is Ending.DONE, "the agent is back")
        wait_until(lambda: ask(self.far_sender, "magiq", "ac", "status") is Ending.DONE, "the bridge is back")


def ask(sender: Sender, agent: str, device: str, action: str) -> Ending:
    return sender.ask(agent=agent, device=device, action=action, sub="manual:soak", wait=8).ending


@pytest.fixture
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    folder = tmp_path_factory.mktemp("soak")
    with FakeX(accounts={"101": "example_john", "102": "example_jane"}) as x, MagiqCloudServer(folder=folder) as cloud:
        cloud.add(AC)
        variables = {"X_API_BASE": x.base, "X_BEARER_TOKEN": BEARER}
        houses = [folder / "near", folder / "far"]
        for path in houses:
            path.mkdir()
        house = House(folder=houses[0], document=document(), variables=variables)
        far = House(folder=houses[1], document=bridge_document(), variables=cloud.environ)
        made = Scene(house, far, x)
        try:
            with made.near_wires, made.far_wires:
                made.start()
                yield made
                house.close()
                far.close()
        finally:
            house.close()
            far.close()


def test_memory_descriptors_and_threads_of_all_services_stay_flat(scene: Scene) -> None:
    for number in range(WARM_UP):
        scene.one_round(number)
    before = scene.held_at_rest()
    for number in range(WARM_UP, WARM_UP + ROUNDS):
        scene.one_round(number)
        if number % 24 == 0:
            sys.stdout.write(f"round {number}: {scene.held()}\n")
    after = scene.held()
    for name in SERVICES:
        sys.stdout.write(f"{name}: {before[name]} before, {after[name]} after {ROUNDS} rounds\n")
    for name in SERVICES:
        remembered = REMEMBERED_KB if name in {"whatsapp-webhook", "twitter-listener"} else 0
        assert after[name][0] - before[name][0] < SPARE_KB + remembered, (name, before, after)
    try:
        wait_until(lambda: grown(scene, before) == [], "descriptors and threads are as many as before")
    except AssertionError:
        pytest.fail(f"(memory in KB, descriptors, threads) before {before}, after {scene.held()}")


def grown(scene: Scene, before: dict[str, tuple[int, int, int]]) -> list[str]:
    """Which services hold other numbers of descriptors and threads."""
    return [name for name, now in scene.held().items() if now[1:] != before[name][1:]]
