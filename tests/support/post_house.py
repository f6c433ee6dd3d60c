"""A house of a test's own for posts on X: the real programs, a real broker, a simulated relay, a fake X."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Final, Self

from support.broker import wait_until
from support.x_api import FakeX
from support.x_http import BEARER

TOP: Final = Path(__file__).parents[2]
PROGRAMS: Final = Path(sys.executable).parent


class House:
    """A state folder of the test's own, and the programs that run on it, as talkative as they can be.

    Args:
        folder: where the state folder and the logs are made.
        x: what stands in for X.
        init: arguments of ``latchwire init``.
        bearer: the token in the environment; "" for none.
    """

    def __init__(self, *, folder: Path, x: FakeX, init: tuple[str, ...] = (), bearer: str = BEARER) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        self.state = folder / "state"
        self.folder = folder
        self.environment = {
            "PATH": f"{PROGRAMS}:{os.environ['PATH']}:/usr/sbin",
            "LATCHWIRE_STATE": str(self.state),
            "BROKER_PORT": str(port),
            "X_API_BASE": x.base,
            "X_BEARER_TOKEN": bearer,
            "LOG_LEVEL": "DEBUG",
        }
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        self.say("init", *init)

    def run(self, name: str, *command: str, **variables: str) -> None:
        """Starts a program."""
        with (self.folder / f"{name}.log").open("ab") as log:
            self.running[name] = subprocess.Popen(
                command, env=self.environment | variables, cwd=TOP, stdout=log, stderr=log
            )

    def say(self, *arguments: str) -> str:
        """Runs ``latchwire`` with these arguments; what it prints."""
        done = subprocess.run(
            ["latchwire", *arguments], env=self.environment, cwd=TOP, check=False, capture_output=True, text=True
        )
        assert "Traceback" not in done.stderr, done.stderr
        return done.stdout + done.stderr

    def log(self, name: str) -> str:
        """All that it has printed."""
        return (self.folder / f"{name}.log").read_text()

    def wait_for(self, name: str, words: str, *, times: int = 1, seconds: float = 20) -> None:
        """Waits until these words (a regular expression) are in its log so often."""
        until = time.monotonic() + seconds
        while len(re.findall(words, self.log(name))) < times:
            assert time.monotonic() < until, f"{words!r} is not in the log of {name}:\n{self.log(name)}"
            time.sleep(0.02)

    def end(self, name: str) -> float:
        """Ends a program; the seconds that it took."""
        process = self.running.pop(name)
        begun = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) in {0, -signal.SIGTERM}
        return time.monotonic() - begun

    def listen(self, x: FakeX, *names: str) -> None:
        """Starts the listener and waits until it hears these accounts."""
        started = self.log("x").count("Listening to X") if (self.folder / "x.log").exists() else 0
        self.run("x", "latchwire-twitter-listener")
        self.wait_for("x", "Listening to X", times=started + 1)
        self.wait_for("x", "ready to ask", times=started + 1)
        x.wait_for_stream()
        wait_until(
            lambda: all(any(name in rule["value"] for rule in x.rules.values()) for name in names),
            f"rules that name {names}",
        )

    def __enter__(self) -> Self:
        """Starts the broker and the simulated relay."""
        self.run("broker", "scripts/broker")
        self.run("relay", "latchwire-relay-agent")
        self.wait_for("relay", "ready for commands")
        return self

    def __exit__(self, *_: object) -> None:
        """Ends all programs."""
        for name in list(self.running):
            self.end(name)
