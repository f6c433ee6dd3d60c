"""An actuator of somebody's own: a file with one class, run as its reader would run it, on a real broker.

Each test writes a program of a few lines and starts it; nothing in these knows MQTT, keys or JSON.
"""

import copy
import signal
import subprocess
import textwrap
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from latchwire import topics
from latchwire.model import Cause, Happened, Kind, State
from latchwire.sender import Answer, Ending, Sender
from support.broker import wait_until
from support.home import Home
from support.own_program import OwnProgram
from support.wire import Wire

DOCUMENT: Mapping[str, Any] = {
    "agents": {"garage": {"type": "garage", "runs": "here", "speed": 2}},
    "devices": {
        "gate": {"agent": "garage", "kind": "lock", "toggleSeconds": 1},
        "lamp": {"agent": "garage", "kind": "switch", "pin": 4},
        "fan": {"agent": "garage", "kind": "switch", "pin": 5},
    },
    "people": {"owner": {"manual": True, "may": "*"}},
}

TOP = """
import sys, time, asyncio
from latchwire.errors import ActionError, ConfigurationError
from latchwire.kit.actuator import Device, run
from latchwire.model import Cause, State
"""
BOTTOM = """
if __name__ == "__main__":
    sys.exit(run(Garage, name="garage"))
"""
BLOCKING = """
class Garage:
    "Works a garage."
    def __init__(self, device: Device) -> None:
        self.state = State.LOCKED if device.kind == "lock" else State.OFF
    def lock(self): return self.become(State.LOCKED)
    def unlock(self): return self.become(State.UNLOCKED)
    def on(self): return self.become(State.ON)
    def off(self): return self.become(State.OFF)
    def status(self): return self.state
    def become(self, state):
        self.state = state
        return state
"""
ASYNC = """
class Garage:
    "Works a garage."
    def __init__(self, device: Device) -> None:
        self.state, self.name = State.OFF, device.name
    async def settle(self):
        self.loop = asyncio.get_running_loop()
        return self.state
    async def on(self):
        await asyncio.sleep(2 if self.name == "fan" else 0.01)
        assert asyncio.get_running_loop() is self.loop
        self.state = State.ON
        return await self.status()
    async def off(self):
        self.state = State.OFF
        return self.state
    async def status(self): return self.state
    async def close(self): print("closed", self.name, flush=True)
"""


class Program(OwnProgram):
    """A program of somebody's own, and who can ask it."""

    def __init__(self, home: Home, folder: Path, text: str) -> None:
        super().__init__(home, folder / "garage.py", TOP + textwrap.dedent(text) + BOTTOM, ready="ready for commands")
        self.observer: Wire = home.wire()
        self.sender: Sender = home.sender(connect_seconds=5.0)

    def ask(self, device: str, action: str, **options: Any) -> Answer:
        return self.sender.ask(agent="garage", device=device, action=action, sub="manual:test", **options)


Start = Callable[..., Program]


@pytest.fixture
def start(make_home: Callable[..., Home], tmp_path: Path) -> Start:
    def start(text: str, document: Mapping[str, Any] = DOCUMENT, **variables: str) -> Program:
        return Program(make_home(document=document, variables=variables), tmp_path, text)

    return start


def only(*devices: str, **of_lamp: object) -> dict[str, Any]:
    document = copy.deepcopy(dict(DOCUMENT))
    document["devices"] = {name: document["devices"][name] for name in devices}
    if "lamp" in devices:
        document["devices"]["lamp"] |= of_lamp
    return document


def test_a_class_with_four_methods_is_a_whole_actuator(start: Start) -> None:
    program = start(BLOCKING)
    answer = program.ask("gate", "unlock")
    assert (answer.ending, answer.state, answer.simulated) == (Ending.DONE, State.UNLOCKED, False)
    assert program.ask("gate", "lock").state is State.LOCKED
    toggled = program.ask("gate", "toggle")
    assert (toggled.state, toggled.locks_in) == (State.UNLOCKED, 1)
    program.observer.wait_for(topics.state("garage", "gate"), lambda heard: b'"by":"relock"' in heard.payload)
    assert program.ask("lamp", "toggle").state is State.ON
    assert program.health() == (True, "garage: healthy\n")
    program.process.send_signal(signal.SIGTERM)
    assert program.process.wait(10) == 0
    program.observer.wait_for(topics.availability("garage"), lambda heard: heard.payload == b"offline")


def test_async_methods_share_one_event_loop_and_a_slow_device_delays_no_other(start: Start) -> None:
    program = start(ASYNC, only("lamp", "fan"))
    slow: list[tuple[Answer, float]] = []
    asking = threading.Thread(target=lambda: slow.append((program.ask("fan", "on"), time.monotonic())))
    asking.start()
    quick = program.ask("lamp", "on")
    answered = time.monotonic()
    asking.join(20)
    assert (quick.ending, quick.state) == (Ending.DONE, State.ON)
    assert answered < slow[0][1]
    assert slow[0][0].ending is Ending.DONE
    program.process.terminate()
    assert program.process.wait(10) == 0
    assert sorted(line for line in program.log.splitlines() if "closed" in line) == ["closed fan", "closed lamp"]


def test_commands_of_one_async_device_are_done_in_order(start: Start) -> None:
    program = start(ASYNC, only("fan"))
    answers: list[Answer] = []
    first = threading.Thread(target=lambda: answers.append(program.ask("fan", "on")))
    first.start()
    wait_until(lambda: bool(program.observer.commands()), "the first is on its way")
    assert program.ask("fan", "off").state is State.OFF
    first.join(20)
    assert answers[0].ending is Ending.DONE
    assert program.ask("fan", "status").state is State.OFF  # else it was switched on last


FAULTS = (
    ("return None", Cause.INTERNAL, "Garage.on returned NoneType; for a switch return one of State.ON, State.OFF"),
    ("return 'on'", Cause.INTERNAL, "Garage.on returned str"),
    ("return State.LOCKED", Cause.INTERNAL, "Garage.on returned State.LOCKED"),
    ("return State.OFF", Cause.NOT_CONFIRMED, "it reads off"),
    ("1 / 0", Cause.INTERNAL, "ZeroDivisionError('division by zero') in Garage.on, line"),
    ("raise ActionError(Cause.OFFLINE, 'no Wi-Fi')", Cause.OFFLINE, "no Wi-Fi"),
    ("raise ActionError(Cause.HARDWARE)", Cause.HARDWARE, "cause=hardware"),
)


@pytest.mark.parametrize("word", ["def", "async def"])
def test_what_a_method_returns_or_raises_is_told_in_the_receipt_and_named_in_the_log(start: Start, word: str) -> None:
    cases = "".join(f"\n        if self.number == {number}: {body}" for number, (body, _, _) in enumerate(FAULTS))
    document = only("lamp")
    for number in range(len(FAULTS)):
        document["devices"][f"lamp-{number}"] = {"agent": "garage", "kind": "switch", "number": number}
    text = f"""
class Garage:
    poll_seconds = 0
    def __init__(self, device): self.number = device.settings.whole_number("number", 0, 99, -1)
    def status(self): return State.OFF
    def off(self): return State.OFF
    {word} on(self):{cases}
"""
    program = start(text, document)
    for number, (_, cause, said) in enumerate(FAULTS):
        answer = program.ask(f"lamp-{number}", "on")
        assert (answer.ending, answer.cause, answer.happened) == (Ending.FAILED, cause, cause.happened)
        program.wait_for_log(said)  # it is logged after it is answered
    assert program.ask("lamp", "off").ending is Ending.DONE


def test_a_method_that_its_kind_needs_and_is_not_there_is_told_at_the_start(start: Start) -> None:
    program = start("""
        class Garage:
            def __init__(self, device): pass
            def on(self): return State.ON
            def off(self): return State.OFF
            def status(self): return State.OFF
    """)  # fmt: skip
    assert "devices.gate.kind: Garage has no method lock and no method unlock, which a lock needs" in program.log
    answer = program.ask("gate", "unlock")
    assert (answer.cause, answer.happened) == (Cause.NOT_CONFIGURED, Happened.NO)
    assert program.ask("lamp", "on").ending is Ending.DONE
    assert "Garage has no method lock" in program.health()[1]


SETTINGS = """
class Garage:
    def __init__(self, device):
        self.pin = device.settings.whole_number("pin", 0, 40)
        self.speed = device.agent_settings.number("speed", 0, 10)
        self.token = device.secret("GARAGE_TOKEN")
        print("made", device.name, self.pin, self.speed, self.token, flush=True)
    def on(self): return State.ON
    def off(self): return State.OFF
    def status(self): return State.OFF
"""


def test_settings_are_read_by_their_type_and_a_wrong_one_makes_its_device_idle_alone(start: Start) -> None:
    program = start(SETTINGS, only("lamp", "fan", pin="four"), GARAGE_TOKEN="secret")
    assert "made fan 5 2.0 secret" in program.log
    assert 'devices.lamp.pin: "four" is wrong; it is a whole number from 0 to 40' in program.log
    assert program.ask("lamp", "on").cause is Cause.NOT_CONFIGURED
    assert program.ask("fan", "on").ending is Ending.DONE
    assert "devices.lamp.pin" in program.health()[1]


def test_a_missing_secret_is_told_and_one_that_comes_later_counts_within_seconds(start: Start) -> None:
    program = start(SETTINGS, only("lamp"))
    assert "GARAGE_TOKEN is not set; set it in state/.env" in program.health()[1]
    assert program.ask("lamp", "on").cause is Cause.NOT_CONFIGURED
    env = program.home.places.env
    env.write_text(env.read_text() + "GARAGE_TOKEN=late\n")
    program.process.send_signal(signal.SIGHUP)
    wait_until(lambda: program.log.count("ready for commands") == 2, "it was made anew", 20)
    assert program.ask("lamp", "on").ending is Ending.DONE


def test_a_simulated_agent_never_runs_the_class_that_touches_hardware(start: Start) -> None:
    document = only("gate", "lamp")
    document["agents"]["garage"]["runs"] = "simulated"
    program = start("class Garage:\n    def __init__(self, device): raise SystemExit('hardware!')\n", document)
    answer = program.ask("lamp", "on")
    assert (answer.ending, answer.state, answer.simulated) == (Ending.DONE, State.ON, True)
    assert program.ask("gate", "unlock").state is State.UNLOCKED
    assert "lamp is ON (simulated)" in program.log
    assert "hardware!" not in program.log


WATCHING = """
import threading
class Garage:
    poll_seconds = 0
    def __init__(self, device): self.state, self.polls = State.OFF, 0
    def on(self): return State.ON
    def off(self): return State.OFF
    def status(self): return self.state
    def poll(self):
        self.polls += 1
        print("polled", self.polls, flush=True)
        return self.state
    def watch(self, look):
        def wall():
            while not Path("WALL").exists(): time.sleep(0.02)
            self.state = State.ON
            for _ in range(500): look()
        threading.Thread(target=wall, daemon=True).start()
"""


def test_a_change_without_a_command_is_published_at_once_and_many_are_one_look(start: Start, tmp_path: Path) -> None:
    program = start("from pathlib import Path\n" + WATCHING.replace("WALL", str(tmp_path / "wall")), only("lamp"))
    program.observer.wait_for(topics.state("garage", "lamp"), lambda heard: b'"off"' in heard.payload)
    (tmp_path / "wall").touch()
    seen = program.observer.wait_for(topics.state("garage", "lamp"), lambda heard: b'"on"' in heard.payload)
    assert seen.payload == b'{"state":"on"}'  # by nobody
    assert 1 <= program.log.count("polled") < 100


def test_what_pretends_without_a_word_in_the_configuration_is_not_used(start: Start) -> None:
    program = start(BLOCKING + "    simulated = True\n", only("lamp"))
    assert 'its agent runs "here", but Garage is `simulated`' in program.log
    assert program.ask("lamp", "on").cause is Cause.NOT_CONFIGURED


def test_a_kind_knows_its_states() -> None:
    assert Kind.SWITCH.states == (State.ON, State.OFF, State.UNKNOWN)


def test_it_runs_from_a_bundle_too_on_hardware_of_its_own(make_home: Callable[..., Home], tmp_path: Path) -> None:
    document = only("lamp")
    document["agents"]["garage"]["runs"] = "elsewhere"
    home = make_home(document=document)
    made = home.latchwire("bundle", "garage", "--host", "127.0.0.1")
    assert made.returncode == 0, made.stderr
    subprocess.run(["tar", "-xzf", home.places.bundles / "garage.tar.gz", "-C", tmp_path], check=True)
    file = tmp_path / "program.py"
    file.write_text(TOP + BLOCKING + BOTTOM)
    environment = {
        **home.environment(),
        "LATCHWIRE_STATE": str(tmp_path / "none"),
        "LATCHWIRE_RUN": str(tmp_path / "r"),
    }
    with (tmp_path / "log").open("w") as log:
        home.run(str(file), "--bundle", str(tmp_path / "garage"), env=environment, stdout=log, stderr=log)
    sender = home.sender(connect_seconds=5.0)
    wire = home.wire()
    wire.wait_for(topics.availability("garage"), lambda heard: heard.payload == b"online", 20)
    answer = sender.ask(agent="garage", device="lamp", action="on", sub="manual:test")
    assert (answer.ending, answer.state) == (Ending.DONE, State.ON), (tmp_path / "log").read_text()
