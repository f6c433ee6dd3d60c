"""``latchwire revoke``: shuts an agent's stolen hardware out, and nobody else.

Every issuer gets a new key toward that agent and forgets the old ones, so no receipt of the stolen device is believed
any more. The broker gets a new password for it (and takes its certificate no more), so it is not even heard. A stolen
agent never could give commands, nor answer for another.
"""

import argparse
import secrets
import threading
from collections.abc import Sequence
from typing import Any, Final

from latchwire import topics
from latchwire.bus import Bus, Message
from latchwire.cli import password, rotation
from latchwire.cli.bundle import known_agent
from latchwire.cli.files import Writer
from latchwire.config.environment import environment
from latchwire.config.home import Config
from latchwire.config.loading import load
from latchwire.config.places import Places, find
from latchwire.protocol.keys import Key
from latchwire.service.home import endpoint, login

OFFLINE_SECONDS: Final = 4.0
"""How long to try; a broker that cannot be reached from here keeps what it has until its next start."""


def add(subparsers: Any) -> None:
    """Adds the command to the command line."""
    parser = subparsers.add_parser(
        "revoke",
        help="shut a stolen agent out: new keys and a new login for it alone",
        description="Makes new keys and a new login for one agent; the device that has the old ones is shut out.",
    )
    parser.add_argument("agent", help="its name in config.json")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Runs it."""
    places = find()
    config = load(places.config)
    agent = known_agent(config, options.agent)
    writer = Writer(places.state)
    with writer.locked():
        served = password.new(places, writer, agent)
        generation = new_keys(config, places, writer, agent)
        (places.bundles / f"{agent}.tar.gz").unlink(missing_ok=True)
        said = password.for_broker(config, places, writer, served)
    by_certificate = served is not None and served.certificates
    if not by_certificate:
        say_offline(places, agent)
    print(f"{agent} has a new password at the broker, and new keys (generation {generation}) with each issuer.")
    print("What the old device says is not believed any more; services here take the new keys within seconds.")
    print("\n".join(said))
    if by_certificate:
        print("\n".join(password.CERTIFICATE_ENDS))
    if config.agents[agent].runs != "here":
        print(f"For the new device type:  ./latchwire bundle {agent}   and take that there.")
    return 0


def say_offline(places: Places, agent: str) -> bool:
    """Says in the agent's name that it is not there, by its new login; whether the broker heard it.

    Mosquitto publishes no last will for a client whose login ends (2.0, security_default.c), so the old device would
    seem to be there, and senders would wait for it instead of saying that nobody is listening.
    """
    connected = _Connected()
    where = endpoint(environment(places.state))
    bus = Bus(endpoint=where, login=login(places, agent), listener=connected, subscriptions=())
    bus.start()
    heard = connected.wait(OFFLINE_SECONDS)
    bus.stop([(topics.availability(agent), "offline")])
    return heard


class _Connected:
    """Waits for a connection."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def wait(self, seconds: float) -> bool:
        return self._event.wait(seconds)

    def connected(self) -> None:
        self._event.set()

    def ready(self) -> None: ...
    def unproved(self, filters: Sequence[str]) -> None: ...
    def heard(self, message: Message) -> None: ...
    def denied(self, ticket: int, reason: str) -> None: ...
    def lost(self, reason: str) -> None: ...


def new_keys(config: Config, places: Places, writer: Writer, agent: str) -> int:
    """Gives the agent and each issuer one new key in place of all that they shared.

    Returns:
        Its generation, one above all earlier ones.

    Raises:
        ConfigurationError: a keyring cannot be used.
    """
    issuers = config.issuers()
    rings = {name: [*places.keyring(name)] for name in (agent, *issuers)}
    generation = 1 + max((key.generation for ring in rings.values() for key in ring if key.agent == agent), default=0)
    new = [Key(issuer, generation, agent, secrets.token_bytes(32)) for issuer in issuers]
    # The issuers first: from then on nobody believes the old device, should this be interrupted.
    for issuer, key in zip(issuers, new, strict=True):
        rotation.edit(places, writer, issuer, add=[key], drop=[old for old in rings[issuer] if old.agent == agent])
    writer.replace(places.keys(agent), "".join(f"{key.line}\n" for key in new))
    return generation
