"""The bridge as a running program, on a real broker with the real access list, and stand-ins for the switches."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from latchwire import topics
from latchwire.model import Cause, Happened, State
from latchwire.sender import Answer, Ending, Sender
from support.broker import LOGINS, wait_until
from support.home import Home
from support.plugs import ESPHomePlug, Plug, TasmotaPlug
from support.wire import Wire

AGENT = "tasmota"
DOCUMENT: dict[str, Any] = {
    "agents": {AGENT: {"type": "tasmota", "runs": "here"}},
    "devices": {
        "kettle": {"agent": AGENT, "kind": "switch", "topic": "kitchen"},
        "fan": {"agent": AGENT, "kind": "switch", "topic": "strip", "relay": 1},
        "heater": {"agent": AGENT, "kind": "switch", "topic": "strip", "relay": 2},
        "porch": {"agent": AGENT, "kind": "switch", "esphome": "esphome/porch", "switch": "relay"},
    },
    "people": {"owner": {"manual": True, "may": "*"}},
    "logins": {
        "tasmota-bridge": {
            "write": ["cmnd/#", "esphome/+/switch/+/command"],
            "read": ["stat/#", "tele/#", "esphome/+/switch/+/state", "esphome/+/status"],
        },
        "kitchen-plug": {"write": ["stat/kitchen/#", "tele/kitchen/#"], "read": ["cmnd/kitchen/#"]},
        "strip": {"write": ["stat/strip/#", "tele/strip/#"], "read": ["cmnd/strip/#"]},
        "porch-light": {
            "write": ["esphome/porch/status", "esphome/porch/switch/+/state"],
            "read": ["esphome/porch/switch/+/command"],
        },
    },
}
"""As README.md shows it."""


class Shelf:
    """A home with the bridge and three switches, and who can ask."""

    def __init__(self, home: Home, log: Path, ends: ExitStack) -> None:
        self.home = home
        self.kitchen = TasmotaPlug(home, "kitchen-plug", topic="kitchen")
        self.strip = TasmotaPlug(home, "strip", topic="strip", relays=2)
        self.porch = ESPHomePlug(home, "porch-light", prefix="esphome/porch", switch="relay")
        self.wire: Wire = home.wire()
        self._log = log
        for plug in (self.kitchen, self.strip, self.porch):
            ends.callback(plug.power_off)
        self.sender: Sender = home.sender(connect_seconds=5.0)

    def run(self) -> None:
        with self._log.open("w") as log:
            process = self.home.run("-m", "latchwire_tasmota_bridge", stdout=log, stderr=log)
        wait_until(lambda: "ready for commands" in self.log or process.poll() is not None, "the bridge is ready", 30)
        assert process.poll() is None, self.log

    @property
    def log(self) -> str:
        return self._log.read_text()

    def ask(self, device: str, action: str) -> Answer:
        return self.sender.ask(agent=AGENT, device=device, action=action, sub="manual:test", wait=8)

    def state(self, device: str) -> dict[str, Any]:
        """What everybody sees of it now."""
        heard = self.wire.on(topics.state(AGENT, device))
        document = json.loads(heard[-1].payload) if heard else {}
        assert isinstance(document, dict)
        return document

    def wait_for_state(self, device: str, state: State, cause: Cause | None = None) -> None:
        wire = None if cause is None else cause.wire
        wait_until(
            lambda: (self.state(device).get("state"), self.state(device).get("cause")) == (state.value, wire),
            f"{device} is {state} {wire or ''}; it is {self.state(device)}",
        )


@pytest.fixture
def make_shelf(make_home: Callable[..., Home], tmp_path: Path) -> Iterator[Callable[..., Shelf]]:
    with ExitStack() as ends:
        yield lambda document=DOCUMENT: Shelf(make_home(document=document), tmp_path / "bridge.log", ends)


@pytest.fixture
def shelf(make_shelf: Callable[..., Shelf]) -> Shelf:
    """Everything has power, and the bridge runs."""
    shelf = make_shelf()
    for plug in (shelf.kitchen, shelf.strip, shelf.porch):
        plug.power_on()
    shelf.run()
    return shelf


def commands(plug: Plug) -> list[tuple[str, str]]:
    """What it was told to do; questions are none."""
    return [(topic, payload) for topic, payload in plug.heard if payload]


# ------------------------------------------------------------------------------------ end to end


def test_what_is_said_in_a_shell_moves_the_relay_and_the_receipt_says_what_the_switch_said(shelf: Shelf) -> None:
    said = shelf.home.latchwire("send", "kettle", "on")
    assert (said.returncode, said.stdout) == (0, "kettle is ON.\n")
    assert shelf.kitchen.relays == [True]
    assert commands(shelf.kitchen) == [("cmnd/kitchen/POWER1", "ON")]
    shelf.wait_for_state("kettle", State.ON)
    assert shelf.ask("kettle", "toggle").state is State.OFF
    assert shelf.kitchen.relays == [False]


@pytest.mark.parametrize(("device", "relay"), [("fan", 0), ("heater", 1)])
def test_each_relay_of_a_device_is_worked_alone(shelf: Shelf, device: str, relay: int) -> None:
    answer = shelf.ask(device, "on")
    assert (answer.ending, answer.state) == (Ending.DONE, State.ON)
    assert shelf.strip.relays == [relay == 0, relay == 1]
    other = "heater" if relay == 0 else "fan"
    assert shelf.ask(other, "status").state is State.OFF


def test_an_esphome_switch_is_worked_too_and_told_twice_it_is_done_twice(shelf: Shelf) -> None:
    for _ in range(2):  # the second time it says nothing, for nothing changes
        answer = shelf.ask("porch", "on")
        assert (answer.ending, answer.state) == (Ending.DONE, State.ON)
    assert shelf.porch.relays == [True]
    assert shelf.ask("porch", "off").state is State.OFF
    assert shelf.porch.relays == [False]


# ------------------------------------------------------------------- nobody but the bridge


def test_nobody_but_the_bridge_can_work_a_switch(shelf: Shelf) -> None:
    others = [name for name in (*LOGINS, *shelf.home.broker.logins) if name != "tasmota-bridge"]
    assert {"manual", "observer", AGENT, "strip", "kitchen-plug"} <= set(others)
    for name in dict.fromkeys(others):
        wire = Wire(shelf.home.endpoint(), shelf.home.broker_login(name), filters=("cmnd/#", "esphome/#"))
        for retained in (False, True):
            wire.publish("cmnd/kitchen/POWER", "ON", retained=retained)
            wire.publish("cmnd/kitchen/Backlog", "Power ON", retained=retained)
            wire.publish("cmnd/tasmotas/POWER", "ON", retained=retained)
            wire.publish("esphome/porch/switch/relay/command", "ON", retained=retained)
        wire.close()
    assert shelf.ask("kettle", "status").state is State.OFF  # a message of the bridge, after all of these
    assert shelf.ask("porch", "off").state is State.OFF
    assert commands(shelf.kitchen) == []
    wait_until(lambda: bool(shelf.porch.heard), "the bridge's own command is there")  # it is off, and says nothing
    assert shelf.porch.heard == [("esphome/porch/switch/relay/command", "OFF")]
    assert (shelf.kitchen.relays, shelf.porch.relays) == ([False], [False])


def test_a_switch_cannot_speak_for_another_nor_as_a_part_of_latchwire(shelf: Shelf) -> None:
    stolen = Wire(
        shelf.home.endpoint(), shelf.home.broker_login("kitchen-plug"), filters=("stat/strip/#", "latchwire/#")
    )
    stolen.publish("stat/strip/POWER1", "ON")
    stolen.publish("tele/strip/LWT", "Offline", retained=True)
    stolen.publish(topics.state(AGENT, "fan"), '{"state":"on"}', retained=True)
    stolen.publish(topics.nonce("kitchen-plug"), "{}", retained=True)
    stolen.publish("stat/kitchen/POWER", "ON")
    shelf.wait_for_state("kettle", State.ON)  # its own it may say, and that came after
    assert shelf.ask("fan", "status").state is State.OFF
    assert shelf.wire.on(topics.nonce("kitchen-plug")) == []
    assert stolen.messages == []
    stolen.close()


def test_no_command_is_left_with_the_broker(shelf: Shelf) -> None:
    shelf.ask("kettle", "on")
    shelf.ask("porch", "on")
    shelf.kitchen.heard.clear()
    shelf.kitchen.power_off()
    shelf.kitchen.relays[0] = False
    shelf.kitchen.power_on()
    shelf.wait_for_state("kettle", State.OFF)
    assert commands(shelf.kitchen) == []


# ----------------------------------------------------------------------- what a switch says by itself


@pytest.mark.parametrize("device", ["kettle", "heater", "porch"])
def test_a_press_on_its_button_is_seen_at_once_and_nobody_is_named(shelf: Shelf, device: str) -> None:
    plug, relay = {"kettle": (shelf.kitchen, 0), "heater": (shelf.strip, 1), "porch": (shelf.porch, 0)}[device]
    shelf.wait_for_state(device, State.OFF)
    begun = time.monotonic()
    plug.press(relay)
    shelf.wait_for_state(device, State.ON)
    assert time.monotonic() - begun < 3.0  # below the five seconds of a poll, on a busy machine too
    assert "by" not in shelf.state(device)


def test_what_was_lost_is_mended_by_telemetry(shelf: Shelf) -> None:
    shelf.wait_for_state("kettle", State.OFF)
    shelf.kitchen.relays[0] = True  # its word of it was lost: QoS 0
    shelf.kitchen.tell()
    shelf.wait_for_state("kettle", State.ON)


def test_a_switch_that_says_json_only_is_understood(make_shelf: Callable[..., Shelf]) -> None:
    shelf = make_shelf()
    shelf.kitchen = TasmotaPlug(shelf.home, "kitchen-plug", topic="kitchen", only_json=True)
    shelf.kitchen.power_on()
    shelf.run()
    assert shelf.ask("kettle", "on").state is State.ON
    shelf.kitchen.power_off()


# --------------------------------------------------------------------------- what can go wrong


def test_an_unplugged_switch_is_told_as_offline_and_nothing_is_published(shelf: Shelf) -> None:
    for plug, device in ((shelf.kitchen, "kettle"), (shelf.porch, "porch")):
        plug.heard.clear()
        plug.power_off()
        shelf.wait_for_state(device, State.UNKNOWN, Cause.OFFLINE)
        answer = shelf.ask(device, "on")
        assert (answer.ending, answer.cause, answer.happened) == (Ending.FAILED, Cause.OFFLINE, Happened.NO)
        seen = json.loads(shelf.home.latchwire("status", "--json").stdout)["agents"][AGENT]["devices"]
        assert (seen[device]["state"], seen["fan"]["state"]) == ("unknown", "off")  # one that is away hides no other
        plug.power_on()
        shelf.wait_for_state(device, State.OFF)
        assert commands(plug) == []
        assert shelf.ask(device, "on").state is State.ON


def test_a_switch_that_was_never_there_is_offline(make_shelf: Callable[..., Shelf]) -> None:
    shelf = make_shelf()
    shelf.run()
    answer = shelf.ask("kettle", "on")
    assert (answer.ending, answer.cause, answer.happened) == (Ending.FAILED, Cause.OFFLINE, Happened.NO)
    assert "has never been heard of (tele/kitchen/LWT)" in shelf.log
    shelf.kitchen.power_on()
    shelf.wait_for_state("kettle", State.OFF)


@pytest.mark.parametrize("device", ["kettle", "porch"])
def test_no_answer_in_time_may_have_happened_and_a_late_one_is_seen(shelf: Shelf, device: str) -> None:
    plug = shelf.kitchen if device == "kettle" else shelf.porch
    plug.answer_after = 5.0
    begun = time.monotonic()
    answer = shelf.ask(device, "on")
    assert (answer.ending, answer.cause, answer.happened) == (Ending.FAILED, Cause.TIMEOUT, Happened.MAYBE)
    assert 3.5 < time.monotonic() - begun < 5.0
    plug.answer_after = 0.0
    shelf.wait_for_state(device, State.ON)
    assert plug.relays == [True]


def test_a_slow_switch_delays_no_other_and_is_waited_for(shelf: Shelf) -> None:
    shelf.kitchen.answer_after = 2.0
    slow: list[Answer] = []
    asking = threading.Thread(target=lambda: slow.append(shelf.ask("kettle", "on")))
    asking.start()
    wait_until(lambda: bool(commands(shelf.kitchen)), "the slow one is told")
    begun = time.monotonic()
    assert shelf.ask("fan", "on").state is State.ON
    assert shelf.ask("porch", "on").state is State.ON
    assert time.monotonic() - begun < 1.5
    assert slow == []
    asking.join(10)
    assert (slow[0].ending, slow[0].state) == (Ending.DONE, State.ON)


def test_a_deaf_switch_is_asked_again_and_its_state_is_known_again(shelf: Shelf) -> None:
    shelf.kitchen.deaf = True
    assert shelf.ask("kettle", "on").cause is Cause.TIMEOUT
    shelf.wait_for_state("kettle", State.UNKNOWN, Cause.TIMEOUT)
    shelf.kitchen.deaf = False
    wait_until(lambda: shelf.state("kettle").get("state") == "off", "it was asked again", 15)


def test_a_relay_that_does_not_move_is_not_confirmed(shelf: Shelf) -> None:
    shelf.kitchen.stuck = True
    answer = shelf.ask("kettle", "on")
    assert (answer.ending, answer.cause, answer.state) == (Ending.FAILED, Cause.NOT_CONFIRMED, State.OFF)


def test_other_words_for_on_and_off_are_told(shelf: Shelf) -> None:
    shelf.kitchen.words[True] = "AN"  # StateText2
    answer = shelf.ask("kettle", "on")
    assert (answer.ending, answer.cause) == (Ending.FAILED, Cause.BAD_ANSWER)
    assert "says 'AN', not ON or OFF" in shelf.log


def test_a_switch_that_listens_elsewhere_is_offline_and_nothing_happened(make_shelf: Callable[..., Shelf]) -> None:
    shelf = make_shelf()
    shelf.kitchen.listens = ("cmnd/bathroom/#",)
    shelf.kitchen.power_on()
    shelf.run()
    answer = shelf.ask("kettle", "on")
    assert (answer.cause, answer.happened) == (Cause.OFFLINE, Happened.NO)
    assert "nobody at the broker hears cmnd/kitchen/POWER1" in shelf.log


def without(login: str) -> dict[str, Any]:
    return {**DOCUMENT, "logins": {name: item for name, item in DOCUMENT["logins"].items() if name != login}}


def test_without_its_own_login_it_says_what_to_do(make_shelf: Callable[..., Shelf]) -> None:
    shelf = make_shelf(without("tasmota-bridge"))
    shelf.run()
    answer = shelf.ask("kettle", "on")
    assert (answer.ending, answer.cause, answer.happened) == (Ending.FAILED, Cause.NOT_CONFIGURED, Happened.NO)
    assert "logins/tasmota-bridge is missing; `latchwire init` makes it" in shelf.log


def test_a_wrong_password_is_told_and_the_right_one_counts_without_a_restart(make_shelf: Callable[..., Shelf]) -> None:
    shelf = make_shelf()
    shelf.kitchen.power_on()
    file = shelf.home.places.login("tasmota-bridge")
    right = file.read_text()
    file.write_text("wrong\n")
    shelf.run()
    answer = shelf.ask("kettle", "on")
    assert (answer.ending, answer.cause, answer.happened) == (Ending.FAILED, Cause.CREDENTIALS, Happened.NO)
    file.write_text(right)
    shelf.wait_for_state("kettle", State.OFF)
    assert shelf.ask("kettle", "on").state is State.ON
    assert "wrong" not in shelf.log.replace("something is wrong", "")


def test_without_the_right_to_write_nothing_happens_and_the_cure_is_told(make_shelf: Callable[..., Shelf]) -> None:
    logins = {**DOCUMENT["logins"], "tasmota-bridge": {"write": ["cmnd/strip/#"], "read": ["stat/#", "tele/#"]}}
    shelf = make_shelf({**DOCUMENT, "logins": logins})
    shelf.kitchen.power_on()
    shelf.run()
    answer = shelf.ask("kettle", "on")
    assert (answer.ending, answer.cause, answer.happened) == (Ending.FAILED, Cause.REJECTED, Happened.NO)
    assert "the broker does not let us write cmnd/kitchen/POWER1" in shelf.log
    assert shelf.kitchen.heard == []


def test_after_the_broker_was_away_everything_is_known_again(shelf: Shelf) -> None:
    shelf.ask("kettle", "on")
    shelf.home.broker.stop()
    shelf.home.broker.start()
    for plug in (shelf.kitchen, shelf.strip, shelf.porch):
        plug.power_off()
        plug.power_on()
    shelf.wire = shelf.home.wire()
    for device, state in (("kettle", State.ON), ("fan", State.OFF), ("porch", State.OFF)):
        wait_until(lambda device=device, state=state: shelf.state(device).get("state") == state, device, 30)  # type: ignore[misc]
    wait_until(lambda: shelf.ask("porch", "on").state is State.ON, "it is worked again", 20)
    assert commands(shelf.kitchen) == [("cmnd/kitchen/POWER1", "ON")]  # what was said before is not said again


def test_a_wrong_setting_makes_one_device_idle_and_says_where(make_shelf: Callable[..., Shelf]) -> None:
    devices = {
        **DOCUMENT["devices"],
        "gate": {"agent": AGENT, "kind": "lock", "topic": "gate"},
        "lamp": {"agent": AGENT, "kind": "switch", "topic": "lamp/#"},
    }
    shelf = make_shelf({**DOCUMENT, "devices": devices})
    shelf.kitchen.power_on()
    shelf.run()
    assert shelf.ask("gate", "unlock").cause is Cause.NOT_CONFIGURED
    assert shelf.ask("lamp", "on").cause is Cause.NOT_CONFIGURED
    assert 'devices.gate.kind: a "lock" cannot be worked by it' in shelf.log
    assert 'topic: "lamp/#" is no part of a topic' in shelf.log
    assert shelf.ask("kettle", "on").ending is Ending.DONE


def test_a_simulated_agent_touches_no_switch(make_shelf: Callable[..., Shelf]) -> None:
    shelf = make_shelf({**DOCUMENT, "agents": {AGENT: {"type": "tasmota", "runs": "simulated"}}})
    shelf.kitchen.power_on()
    shelf.run()
    answer = shelf.ask("kettle", "on")
    assert (answer.state, answer.simulated) == (State.ON, True)
    assert shelf.kitchen.heard == []
