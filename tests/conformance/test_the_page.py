"""``docs/other-languages.md`` is true: its lines, typed as they stand, bring a lamp of one's own to work."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

import pytest

from support.broker import TOP, Broker, free_port, wait_until

PAGE: Final = TOP / "docs/other-languages.md"


def block(comment: str) -> str:
    """The fenced block after that comment."""
    found = re.search(rf"<!-- {comment} -->\n```\w*\n(.*?)```\n", PAGE.read_text(), re.DOTALL)
    assert found, f"{PAGE} has no block <!-- {comment} -->"
    return found[1]


class Checkout:
    """A folder that looks like the checkout, with a state folder and a broker of its own."""

    def __init__(self, folder: Path, start_broker: Callable[..., Broker]) -> None:
        self.folder: Final = folder
        self.state: Final = folder / "state"
        folder.mkdir()
        (folder / "latchwire").write_text(f'#!/bin/sh\nexec "{Path(sys.executable).parent}/latchwire" "$@"\n')
        (folder / "latchwire").chmod(0o755)
        (folder / "examples").symlink_to(TOP / "examples")
        self._port = free_port()
        self.type("./latchwire init")
        self.broker: Final = start_broker(logins=self._passwords())
        self._port = self.broker.port
        self._programs: Final[list[subprocess.Popen[bytes]]] = []

    @property
    def _variables(self) -> dict[str, str]:
        return {**os.environ, "LATCHWIRE_STATE": str(self.state), "BROKER_PORT": str(self._port)}

    def _passwords(self) -> dict[str, str]:
        return {path.name: path.read_text().strip() for path in (self.state / "logins").iterdir()}

    def configure(self, addition: dict[str, dict[str, object]]) -> None:
        """What the reader does in an editor."""
        path = self.state / "config/config.json"
        document = json.loads(path.read_text())
        for part, members in addition.items():
            document[part] |= members
        path.write_text(json.dumps(document, indent=2))

    def learn_logins(self) -> None:
        """What ``latchwire init`` does to the broker of ``make run``."""
        self.broker.add_login("shelf", self._passwords()["shelf"])

    def type(self, lines: str) -> str:
        """What it prints; fails if the lines do."""
        done = subprocess.run(
            ["sh", "-eu", "-c", lines], cwd=self.folder, env=self._variables, capture_output=True, text=True,
            timeout=60, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def start(self, lines: str) -> Path:
        """Starts what the lines end with; gives the file that it logs to."""
        log = self.folder / "log"
        with log.open("wb") as file:
            program = subprocess.Popen(
                ["sh", "-eu", "-c", lines], cwd=self.folder, env=self._variables, stdin=subprocess.DEVNULL,
                stdout=file, stderr=file, start_new_session=True,
            )  # fmt: skip
        self._programs.append(program)
        return log

    def close(self) -> None:
        """Ends all that was started."""
        for program in self._programs:
            with suppress(ProcessLookupError):
                os.killpg(program.pid, signal.SIGKILL)
            program.wait(10)


@pytest.fixture
def checkout(tmp_path: Path, start_broker: Callable[..., Broker]) -> Iterator[Checkout]:
    made = Checkout(tmp_path / "checkout", start_broker)
    yield made
    made.close()


def test_the_pages_lines_bring_a_lamp_to_work(program: str, checkout: Checkout) -> None:
    if program not in {"javascript", "shell"}:
        pytest.skip("the page has no lines for it")
    checkout.configure(json.loads(block("config")))
    told = checkout.type(block("run: bundle"))
    assert "on this machine" in told
    checkout.learn_logins()
    # What the first line of JavaScript's block installs is there already, or this test would be skipped.
    log = checkout.start(block(f"run: {program}").replace("npm ci --prefix examples/javascript\n", ""))
    wait_until(lambda: "ready for commands" in log.read_text(), "it is ready", 20)
    # The demo's own agents do not run here, which makes the exit status of `status` a 1.
    said = checkout.type(block("run: send").replace("status\n", "status || true\n"))
    assert "lamp is ON (simulated)." in said
    row = next(line for line in said.splitlines() if line.startswith("agent shelf"))
    assert "lamp, elsewhere" in row
    assert row.endswith("connected")
    assert "All is well" in checkout.type("./latchwire check")
