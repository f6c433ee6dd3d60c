"""An agent from outside: a program of any language, started with its bundle, and all that can be said to it.

``Shelf`` is a household with one agent, ``shelf``, and its one switch, ``lamp``. It gives the program the folder that
``latchwire bundle`` makes, says commands on a real broker, right ones and wrong ones, and reads what is answered with
code of its own. Nothing in here knows what the program is written in.
"""

import base64
import hashlib
import hmac
import json
import os
import shutil
import signal
import subprocess
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, Final, Self

from latchwire.bus import Endpoint
from latchwire.cli import bundling
from latchwire.config.loading import load
from support.broker import TOP, Broker, wait_until
from support.home import Home
from support.tokens import b64, token
from support.wire import Heard, Wire

AGENT: Final = "shelf"
LAMP: Final = "lamp"
SECONDS: Final = 15.0
"""How long anything may take on a busy machine; a shell starts many programs for one command."""


OBEYS: Final = {"manual": "*", "whatsapp": ["status"], "twitter": {LAMP: ["on"]}}
"""Manual may do anything, whatsapp only ask, twitter only switch the lamp on."""


def document(lifetime: int, *, obeys: bool) -> dict[str, Any]:
    """What config.json holds."""
    agent = {"type": "lamp", "runs": "elsewhere", "lifetime": lifetime}
    return {
        "agents": {AGENT: {**agent, "obeys": OBEYS} if obeys else agent},
        "devices": {LAMP: {"agent": AGENT, "kind": "switch"}},
        "people": {"owner": {"manual": True, "may": "*"}},
    }


class Shelf:
    """The household; use it in a ``with`` block.

    Args:
        folder: an empty one.
        command: what starts the program under test.
        lifetime: of its nonces, in seconds.
        tls: whether it is to connect by TLS.
        mqtt: ``5`` or ``3.1.1``.
        obeys: whether it is told to obey some issuers in some things only, as ``OBEYS`` says.

    Attributes:
        broker: the broker; stop, kill and start it as needed.
        bundle: the program's folder.
        eye: hears all that passes.
    """

    def __init__(
        self,
        *,
        folder: Path,
        command: Sequence[str],
        lifetime: int = 30,
        tls: bool = False,
        mqtt: str = "5",
        obeys: bool = True,
    ) -> None:
        self.folder: Final = folder
        self.lifetime: Final = lifetime
        self.bundle: Final = folder / "bundle"
        self._command: Final = command
        self._running: Final = ExitStack()
        self._programs: Final[list[subprocess.Popen[bytes]]] = []
        self._issuers: Final[dict[str, Wire]] = {}
        self.home: Final = Home(
            folder=folder / "state", start_broker=self._start_broker, document=document(lifetime, obeys=obeys), tls=tls
        )
        self._running.callback(self.home.close)
        self.broker: Final[Broker] = self.home.broker
        self.write_bundle(port=self.broker.tls_port if tls else self.broker.port, tls=tls, mqtt=mqtt)
        self.eye: Final = self.home.wire("observer")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for program in self._programs:
            _end(program)
        self._running.close()

    def _start_broker(self, **options: Any) -> Broker:
        return self._running.enter_context(Broker(folder=self.folder / "broker", **options))

    def write_bundle(self, *, port: int, tls: bool = False, mqtt: str = "5", authority: str = "") -> None:
        """Writes the folder that the program reads, as ``latchwire bundle`` packs it."""
        shutil.rmtree(self.bundle, ignore_errors=True)
        self.bundle.mkdir(mode=0o700)
        pem = (authority or self.broker.ca_file.read_text()) if tls else ""
        where = bundling.Broker(self.broker.host, port, mqtt, pem)
        for name, content in bundling.files(load(self.home.places.config), self.home.places, AGENT, where).items():
            (self.bundle / name).touch(mode=0o600)
            (self.bundle / name).write_bytes(content)

    # ---------------------------------------------------------------------------------- the program

    @property
    def log(self) -> str:
        """All that it has printed."""
        path = self.folder / "log"
        return path.read_text(errors="replace") if path.exists() else ""

    def start(self, *, wait: bool = True) -> subprocess.Popen[bytes]:
        """Starts the program; waits until it is ``online`` and has told a nonce."""
        seen = len(self.eye.messages)
        with (self.folder / "log").open("ab") as log:
            program = subprocess.Popen(
                self._command, cwd=TOP, env={**os.environ, "LATCHWIRE_BUNDLE": str(self.bundle)},
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        self._programs.append(program)
        if wait:
            self.wait_online(after=seen, program=program)
        return program

    def wait_online(self, *, after: int = 0, program: subprocess.Popen[bytes] | None = None) -> None:
        """Waits until it has said ``online``, its nonce and the lamp's state since that many messages."""

        def there() -> bool:
            if program is not None and program.poll() is not None:
                raise AssertionError(f"the program has ended:\n{self.log}")
            said = {heard.topic: heard.payload for heard in self.eye.messages[after:]}
            wanted = [self.topic("nonce"), self.topic(f"{LAMP}/state")]
            return said.get(self.topic("availability")) == b"online" and all(topic in said for topic in wanted)

        self.until(there, "the program is online, with a nonce and a state")

    def end(self, number: signal.Signals = signal.SIGTERM) -> None:
        """Ends the newest program by a signal, and waits for its end."""
        program = self._programs.pop()
        program.send_signal(number)
        try:
            program.wait(SECONDS)
        finally:
            _end(program)

    def until(self, condition: Callable[[], bool], what: str, seconds: float = SECONDS) -> None:
        """Waits for a condition; the program's log is in the failure."""
        try:
            wait_until(condition, what, seconds)
        except AssertionError as late:
            raise AssertionError(f"{late}\nThe program's log:\n{self.log[-4000:]}") from None

    # ------------------------------------------------------------------------------ what is said to it

    def topic(self, what: str) -> str:
        """A topic of its own."""
        return f"latchwire/{AGENT}/{what}"

    @property
    def nonce(self) -> str:
        """Its nonce, as last published."""
        return str(json.loads(self.eye.on(self.topic("nonce"))[-1].payload)["nonce"])

    def claims(self, action: str = "status", *, issuer: str = "manual", **changes: Any) -> dict[str, object]:
        """A right command's claims; each may be changed, and one that is ``None`` is left out."""
        right = {
            "iss": issuer, "sub": f"{issuer}:test", "aud": f"{AGENT}/{LAMP}", "act": action,
            "jti": os.urandom(12).hex(), "nonce": self.nonce, "until": 2 * self.lifetime, "iat": 1790000000,
        }  # fmt: skip
        return {name: value for name, value in {**right, **changes}.items() if value is not None}

    def sign(
        self,
        claims: dict[str, object] | bytes,
        *,
        issuer: str = "manual",
        header: dict[str, object] | bytes | None = None,
    ) -> bytes:
        """Signs what it is given with that issuer's key."""
        key = self.home.key(issuer, AGENT)
        usual = {"alg": "HS256", "typ": "command+jwt", "kid": key.kid}
        return token(claims, header=header if header is not None else usual, secret=key.secret)

    def publish(self, payload: bytes, *, device: str = LAMP, issuer: str = "manual", retained: bool = False) -> None:
        """Publishes on a device's command topic."""
        if issuer not in self._issuers:
            self._issuers[issuer] = self.home.wire(issuer, filters=(f"latchwire/{issuer}/availability",))
        self._issuers[issuer].publish(self.topic(f"{device}/command"), payload, retained=retained)

    # ------------------------------------------------------------------------------ what it says

    def answers(self, *, issuer: str = "manual", device: str = LAMP, after: int = 0) -> list[bytes]:
        """The receipts for an issuer since that many messages, as they came."""
        topic = self.topic(f"{device}/receipt/{issuer}")
        return [heard.payload for heard in self.eye.messages[after:] if heard.topic == topic]

    def ask(self, payload: bytes, *, issuer: str = "manual", device: str = LAMP) -> dict[str, Any]:
        """Publishes a command; the claims of the receipt that it gets, whose signature and header were checked."""
        return self.read(self.ask_raw(payload, issuer=issuer, device=device), issuer=issuer, device=device)

    def ask_raw(self, payload: bytes, *, issuer: str = "manual", device: str = LAMP) -> bytes:
        """Publishes a command; the receipt that it gets, as it came."""
        before = len(self.eye.messages)
        self.publish(payload, device=device)
        self.until(lambda: bool(self.answers(issuer=issuer, device=device, after=before)), "there is a receipt")
        return self.answers(issuer=issuer, device=device, after=before)[0]

    def do(self, action: str, **changes: Any) -> dict[str, Any]:
        """Says a right command; its receipt."""
        return self.ask(self.sign(self.claims(action, **changes)))

    def state(self) -> str:
        """What it reads from the lamp, asked by a command; all that was said before was heard before."""
        before, claims = len(self.eye.messages), self.claims("status")

        def found() -> list[dict[str, Any]]:
            receipts = [self.read(answer) for answer in self.answers(after=before)]
            return [receipt for receipt in receipts if receipt["re"] == claims["jti"]]

        self.publish(self.sign(claims))
        self.until(lambda: bool(found()), "it answers")
        assert found()[0]["outcome"] == "done"
        return str(found()[0]["state"])

    def be_off(self) -> None:
        """Switches the lamp off, unless the newest receipt says that it is."""
        answers = self.answers()
        if not answers or self.read(answers[-1])["state"] != "off":
            assert self.do("off")["state"] == "off"

    def read(self, receipt: bytes, *, issuer: str = "manual", device: str = LAMP) -> dict[str, Any]:
        """A receipt's claims; it has to be one of the agent's own for that issuer, about that device."""
        key = self.home.key(issuer, AGENT)
        header, body, signature = receipt.split(b".")
        assert signature == b64(hmac.digest(key.secret, header + b"." + body, hashlib.sha256)), "signature"
        assert json.loads(_plain(header)) == {"alg": "HS256", "typ": "receipt+jwt", "kid": key.kid}
        claims: dict[str, Any] = json.loads(_plain(body))
        assert (claims["iss"], claims["aud"]) == (f"{AGENT}/{device}", issuer)
        assert {"re", "sub", "act", "outcome", "state"} <= claims.keys()
        return claims

    def alerts(self, *, after: int = 0) -> Counter[str]:
        """How many times each cause was alerted since that many messages."""
        found: Counter[str] = Counter()
        for heard in self.eye.messages[after:]:
            if heard.topic == self.topic("alert"):
                alert = json.loads(heard.payload)
                found[alert["cause"]] += alert["count"]
        return found

    def last(self, what: str) -> Heard:
        """The newest message on a topic of its own."""
        return self.eye.on(self.topic(what))[-1]

    def endpoint(self) -> Endpoint:
        """Where the broker is."""
        return self.home.endpoint()


def _plain(part: bytes) -> bytes:
    return base64.urlsafe_b64decode(part + b"=" * (-len(part) % 4))


def _end(program: subprocess.Popen[bytes]) -> None:
    """Ends it with all that it started: a shell has children."""
    with suppress(ProcessLookupError):
        os.killpg(program.pid, signal.SIGKILL)
    program.wait(10)
