"""An installation as a person has it: a state folder that ``latchwire init`` made, our broker, and programs at work.

Everything is done by the command line and by files, as the documents say it; ``Installation`` only starts and ends
processes and waits.
"""

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

from latchwire.bus import Endpoint, Login
from latchwire.config.places import Places
from latchwire.protocol.keys import Key
from latchwire_whatsapp_webhook.say import form, signed, words_of
from support.broker import HOST, TOP, free_port
from support.wire import Wire

PROGRAMS: Final = Path(sys.executable).parent
TOKEN: Final = "demo-token-of-these-tests"
PUBLIC: Final = "https://door.example.com"


class Installation:
    """A state folder and what runs with it.

    Args:
        folder: an empty one.
        document: what config.json holds; the demo if it is left out.
        tls: make the broker's certificate, too, so that agents elsewhere can have bundles.
        made: a state folder that is there already: nothing is made.

    Attributes:
        places: the state folder.
        environment: what its programs get.
    """

    def __init__(
        self,
        *,
        folder: Path,
        document: Mapping[str, Any] | None = None,
        tls: bool = False,
        made: bool = False,
        variables: Mapping[str, str] | None = None,
    ) -> None:
        folder.mkdir(exist_ok=True)
        self.folder: Final = folder
        self.places: Final = Places(folder / "state")
        self.webhook: Final = free_port()
        self.environment: Final[dict[str, str]] = {
            "PATH": f"{PROGRAMS}:{os.environ['PATH']}:/usr/sbin",
            "LATCHWIRE_STATE": str(self.places.state),
            "BROKER_PORT": str(free_port()),
            "BROKER_TLS_PORT": str(free_port()),
            "WEBHOOK_PORT": str(self.webhook),
            "TWILIO_AUTH_TOKEN": TOKEN,
            "PUBLIC_BASE_URL": PUBLIC,
            **(variables or {}),
        }
        self._running: Final[dict[str, subprocess.Popen[bytes]]] = {}
        if document is not None:
            self.places.config.parent.mkdir(parents=True, mode=0o700)
            self.places.config.write_text(json.dumps(document, indent=2))
        if not made:
            self.latchwire("init", *(("--tls", HOST) if tls else ()))

    # ------------------------------------------------------------------------------------ programs

    def latchwire(self, *words: str, status: int = 0) -> str:
        """Runs the command line to its end; all that it said."""
        done = subprocess.run(
            ["latchwire", *words], env=self.environment, cwd=TOP, check=False, capture_output=True, text=True,
            stdin=subprocess.DEVNULL, timeout=120,
        )  # fmt: skip
        said = done.stdout + done.stderr
        assert done.returncode == status, f"{' '.join(words)}: exit status {done.returncode}\n{said}"
        return said

    def run(self, name: str, *command: str, **variables: str) -> subprocess.Popen[bytes]:
        """Starts something under a name."""
        with (self.folder / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                command, env=self.environment | variables, cwd=TOP, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        self._running[name] = process
        return process

    def start_broker(self) -> None:
        """Starts our broker, as ``make run`` does."""
        times = self.log("broker").count("running")
        self.run("broker", "scripts/broker")
        self.wait_for("broker", "running", times=times + 1)

    def start(self, *names: str) -> None:
        """Starts services, and returns when all are at work."""
        before = {name: len(re.findall(_READY, self.log(name))) for name in names}
        for name in names:
            self.run(name, f"latchwire-{name}")
        for name in names:
            self.wait_for(name, _READY, times=before[name] + 1)

    def end(self, name: str) -> None:
        """Ends it in order."""
        process = self._running.pop(name)
        process.send_signal(signal.SIGTERM)
        process.wait(10)

    def close(self) -> None:
        """Ends all of it."""
        for name in reversed([*self._running]):
            self.end(name)

    # ------------------------------------------------------------------------------------ what is seen

    def log(self, name: str) -> str:
        """All that it has logged."""
        path = self.folder / f"{name}.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def wait_for(self, name: str, words: str, *, times: int = 1, seconds: float = 30.0) -> None:
        """Waits until the regular expression is found so often in its log."""
        until = time.monotonic() + seconds
        while len(re.findall(words, self.log(name))) < times:
            assert time.monotonic() < until, f"{words!r} is not in the log of {name}:\n{self.log(name)}"
            time.sleep(0.02)

    def kids(self, name: str) -> list[str]:
        """Which keys lie in a keyring."""
        return sorted(f"{key.kid} {key.agent}" for key in self.places.keyring(name))

    def keys(self, name: str) -> list[Key]:
        """The keys of a keyring."""
        return [*self.places.keyring(name)]

    def wire(self, login: str = "observer") -> Wire:
        """A bare MQTT client of that login; close it."""
        where = Endpoint(HOST, int(self.environment["BROKER_PORT"]))
        return Wire(where, Login(login, self.places.password(login)))

    def whatsapp(self, text: str, sender: str) -> str:
        """What somebody who writes that is answered; "" for nothing."""
        fields = form(text, sender=sender)
        headers = signed(fields, url=f"{PUBLIC}/whatsapp", token=TOKEN)
        return self.post(fields, headers)

    def post(self, fields: Mapping[str, str], headers: Mapping[str, str]) -> str:
        """Posts a form to the webhook: the words of the answer, or the status of a refusal."""
        address = f"http://{HOST}:{self.webhook}/whatsapp"
        request = urllib.request.Request(address, urlencode(fields).encode(), dict(headers))
        try:
            with urllib.request.urlopen(request, timeout=20) as response:  # noqa: S310 - our own
                return words_of(response.read().decode())
        except urllib.error.HTTPError as error:
            return str(error.code)

    # ------------------------------------------------------------------------------------ hardware of its own

    def device(self, name: str, agent: str = "omega") -> Path:
        """Makes an agent's bundle, takes it to a device of its own as its lines say."""
        said = self.latchwire("bundle", agent)
        (line,) = [line.strip() for line in said.splitlines() if line.strip().startswith("(umask")]
        device = self.folder / name
        device.mkdir(exist_ok=True)
        subprocess.run(["sh", "-c", line.replace("FOLDER", str(device))], check=True)
        return device / "relay-agent"

    def start_device(self, name: str) -> None:
        """Starts what was taken there."""
        bundle, run = str(self.folder / name / "relay-agent"), str(self.folder / name / "run")
        times = len(re.findall(_READY, self.log(name)))
        self.run(name, "latchwire-relay-agent", "--bundle", bundle, LATCHWIRE_STATE="/nowhere", LATCHWIRE_RUN=run)
        self.wait_for(name, _READY, times=times + 1)


_READY: Final = "ready (?:for commands|to ask)"
