"""A house that runs: the real programs, as the console scripts start them, on a home of the test's own.

``House`` is a ``Home`` with WhatsApp's side of it added: it posts as Twilio does, reads the simulated relay board's
memory as a meter on its pins would, and starts, kills and pauses programs by their names. Nothing in here knows how
the services do what they do; a test looks at replies, registers, what passes at the broker, and logs.
"""

import json
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import urlencode

from latchwire_relay_agent.registers import IODIR, OLAT
from latchwire_relay_agent.simulated import BOARD_BYTES
from latchwire_whatsapp_webhook.say import form, signed, words_of
from support.broker import HOST, TOP, Broker, free_port, wait_until
from support.home import Home

PROGRAMS: Final = Path(sys.executable).parent
PUBLIC: Final = "https://door.example.com"
TOKEN: Final = "demo-token-of-these-tests"
JOHN: Final = "+15555550100"
JANE: Final = "+15555550101"
TWILIO_SECONDS: Final = 15.0
"""How long Twilio waits for the whole answer (error 11205)."""
READY: Final = {
    "relay-agent": "ready for commands",
    "magiq-bridge": "ready for commands",
    "whatsapp-webhook": "ready to ask",
    "twitter-listener": "ready to ask",
}
"""What each program logs when it is at work."""


class Reply(NamedTuple):
    """What the webhook answered: what stands in the chat, the raw TwiML, and how long it took, in seconds."""

    words: str
    twiml: str
    seconds: float


class House(Home):
    """A home whose programs run.

    Args:
        folder: an empty one.
        document: what config.json holds.
        variables: lines of ``.env`` beside the usual ones.
        start_broker: starts its broker, which is then not ended with the house; left out, a Mosquitto of its own.

    Attributes:
        webhook: where the webhook listens.
    """

    def __init__(
        self,
        *,
        folder: Path,
        document: Mapping[str, Any],
        variables: Mapping[str, str] | None = None,
        start_broker: Callable[..., Broker] | None = None,
    ) -> None:
        self.folder: Final = folder
        self._brokers = ExitStack()
        port = free_port()
        self.webhook: Final = f"http://{HOST}:{port}/whatsapp"
        self._programs: dict[str, subprocess.Popen[bytes]] = {}
        usual = {"WEBHOOK_PORT": str(port), "TWILIO_AUTH_TOKEN": TOKEN, "PUBLIC_BASE_URL": PUBLIC}
        super().__init__(
            folder=folder / "state", start_broker=start_broker or self._start_broker, document=document,
            variables={**usual, **(variables or {})},
        )  # fmt: skip

    def _start_broker(self, **options: Any) -> Broker:
        return self._brokers.enter_context(Broker(folder=self.folder / "broker", **options))

    def close(self) -> None:
        """Ends all programs, then the broker."""
        for name in [*self._programs]:
            self.kill(name)
        super().close()
        self._brokers.close()

    # ------------------------------------------------------------------------------------ programs

    def start(self, *names: str, as_module: str = "", **variables: str) -> None:
        """Starts programs together, and returns when all are at work."""
        before = {name: len(re.findall(READY[name], self.log(name))) for name in names}
        for name in names:
            self.launch(name, as_module=as_module, **variables)
        for name in names:
            self.wait_for_log(name, READY[name], times=before[name] + 1)

    def launch(self, name: str, *, as_module: str = "", **variables: str) -> None:
        """Starts a program by its console script, or wrapped by a module of tests/support, and does not wait."""
        program = [sys.executable, "-m", as_module, name] if as_module else [PROGRAMS / f"latchwire-{name}"]
        if as_module:
            variables = {"PYTHONPATH": str(TOP / "tests"), **variables}
        with (self.folder / f"{name}.log").open("ab") as log:
            self._programs[name] = subprocess.Popen(
                program, env=self.environment() | variables, cwd=self.folder,
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip

    def pid(self, name: str) -> int:
        """The process of a program that was started."""
        return self._programs[name].pid

    def end(self, name: str) -> None:
        """Ends a program in order."""
        self._programs[name].send_signal(signal.SIGTERM)
        assert self._programs.pop(name).wait(10) == 0

    def kill(self, name: str) -> None:
        """SIGKILL."""
        program = self._programs.pop(name)
        program.kill()
        program.wait(10)

    def wait_for_end(self, name: str) -> int:
        """Waits until a program has ended by itself; its exit status."""
        return self._programs.pop(name).wait(10)

    def pause(self, name: str) -> None:
        """SIGSTOP: its connections stay open, and it does nothing."""
        self._programs[name].send_signal(signal.SIGSTOP)

    def resume(self, name: str) -> None:
        """SIGCONT."""
        self._programs[name].send_signal(signal.SIGCONT)

    def reload(self, name: str) -> None:
        """SIGHUP: it looks at once whether what it reads has changed."""
        self._programs[name].send_signal(signal.SIGHUP)

    def log(self, name: str) -> str:
        """All that a program has logged, over all its starts."""
        path = self.folder / f"{name}.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def wait_for_log(self, name: str, words: str, *, times: int = 1, seconds: float = 20.0) -> None:
        """Waits until the regular expression is found so often in a program's log."""
        end = time.monotonic() + seconds
        while len(re.findall(words, self.log(name))) < times:
            assert time.monotonic() < end, f"{words!r} is not in the log of {name}:\n{self.log(name)}"
            time.sleep(0.02)

    def healthy(self, name: str) -> tuple[bool, str]:
        """What the program's own ``--health`` says, and whether it is well."""
        done = subprocess.run(
            [PROGRAMS / f"latchwire-{name}", "--health"], env=self.environment(), cwd=self.folder, check=False,
            capture_output=True, text=True, timeout=20,
        )  # fmt: skip
        return done.returncode == 0, done.stdout

    # ------------------------------------------------------------------------------------ hardware

    def relay_is_closed(self, channel: int = 0) -> bool:
        """What a meter on the simulated board's pin shows: driven (IODIR) and high (OLAT)."""
        memory = (self.places.run / "omega.simulated-board").read_bytes()
        board = memory[BOARD_BYTES * 7 :][:BOARD_BYTES]  # 0x27 - 0x20
        return bool(board[OLAT] & ~board[IODIR] & 1 << channel)

    def wait_for_relay(self, *, closed: bool, channel: int = 0, seconds: float = 10.0) -> None:
        """Waits until the relay is so."""
        what = f"relay {channel} {'closes' if closed else 'opens'}"
        wait_until(lambda: self.relay_is_closed(channel) is closed, what, seconds)

    # ------------------------------------------------------------------------------------ WhatsApp

    def post(self, fields: Mapping[str, str], *, token: str = TOKEN) -> Reply:
        """Posts a form as Twilio does, signed by Twilio's own code; fails unless it gets 200 and valid TwiML."""
        headers = signed(fields, url=f"{PUBLIC}/whatsapp", token=token)
        request = urllib.request.Request(self.webhook, urlencode(fields).encode(), headers)  # noqa: S310 - our own
        begun = time.monotonic()
        with urllib.request.urlopen(request, timeout=TWILIO_SECONDS + 5) as response:  # noqa: S310 - our own
            body = response.read().decode()
            assert response.headers["Content-Type"].startswith("text/xml")
        return Reply(words_of(body), body, time.monotonic() - begun)

    def whatsapp(self, text: str, sender: str = JOHN) -> Reply:
        """Somebody writes that."""
        return self.post(form(text, sender=sender))

    # -------------------------------------------------------------------------------- command line

    def command_line(self, *arguments: str | bytes, **options: Any) -> subprocess.CompletedProcess[str]:
        """Runs ``latchwire`` to its end, from the folder where ``state`` is."""
        environment = options.pop("environment", {})
        if "input" not in options:
            options.setdefault("stdin", subprocess.DEVNULL)
        return subprocess.run(
            [PROGRAMS / "latchwire", *arguments], env=self.environment() | environment, cwd=self.folder, text=True,
            capture_output=True, timeout=40, check=False, errors="replace", **options,
        )  # fmt: skip


def example() -> dict[str, Any]:
    """A copy of the example configuration, which knows a lock and two switches, John and Jane."""
    document = json.loads((TOP / "config.example.json").read_text("utf-8"))
    assert isinstance(document, dict)
    del document["$schema"]
    return document


def crowd(document: dict[str, Any], count: int) -> list[str]:
    """Adds so many people who may work the front door to the configuration; gives their numbers."""
    numbers = [f"+1555555{150 + number:04d}" for number in range(count)]
    for number in numbers:
        document["people"][f"n{number[1:]}"] = {"whatsapp": number, "may": {"front-door": ["lock", "unlock"]}}
    return numbers
