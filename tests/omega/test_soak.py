"""The agent from ``dist/`` holds no more after many commands and many reconnects than after a few.

``make soak`` does 100,000 commands and 1,000 reconnects, and looks at the memory too; ``make test`` does a few hundred.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from omega.household import Household
from omega.soak import Asker, Wire, held
from support.broker import wait_until

TOP: Final = Path(__file__).parents[2]
LONG: Final = "LATCHWIRE_SOAK" in os.environ
COMMANDS: Final = int(os.environ.get("LATCHWIRE_SOAK", "300"))
RECONNECTS: Final = max(COMMANDS // 100, 10)
FILLED: Final = 6 * 1024
"""After so many commands an agent keeps as many receipts as it ever will: four windows of 1024."""
SPARE_KB: Final = 400
"""What Python's allocator may take for its own good; a leak of five bytes a command is more in the long run."""
RUN: Final = """
import sys
sys.path.insert(0, sys.argv[1])
del sys.argv[1:]
from latchwire.bus import attempts
from latchwire_relay_agent.omega import main
attempts.PAUSES = (0.01,)  # a thousand reconnects in a minute
sys.exit(main())
"""


class Agent:
    """The agent's process."""

    def __init__(self, household: Household, archive: Path, log: Path) -> None:
        self.log = log
        bundle = household.folder / "bundle"
        environment = {"LATCHWIRE_BUNDLE": str(bundle), "LATCHWIRE_RUN": str(household.folder / "run")}
        with log.open("wb") as file:
            self.process = subprocess.Popen(
                [sys.executable, "-I", "-S", "-c", RUN, archive], env=environment, stderr=file
            )

    def connections(self) -> int:
        return self.log.read_text().count("ready for commands")

    def wait_until_ready(self, times: int) -> None:
        wait_until(lambda: self.connections() >= times, f"ready {times} times", 30)


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    dist = tmp_path_factory.mktemp("dist")
    environment = {**os.environ, "PYTHONPATH": str(TOP / "scripts")}
    subprocess.run([sys.executable, "-m", "omega_package", str(dist)], check=True, env=environment, cwd=TOP)
    subprocess.run([sys.executable, "-I", "-S", dist / "relay-agent.pyz", "--compile"], check=True)
    return next(dist.glob("relay-agent-*.zip"))


@pytest.fixture
def household(tmp_path: Path) -> Iterator[Household]:
    made = Household(folder=tmp_path, runs="simulated")
    made.start_broker()
    yield made
    made.stop_broker()


@pytest.fixture
def wire(household: Household) -> Iterator[Wire]:
    with Wire(household.port) as made:
        yield made


@pytest.fixture
def agent(household: Household, wire: Wire, archive: Path) -> Iterator[Agent]:
    folder = household.folder / "bundle"
    folder.mkdir(mode=0o700)
    own, through = str(household.port).encode(), str(wire.port).encode()
    for name, content in household.bundle("127.0.0.1").items():
        (folder / name).write_bytes(content.replace(own, through) if name == "broker.json" else content)
        (folder / name).chmod(0o600)
    made = Agent(household, archive, household.folder / "agent.log")
    made.wait_until_ready(1)
    yield made
    made.process.send_signal(signal.SIGTERM)
    assert made.process.wait(15) == 0


def test_memory_and_descriptors_stay_flat_over_many_commands(agent: Agent, household: Household) -> None:
    pid = agent.process.pid
    with Asker(household, "front-door") as asker:
        asker.ask(FILLED if LONG else 50)
        memory, descriptors, threads = held(pid)
        begun = time.monotonic()
        asker.ask(COMMANDS)
        seconds = time.monotonic() - begun
    after = held(pid)
    sys.stdout.write(f"{COMMANDS} commands in {seconds:.0f} s: {memory} KB before, {after[0]} KB after\n")
    assert asker.others == []
    assert not LONG or after[0] - memory < SPARE_KB
    assert after[1:] == (descriptors, threads)


def test_memory_and_descriptors_stay_flat_over_many_reconnects(agent: Agent, wire: Wire) -> None:
    pid, before = agent.process.pid, (0, 0, 0)
    first = max(RECONNECTS // 10, 10)
    for number in range(first + RECONNECTS):
        if number == first:
            before = held(pid)
        wire.cut()
        agent.wait_until_ready(number + 2)
    after = held(pid)
    sys.stdout.write(f"{RECONNECTS} reconnects: {before[0]} KB before, {after[0]} KB after\n")
    assert wire.made >= first + RECONNECTS
    assert after[0] - before[0] < SPARE_KB
    assert after[1:] == before[1:]
