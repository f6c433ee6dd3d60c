"""A home for tests: a state folder with configuration, keys and logins, a broker that knows them, and who lives there.

``Home`` makes the folder with the project's own code. ``actuator``, ``ingress`` and ``sender`` build the kits in this
process; ``run`` starts the real programs. All of it ends with ``close``. The fixture ``home`` stands in the
``conftest.py`` at the top.
"""

import copy
import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

from latchwire import topics
from latchwire.actuator import About, Actuator, Handler
from latchwire.bus import Endpoint, Login
from latchwire.cli import making
from latchwire.cli.files import Writer
from latchwire.config.agent import AgentConfig, parse_agent
from latchwire.config.home import agent_extract
from latchwire.config.loading import load
from latchwire.config.places import Places
from latchwire.config.reloading import Reloading
from latchwire.ingress import Ingress
from latchwire.protocol.claims import Command
from latchwire.protocol.keys import Key
from latchwire.protocol.token import COMMAND, sign
from latchwire.sender import Sender
from support.broker import TOP, Broker, wait_until
from support.wire import Wire

DOOR: Final = "front-door"
PHONE: Final = "whatsapp:+15555550100"
CONFIG: Final[Mapping[str, Any]] = {
    "agents": {"omega": {"type": "relay", "runs": "simulated"}},
    "devices": {
        "front-door": {
            "agent": "omega", "kind": "lock", "channel": 0, "locked": "released", "toggleSeconds": 1, "names": ["door"],
        },
        "lamp": {"agent": "omega", "kind": "switch", "channel": 1},
    },
    "people": {
        "owner": {"manual": True, "may": "*"},
        "john": {"whatsapp": "+15555550100", "may": {"front-door": ["lock", "unlock", "toggle"]}},
    },
}  # fmt: skip
"""A lock and a switch on one simulated board; tests change a copy of it."""


def config() -> dict[str, Any]:
    """A copy of ``CONFIG`` to be changed."""
    return copy.deepcopy(dict(CONFIG))


class Home:
    """A state folder and who uses it.

    Args:
        folder: for the state; made if it is missing.
        start_broker: starts a broker with these logins.
        document: what config.json holds.
        variables: lines of ``.env``.
        logins: password by login name, beside those of the configuration.

    Attributes:
        broker: a running one; stop, kill, pause and start it as needed.
    """

    def __init__(
        self,
        *,
        folder: Path,
        start_broker: Callable[..., Broker],
        document: Mapping[str, Any] = CONFIG,
        variables: Mapping[str, str] | None = None,
        logins: Mapping[str, str] | None = None,
        **broker_options: Any,
    ) -> None:
        self.places: Final = Places(folder)
        self._running = ExitStack()
        self._logins: Final = logins or {}
        writer = Writer(folder)
        with writer.locked():
            for name in ("config", "keys", "logins", "data", "run"):
                writer.folder(folder / name)
        self.write_config(document)
        found = load(self.places.config)
        with writer.locked():
            making.make_keys(found, self.places, writer)
            passwords = making.make_logins(found, self.places, writer)
        template = (TOP / "broker/acl").read_text()
        broker_options.setdefault("extra_acl", making.own_blocks(template, found))
        self.broker: Final = start_broker(logins={**passwords, **(logins or {})}, **broker_options)
        version = {} if self.broker.mqtt5 else {"MQTT_VERSION": "3.1.1"}
        lines = {"BROKER_PORT": str(self.broker.port), **version, **(variables or {})}
        writer.replace(self.places.env, "".join(f"{name}={value}\n" for name, value in lines.items()))

    def close(self) -> None:
        """Ends everything that was started here, the last first."""
        self._running.close()

    def write_config(self, document: Mapping[str, Any] | str) -> None:
        """Saves config.json as an editor does: whole, by renaming."""
        text = document if isinstance(document, str) else json.dumps(document, indent=2)
        new = self.places.config.with_suffix(".new")
        new.write_text(text)
        new.replace(self.places.config)

    def endpoint(self, *, mqtt5: bool | None = None, tls: bool = False) -> Endpoint:
        """Where the broker is, with the newest MQTT that it speaks."""
        mqtt5 = self.broker.mqtt5 if mqtt5 is None else mqtt5
        if tls:
            return Endpoint(self.broker.host, self.broker.tls_port, str(self.broker.ca_file), mqtt5)
        return Endpoint(self.broker.host, self.broker.port, None, mqtt5)

    def login(self, name: str) -> Login:
        """A login at the broker: one of the configuration, or one that a test has added."""
        added = self._logins.get(name)
        return Login(name, added or self.places.password(name))

    def broker_login(self, name: str) -> Login:
        """Any login that the broker knows, with the password that it knows."""
        return Login(name, self.broker.logins[name])

    def agent_config(self, name: str = "omega") -> AgentConfig:
        """What the agent reads."""
        return parse_agent(agent_extract(load(self.places.config), name))

    def key(self, issuer: str = "manual", agent: str = "omega") -> Key:
        """The key that the two share."""
        key = self.places.keyring(issuer).signing(issuer, agent)
        if key is None:
            raise AssertionError(f"{issuer} and {agent} share no key")
        return key

    # ------------------------------------------------------------------- the kits in this process

    def actuator(
        self, handlers: Mapping[str, Handler], *, wait: bool = True, endpoint: Endpoint | None = None, **options: Any
    ) -> Actuator:
        """An agent at work with these handlers; connected and proved unless ``wait`` is false."""
        actuator = Actuator(
            config=self.agent_config(),
            keyring=self.places.keyring("omega"),
            endpoint=endpoint or self.endpoint(),
            login=self.login("omega"),
            handlers=handlers,
            about=About("test", "0", ""),
            **options,
        )
        actuator.start()
        self._running.callback(lambda: None if actuator._stopping else actuator.stop())
        if wait:
            wait_until(lambda: actuator._bus.is_ready, "the agent is ready")
        return actuator

    def sender(self, issuer: str = "manual", *, endpoint: Endpoint | None = None, **options: Any) -> Sender:
        """An asking side, connected and proved where the broker runs."""
        options.setdefault("announce", False)
        sender = Sender(
            issuer=issuer,
            keyring=self.places.keyring(issuer),
            endpoint=endpoint or self.endpoint(),
            login=self.login(issuer),
            **options,
        )
        sender.start()
        self._running.callback(sender.stop)
        if self.broker.is_running:
            wait_until(lambda: sender._bus.is_ready, f"{issuer} is ready")
        return sender

    def ingress(self, issuer: str = "whatsapp") -> Ingress:
        """An ingress at work."""
        ingress = Ingress(
            issuer=issuer,
            service=f"{issuer}-test",
            config=Reloading(self.places.config),
            keyring=self.places.keyring(issuer),
            endpoint=self.endpoint(),
            login=self.login(issuer),
        )
        ingress.start()
        self._running.callback(ingress.stop)
        return ingress

    # ------------------------------------------------------------------------------- on the wire

    def wire(self, login: str = "observer", **options: Any) -> Wire:
        """A bare MQTT client of that login, ready to hear; the observer hears everything."""
        wire = Wire(self.endpoint(), self.login(login), **options)
        self._running.callback(wire.close)
        return wire

    def nonce(self, wire: Wire, agent: str = "omega") -> str:
        """The agent's nonce as last heard on that wire."""
        found = wire.wait_for(topics.nonce(agent))
        value = json.loads(found.payload)["nonce"]
        assert isinstance(value, str)
        return value

    def token(self, nonce: str, action: str = "unlock", *, issuer: str = "manual", **claims: Any) -> str:
        """A well-signed command; any claim may be set otherwise."""
        key = self.key(issuer)
        command = Command(issuer, f"{issuer}:test", f"omega/{DOOR}", action, os.urandom(16).hex(), nonce, 10, 0)
        return sign(command._replace(**claims).to_claims(), typ=COMMAND, kid=key.kid, secret=key.secret)

    # ------------------------------------------------------------------------------ real programs

    def environment(self) -> dict[str, str]:
        """The environment of a program of this home."""
        kept = {name: value for name, value in os.environ.items() if name in {"PATH", "HOME", "LANG", "PYTHONPATH"}}
        return {**kept, "LATCHWIRE_STATE": str(self.places.state)}

    def run(self, *command: str, **options: Any) -> subprocess.Popen[str]:
        """Starts ``python -m …`` of this home; its log is one stream of text."""
        process = subprocess.Popen(
            [sys.executable, *command], text=True, stdin=subprocess.DEVNULL,
            **{"env": self.environment(), "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, **options},
        )  # fmt: skip
        self._running.callback(_end, process)
        return process

    def latchwire(self, *arguments: str, seconds: float = 30.0) -> subprocess.CompletedProcess[str]:
        """Runs the command line to its end."""
        return subprocess.run(
            [sys.executable, "-m", "latchwire.cli.main", *arguments], env=self.environment(), text=True,
            capture_output=True, timeout=seconds, check=False,
        )  # fmt: skip


def _end(process: subprocess.Popen[str]) -> None:
    if process.poll() is None:
        process.kill()
    process.communicate(timeout=10)
