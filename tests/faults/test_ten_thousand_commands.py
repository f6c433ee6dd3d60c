"""10,000 commands of three issuers for eight devices, while everything between and beneath them fails.

Real programs: Mosquitto, both agents, three crowds of askers; each on a wire of its own that delays, swallows, cuts and
corrupts. Meanwhile agents, askers and broker are killed, and the relays' bus fails in each way that a bus fails. Then
it is quiet, and what everybody was told is compared with what happened at the hardware.

``LATCHWIRE_FAULTS_COMMANDS`` is another number of commands, ``LATCHWIRE_FAULTS_SEED`` repeats a plan.
"""

import os
import random
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any, Final

import pytest

from latchwire.sender import Ending, Sender
from latchwire_relay_agent.simulated import SimulatedBus
from support.asking import DEVICES
from support.broker import TOP, wait_until
from support.faulty_wire import FaultyWires, Kind, seeded
from support.home import Home
from support.told import Books

COMMANDS: Final = int(os.environ.get("LATCHWIRE_FAULTS_COMMANDS", "10000"))
SEED: Final = os.environ.get("LATCHWIRE_FAULTS_SEED") or ("1" if os.environ.get("CI") else os.urandom(4).hex())
ISSUERS: Final = ("manual", "whatsapp", "twitter")
THREADS: Final = 16
LIFETIME: Final = 5
LOCKED: Final = {"door": 0, "shed": 1, "gate": 2}
"""The locks that nobody opens for good, and their relays; all are locked while the relay is released."""


def document() -> dict[str, Any]:
    lock = {"agent": "omega", "kind": "lock", "locked": "released", "toggleSeconds": 1}
    switch = {"kind": "switch"}
    return {
        "agents": {
            "omega": {"type": "relay", "runs": "simulated", "lifetime": LIFETIME},
            "magiq": {"type": "magiq", "runs": "simulated", "lifetime": LIFETIME},
        },
        "devices": {
            "door": {**lock, "channel": 0},
            "shed": {**lock, "channel": 1, "atStart": "keep"},
            "gate": {**lock, "channel": 2, "relockAfterSeconds": 1},
            "vault": {**lock, "channel": 3, "locked": "energised"},
            "lamp": {**switch, "agent": "omega", "channel": 4},
            "fan": {**switch, "agent": "omega", "channel": 5},
            "ac": {**switch, "agent": "magiq", "deviceId": "1"},
            "light": {**switch, "agent": "magiq", "deviceId": "2"},
        },
        "people": {"owner": {"manual": True, "may": "*"}},
    }


class Storm:
    """All processes, and who kills them."""

    def __init__(self, home: Home, wires: FaultyWires) -> None:
        self.home, self.wires = home, wires
        self.folder = home.places.data
        self.calm, self.stay = self.folder / "calm", self.folder / "stay"
        self.stay.touch()
        self.ports = {name: wires.add(name, seeded(f"{SEED}/{name}", mean=70_000)) for name in ("omega", "magiq")}
        self.ports |= {name: wires.add(name, seeded(f"{SEED}/{name}", mean=50_000)) for name in ISSUERS}
        self.dice = random.Random(SEED)  # noqa: S311  # a plan, no secret
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.killed: dict[str, int] = {}

    def start(self, name: str, after: float = 0.0) -> None:
        variables = self._asker(name) if name in ISSUERS else self._agent(name, after)
        program = {"omega": ("support.counted", "relay-agent"), "magiq": ("support.counted", "magiq-bridge")}
        environment = {**self.home.environment(), "PYTHONPATH": str(TOP / "tests"), **variables}
        with (self.folder / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                [sys.executable, "-m", *program.get(name, ("support.asking",))], env=environment,
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip

    def _agent(self, name: str, after: float) -> dict[str, str]:
        return {
            "BROKER_PORT": str(self.ports[name]), "COUNTED_FILE": str(self.folder / f"{name}.hardware"),
            "START_AFTER": f"{after:.3f}", "I2C_SEED": f"{SEED}/i2c", "I2C_CALM": str(self.calm),
        }  # fmt: skip

    def _asker(self, name: str) -> dict[str, str]:
        count = COMMANDS // len(ISSUERS) + (ISSUERS.index(name) < COMMANDS % len(ISSUERS))
        return {
            "ASKING_AS": name, "ASKING_SEED": SEED, "ASKING_FILE": str(self.folder / f"{name}.asked"),
            "ASKING_PORT": str(self.ports[name]), "ASKING_COUNT": str(count), "ASKING_THREADS": str(THREADS),
            "ASKING_STAY": str(self.stay), "ASKING_PACE": "0.35", "ASKING_MQTT": "3.1.1" if name == "twitter" else "5",
        }  # fmt: skip

    def asked(self) -> int:
        files = [self.folder / f"{name}.asked" for name in ISSUERS]
        return sum(path.read_bytes().count(b'"asked"') for path in files if path.exists())

    def told(self) -> bool:
        """Whether each crowd has done what it was to do."""
        return self.asked() >= COMMANDS and not any(self.untold(name) for name in ISSUERS)

    def untold(self, name: str) -> int:
        """How many commands of a living asker have no answer yet."""
        books = Books(askers=[self.folder / f"{name}.asked"], hardware=[])
        return max(0, len(books.asked) - len(books.told) - self.killed.get(name, 0))

    def strike(self) -> None:
        """Somebody is killed, or everybody is cut off."""
        what = self.dice.choices(("omega", "magiq", "broker", "asker", "cut"), (4, 2, 2, 2, 2))[0]
        if what == "cut":
            kind = self.dice.choice((Kind.FIN, Kind.RST))
            self.wires.tell(f"all wires are cut by {kind}")
            self.wires.cut(kind=kind)
        elif what == "broker":
            self.wires.tell("the broker is killed")
            self.home.broker.kill()
            time.sleep(self.dice.uniform(0, 0.5))
            self.home.broker.start()
            self.wires.tell("the broker is back")
        else:
            self.kill(self.dice.choice(ISSUERS) if what == "asker" else what)

    def kill(self, name: str) -> None:
        process = self.processes[name]
        if name in ISSUERS and self.asked() >= COMMANDS:
            return  # it only waits for truths
        assert process.poll() is None, f"{name} ended by itself, see {self.folder / name}.log"
        self.wires.tell(f"{name} is killed")
        process.kill()
        process.wait(10)
        if name in ISSUERS:
            self.killed[name] = self.killed.get(name, 0) + THREADS
        self.start(name, after=self.dice.choice((0.0, 0.0, 0.5)))

    def close(self) -> None:
        for process in self.processes.values():
            process.kill()
            process.wait(10)


@pytest.fixture
def storm(make_home: Callable[..., Home]) -> Any:
    home = make_home(document=document())
    with FaultyWires(to=home.broker.port) as wires:
        made = Storm(home, wires)
        yield made
        made.close()


def ask(sender: Sender, where: str, action: str) -> Any:
    agent, device = where.split("/")
    return sender.ask(agent=agent, device=device, action=action, sub="manual:test", wait=5)


def wait_until_all_is_well(storm: Storm, sender: Sender) -> None:
    """Until every device answers again; else the message tells the seed, who does not, and each fault that was met."""
    end = time.monotonic() + 60
    while True:
        answers = {where: ask(sender, where, "status") for where in DEVICES}
        if all(answer.ending is Ending.DONE for answer in answers.values()):
            return
        story = [f"seed {SEED}", *(f"{where}: {answer}" for where, answer in answers.items()), *storm.wires.story]
        assert time.monotonic() < end, "\n".join(story)


def test_nothing_is_done_twice_and_nobody_is_told_what_is_not_true(storm: Storm) -> None:
    sys.stdout.write(f"seed {SEED}\n")
    begun = time.monotonic()
    for name in ("omega", "magiq", *ISSUERS):
        storm.start(name)
    wait_until(lambda: storm.asked() > 50, "the crowds ask", 30)
    while storm.asked() < COMMANDS:
        assert time.monotonic() - begun < COMMANDS / 20, f"too slow: {storm.asked()} asked"
        time.sleep(storm.dice.uniform(0.3, 2.0))
        storm.strike()
    seconds = time.monotonic() - begun
    storm.wires.be_calm()
    storm.calm.touch()
    storm.wires.tell("all is calm")
    wait_until(storm.told, "everybody is told", 30)
    sender = storm.home.sender()
    wait_until_all_is_well(storm, sender)
    board = SimulatedBus(memory=storm.home.places.run / "omega.simulated-board")
    wait_until(lambda: not board.relays() & 0b111, "no toggle is open", 10)
    time.sleep(2 * LIFETIME)  # after so long nothing that was asked for may begin any more
    assert not board.relays() & 0b111
    books = read(storm)
    sys.stdout.write(
        f"{len(books.asked)} commands in {seconds:.0f} s: {dict(books.endings)}, {len(books.begun)} acted on, "
        f"{len(books.late)} truths came late, {len(storm.wires.story)} faults, {storm.wires.made} connections\n"
    )
    problems = books.problems()
    assert not problems, "\n".join([f"seed {SEED}", *problems[:20], *storm.wires.story])
    assert len(books.asked) == COMMANDS
    assert len(books.begun) > COMMANDS * 0.2, "too few were acted on to prove anything"
    assert books.late, "no truth came late"
    assert set(books.endings) == {ending.value for ending in Ending}


def read(storm: Storm) -> Books:
    return Books(
        askers=[storm.folder / f"{name}.asked" for name in ISSUERS],
        hardware=[storm.folder / f"{name}.hardware" for name in ("omega", "magiq")],
        killed=sum(storm.killed.values()),
    )
