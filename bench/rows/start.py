"""From start to ready, and what stays in memory, of each service beside the packages that it cannot do without."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from bench.lab import Lab
from bench.measuring import Variant, in_turns
from bench.row import Check, Outcome, Row
from bench.statistics import p50, pooled, ratio
from support.broker import wait_until
from support.house import PROGRAMS, House, example
from support.x_api import FakeX
from support.x_http import BEARER

IMPORTS: Final = Path(__file__).parents[1] / "peers/imports.py"
LONGEST: Final = 30.0
SETTLE: Final = 0.3
"""Seconds between ready and the look at its memory."""
ROUNDS: Final = 9
NOTES: Final = """
A program is started by its console script, with the example's configuration, and is ready when its log says so:
connected to the broker, every subscription proved, its part begun. Beside it, the same interpreter imports the
third-party packages that this service cannot do without, and says that it has. Memory is the resident set (VmRSS) at
rest, a moment later. The relay agent runs from a bundle, as on the Omega, where it needs no schema library; its relays
are simulated.

The packages:
"""
MISSED: Final = """
Beside the packages a service reads our own modules and the standard library's (about 100 files), checks the user's file
against its schema, connects, and proves each subscription by a message to itself; the listener also asks X for people
and rules. Next: import what only rare paths need when they need it.
"""


class Service(NamedTuple):
    """One of the four.

    Attributes:
        packages: what it cannot do without.
        ready: what its log says (a regular expression).
        variables: of its environment.
        arguments: of its command line.
    """

    packages: Sequence[str]
    ready: str
    variables: Mapping[str, str] = {}
    arguments: Sequence[str] = ()


class Starter:
    """Starts one program again and again.

    Args:
        command: the program.
        environment: its environment.
        ready: what its standard error says when it is ready.
        folder: where it runs.
        before: called before each start, outside the clock.
    """

    def __init__(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        ready: str,
        folder: Path,
        before: Callable[[], object],
    ) -> None:
        self._command, self._environment, self._ready, self._folder = command, environment, ready, folder
        self._before = before
        self.memory: list[list[float]] = []

    def measure(self, count: int) -> list[float]:
        """Microseconds until it is ready; notes its memory in kilobytes."""
        return [self._once() for _ in range(count)]

    def _once(self) -> float:
        self._before()
        begun = time.perf_counter_ns()
        with subprocess.Popen(
            self._command, env=self._environment, cwd=self._folder, stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        ) as process:  # fmt: skip
            try:
                took = self._until_ready(process, begun)
                time.sleep(SETTLE)
                status = Path(f"/proc/{process.pid}/status").read_text("ascii")
                self.memory.append([float(status.partition("VmRSS:")[2].split()[0])])
            finally:
                process.send_signal(signal.SIGTERM)
                process.communicate()
        return took

    def _until_ready(self, process: "subprocess.Popen[bytes]", begun: int) -> float:
        said = b""
        assert process.stderr is not None
        while not re.search(self._ready.encode(), said):
            part = os.read(process.stderr.fileno(), 65536)
            if not part or time.perf_counter_ns() - begun > LONGEST * 1e9:
                raise RuntimeError(f"{self._command[0]} is not ready: {said.decode(errors='replace')[-1000:]}")
            said += part
        return (time.perf_counter_ns() - begun) / 1000


def services(house: House, x: FakeX) -> dict[str, Service]:
    """The four."""
    made = house.command_line(
        "bundle", "omega", "--host", "127.0.0.1", environment={"LATCHWIRE_STATE": str(house.places.state)}
    )
    assert made.returncode == 0, made.stderr
    bundle = house.folder / "bundle"
    bundle.mkdir(mode=0o700)
    archive = house.places.state / "bundles/omega.tar.gz"
    subprocess.run(["tar", "-xzf", archive, "-C", bundle, "--strip-components=1"], check=True)
    return {
        "relay-agent": Service(("paho.mqtt.client",), "ready for commands", arguments=("--bundle", str(bundle))),
        "magiq-bridge": Service(("paho.mqtt.client", "jsonschema", "requests"), "ready for commands"),
        "twitter-listener": Service(
            ("paho.mqtt.client", "jsonschema", "requests", "tweepy"),
            r"(?s)(?=.*ready to ask).*Listening to X",
            {"X_API_BASE": x.base, "X_BEARER_TOKEN": BEARER},
        ),
        "whatsapp-webhook": Service(
            ("paho.mqtt.client", "jsonschema", "flask", "waitress", "twilio.request_validator",
             "twilio.twiml.messaging_response"),
            "ready to ask",
        ),
    }  # fmt: skip


def run(lab: Lab) -> Outcome:
    """Measures."""
    document = example()
    house = lab.house(document)
    x = FakeX(accounts={"101": "example_john", "102": "example_jane"})
    lab.at_end(x.__exit__, None, None, None)
    x.__enter__()
    every = services(house, x)
    starters: dict[str, Starter] = {}

    def x_has_noticed() -> None:  # X counts a connection until it notices that nobody is there
        wait_until(lambda: x.streams == 0, "X has closed the last stream")

    for name, service in every.items():
        program = [str(PROGRAMS / f"latchwire-{name}"), *service.arguments]
        starters[name] = Starter(
            program, {**house.environment(), **service.variables}, service.ready, house.folder, x_has_noticed
        )
        alone = [sys.executable, str(IMPORTS), *service.packages]
        starters[f"{name}'s packages"] = Starter(alone, house.environment(), "ready", house.folder, x_has_noticed)
    found = in_turns(
        {name: Variant(starter.measure, 1) for name, starter in starters.items()},
        rounds=lab.scaled(ROUNDS, 2), seconds=90, warm_up=1,
    )  # fmt: skip
    memory = {name: starter.memory[1:] for name, starter in starters.items()}
    checks, told = [], []
    for name in every:
        packages = f"{name}'s packages"
        checks.append(Check(f"{name}: start", ratio(found[name], found[packages]), 1.5, missed=MISSED))
        checks.append(Check(f"{name}: memory", ratio(memory[name], memory[packages]), 1.3, missed=MISSED))
    for name in starters:
        milliseconds, kilobytes = p50(pooled(found[name])) / 1000, p50(pooled(memory[name]))
        told.append(f"{name}: {milliseconds:.0f} ms, {kilobytes / 1024:.1f} MB")
    plots = [
        {"kind": "bars", "file": "start", "title": "From start to ready", "x": "ms",
         "series": {name: p50(pooled(turns)) / 1000 for name, turns in found.items()}},
        {"kind": "bars", "file": "start-memory", "title": "Resident memory at rest", "x": "MB",
         "series": {name: p50(pooled(turns)) / 1024 for name, turns in memory.items()}},
    ]  # fmt: skip
    lists = "\n".join(f"- {name}: {', '.join(service.packages)}" for name, service in every.items())
    return Outcome(checks, told, f"{NOTES}\n{lists}", plots, {"start": found, "memory": memory})


ROW: Final = Row(
    order=10,
    name="start",
    what="start to ready, and resident memory, of each service",
    against="its unavoidable imports alone: an interpreter that imports the packages it cannot do without",
    run=run,
)
