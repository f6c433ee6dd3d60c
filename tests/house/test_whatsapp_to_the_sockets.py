"""From a message on WhatsApp to a socket in the cloud and back: the real programs, a fake MagIQ cloud over HTTPS."""

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from latchwire import topics
from latchwire.sender import Ending
from support.broker import wait_until
from support.house import House, example
from support.magiq_cloud import KEY, SECRET, MagiqCloudServer, Rude

JOHN = "+447700900100"
SOCKETS = {
    "ac": "16612385", "light": "16612386", "heater": "16612387", "fan": "16612388", "kettle": "16612389",
    "radio": "16612390", "toaster": "16612391", "pump": "16612392", "lamp": "16612393",
}  # fmt: skip
"""By name the id; each rude test has one, since a socket whose cloud fails too often is left alone for a while."""


def document() -> dict[str, Any]:
    config = example()
    config["agents"] = {
        "magiq": {"type": "magiq", "runs": "here", "pollSeconds": 1, "pollJitterSeconds": 0, "requestsPerMinute": 6000},
    }
    config["devices"] = {
        name: {"agent": "magiq", "kind": "switch", "deviceId": device_id} for name, device_id in SOCKETS.items()
    }
    config["people"] = {
        "owner": {"manual": True, "may": "*"},
        **{f"john-{n}": {"whatsapp": f"{JOHN}{n}", "may": "*"} for n in range(10)},
    }
    del config["hashtags"]
    return config


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MagiqCloudServer]:
    with MagiqCloudServer(folder=tmp_path_factory.mktemp("cloud")) as running:
        for name, device_id in SOCKETS.items():
            running.add(device_id, name=name)
        yield running


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, cloud: MagiqCloudServer) -> Iterator[House]:
    made = House(folder=tmp_path_factory.mktemp("house"), document=document(), variables=cloud.environ)
    try:
        made.start("magiq-bridge", "whatsapp-webhook")
        yield made
    finally:
        made.close()


@pytest.fixture(autouse=True)
def good_again(cloud: MagiqCloudServer) -> Iterator[None]:
    yield
    cloud.be_good()
    cloud.delay = 0.0


def test_turn_on_ac_reaches_the_socket_and_the_reply_says_what_the_socket_said(
    house: House, cloud: MagiqCloudServer
) -> None:
    assert house.whatsapp("turn on ac", f"{JOHN}0").words == "Done: the ac is on."
    assert cloud.sockets[SOCKETS["ac"]].on
    assert house.whatsapp("is the ac on?", f"{JOHN}0").words == "The ac is on."
    assert house.whatsapp("toggle ac", f"{JOHN}0").words == "Done: the ac is off."
    assert not cloud.sockets[SOCKETS["ac"]].on
    assert house.whatsapp("ac off", f"{JOHN}0").words == "Done: the ac is off."


def test_two_sockets_work_at_once(house: House, cloud: MagiqCloudServer) -> None:
    house.whatsapp("ac off", f"{JOHN}1"), house.whatsapp("light off", f"{JOHN}1")
    cloud.delay = 1.0
    with ThreadPoolExecutor(2) as pool:
        begun = time.monotonic()
        replies = list(pool.map(lambda text: house.whatsapp(text, f"{JOHN}1").words, ("ac on", "light on")))
        seconds = time.monotonic() - begun
    assert replies == ["Done: the ac is on.", "Done: the light is on."]
    assert cloud.most_at_once >= 2
    assert seconds < 3.8, "one after the other they would take four seconds: each looks first and then sets"


def test_a_slow_socket_delays_no_other_and_is_told_as_maybe(house: House, cloud: MagiqCloudServer) -> None:
    cloud.behave(Rude.HANG, device_id=SOCKETS["heater"], action="SET")
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(house.whatsapp, "heater on", f"{JOHN}2")
        wait_until(lambda: "SET" in cloud.actions(SOCKETS["heater"]), "the heater's request hangs")
        for text in ("light off", "light on", "status of the light"):
            assert house.whatsapp(text, f"{JOHN}2").seconds < 2
        assert not slow.done()
        words = slow.result(15).words
    assert words.startswith("That failed. The device gave no answer in time.")
    assert "It may have happened all the same." in words


@pytest.mark.parametrize(
    ("device", "rude", "told", "maybe"),
    [
        ("fan", Rude.RESET_AFTER_DOING, "The device gave no answer in time.", True),
        ("kettle", Rude.GARBAGE, "The device gave an answer that could not be understood.", True),
        ("radio", Rude.CODE_404, "The device's cloud said no.", False),
        ("toaster", Rude.DEAF, "The hardware took the command but reads back something else.", True),
    ],
)
def test_a_rude_cloud_is_told_in_plain_words_and_whether_it_may_have_happened(
    house: House, cloud: MagiqCloudServer, device: str, rude: Rude, told: str, *, maybe: bool
) -> None:
    cloud.behave(rude, device_id=SOCKETS[device], action="SET")
    words = house.whatsapp(f"turn on the {device}", f"{JOHN}3").words
    assert told in words
    assert words.startswith("That failed. " if maybe else "That failed; nothing was done. ")
    assert ("It may have happened all the same." in words) is maybe


def test_a_socket_that_is_offline_is_not_switched_and_its_state_is_unknown_with_the_reason(
    house: House, cloud: MagiqCloudServer
) -> None:
    observer = house.wire()
    socket = cloud.sockets[SOCKETS["pump"]]
    state = topics.state("magiq", "pump")
    observer.wait_for(state, lambda heard: b'"off"' in heard.payload)
    socket.connected = False
    observer.wait_for(state, lambda heard: json.loads(heard.payload) == {"state": "unknown", "cause": "offline"})
    words = house.whatsapp("pump on", f"{JOHN}4").words
    assert words.startswith("That failed; nothing was done. The device is not connected to its cloud.")
    assert not socket.on
    socket.connected = True
    observer.wait_for(state, lambda heard: b'"off"' in heard.payload)
    observer.close()


def test_a_press_on_the_socket_itself_shows_in_the_retained_state(house: House, cloud: MagiqCloudServer) -> None:
    observer = house.wire()
    state = topics.state("magiq", "lamp")
    observer.wait_for(state, lambda heard: b'"off"' in heard.payload)
    cloud.sockets[SOCKETS["lamp"]].on = True
    assert json.loads(observer.wait_for(state, lambda heard: b'"on"' in heard.payload).payload) == {"state": "on"}
    late = house.wire()
    assert b'"on"' in late.wait_for(state, lambda heard: heard.retained).payload
    for wire in (observer, late):
        wire.close()


def test_a_flood_for_a_hanging_socket_is_told_busy_and_nothing_piles_up(house: House, cloud: MagiqCloudServer) -> None:
    cloud.behave(Rude.HANG, device_id=SOCKETS["heater"])
    sender = house.sender()
    with ThreadPoolExecutor(40) as pool:
        asked = [
            pool.submit(sender.ask, agent="magiq", device="heater", action="on", sub="manual:test", wait=3)
            for _ in range(40)
        ]
        endings = [(one.result().ending, one.result().cause) for one in asked]
    busy = [cause for ending, cause in endings if ending is Ending.REFUSED]
    assert len(busy) >= 20
    assert {cause.wire for cause in busy if cause} == {"busy"}
    assert house.whatsapp("light on", f"{JOHN}5").words == "Done: the light is on."


def test_a_dead_cloud_is_told_nothing_was_done_and_works_again_by_itself(house: House, cloud: MagiqCloudServer) -> None:
    cloud.behave(Rude.RESET_HANDSHAKE)
    cloud.hang_up()
    words = house.whatsapp("ac on", f"{JOHN}6").words
    assert words.startswith("That failed; nothing was done. The device's cloud cannot be reached.")
    cloud.be_good()
    wait_until(lambda: house.whatsapp("status of the ac", f"{JOHN}7").words.startswith("The ac is o"), "it is back", 20)


def test_neither_key_nor_secret_is_in_a_log_or_on_the_wire(house: House) -> None:
    heard = house.wire()
    heard.wait_for(topics.status("magiq"))
    everything = house.log("magiq-bridge") + repr(heard.messages)
    heard.close()
    assert KEY not in everything
    assert SECRET not in everything


# ------------------------------------------------------------------------------------------- without credentials


def test_without_credentials_it_is_idle_and_healthy_and_comes_to_life_when_they_are_there(
    tmp_path_factory: pytest.TempPathFactory, cloud: MagiqCloudServer
) -> None:
    here = {name: value for name, value in cloud.environ.items() if name in {"MAGIQ_URL", "MAGIQ_CA"}}
    house = House(folder=tmp_path_factory.mktemp("idle"), document=document(), variables=here)
    try:
        house.start("magiq-bridge")
        assert house.healthy("magiq-bridge")[0]
        assert "MAGIQ_API_KEY is not set; set it in state/.env" in house.log("magiq-bridge")
        answer = json.loads(house.command_line("send", "ac", "on", "--json").stdout)
        assert (answer["outcome"], answer["cause"], answer["happened"]) == ("failed", "not-configured", "no")
        status = house.command_line("status")
        assert status.returncode == 0, status.stdout
        assert (
            "The agent lacks credentials or hardware. MAGIQ_API_KEY is not set; set it in state/.env" in status.stdout
        )
        with house.places.env.open("a") as env:
            env.write(f"MAGIQ_API_KEY={KEY}\nMAGIQ_API_SECRET={SECRET}\n")
        house.wait_for_log("magiq-bridge", "ready for commands", times=2)
        assert house.command_line("send", "ac", "on").stdout == "ac is ON.\n"
    finally:
        house.close()


def test_what_is_simulated_says_so_in_log_state_receipt_and_reply(tmp_path_factory: pytest.TempPathFactory) -> None:
    house = House(folder=tmp_path_factory.mktemp("simulated"), document=example())
    try:
        house.start("magiq-bridge", "whatsapp-webhook")
        observer = house.wire()
        assert "magiq is simulated: no socket is switched." in house.log("magiq-bridge")
        assert house.whatsapp("turn on ac").words == "Done: the ac is on (simulated)."
        assert house.command_line("send", "light", "on").stdout == "light is ON (simulated).\n"
        for device in ("ac", "light"):
            state = observer.wait_for(topics.state("magiq", device), lambda heard: b'"on"' in heard.payload)
            assert json.loads(state.payload)["simulated"] is True
        watched = house.command_line("status").stdout
        assert watched.count("ON (simulated)") == 2
    finally:
        house.close()
