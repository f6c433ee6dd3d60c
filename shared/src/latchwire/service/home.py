"""What a service reads beside the user's config.json: where the broker is, its login, its keys, its agents.

Not for the Omega, which has a bundle of its own: this needs the schema library.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from latchwire.bus import Endpoint, Login
from latchwire.config import expiry
from latchwire.config.agent import parse_agent
from latchwire.config.environment import environment, port, value
from latchwire.config.home import Config, agent_extract
from latchwire.config.loading import load
from latchwire.config.places import Places
from latchwire.config.strict_json import digest
from latchwire.errors import ConfigurationError
from latchwire.protocol.keys import Key, Keyring
from latchwire.service.fingerprint import fingerprint
from latchwire.service.frame import Found, Member, Running
from latchwire.service.setup import Secrets, Setup


def endpoint(variables: Mapping[str, str]) -> Endpoint:
    """Where the broker is.

    Raises:
        ConfigurationError: a variable that is wrong.
    """
    version = value(variables, "MQTT_VERSION")
    if version not in {"5", "3.1.1"}:
        raise ConfigurationError(f'MQTT_VERSION: "{version}" is neither 5 nor 3.1.1')
    files = {name: value(variables, name) or None for name in ("BROKER_CA", "BROKER_CERT")}
    for name, file in files.items():
        if file and not Path(file).is_file():
            raise ConfigurationError(f"{name}: there is no file {file}; give its path, or take the line away")
    if files["BROKER_CERT"] and not files["BROKER_CA"]:
        raise ConfigurationError("BROKER_CERT: it goes with BROKER_CA, for certificates are of TLS")
    return Endpoint(
        value(variables, "BROKER_HOST"),
        port(variables, "BROKER_PORT"),
        files["BROKER_CA"],
        version == "5",
        files["BROKER_CERT"],
    )


def login(places: Places, name: str) -> Login:
    """A service's login at the broker.

    Raises:
        ConfigurationError: the file is missing or not private.
    """
    return Login(name, places.password(name))


def secrets(places: Places, name: str) -> Secrets:
    """A service's keys and its login at the broker.

    Raises:
        ConfigurationError: a file is missing, not private, or wrong.
    """
    return Secrets(places.keyring(name), login(places, name))


def of_secrets(places: Places, name: str) -> str:
    """Changes whenever these files or who may read them do, also while they cannot be used."""
    files = (places.keys(name), places.login(name))
    return fingerprint([str(file.stat().st_mode) for file in files if file.exists()], files, {}, ())


def counterparts(places: Places, name: str) -> str:
    """With whom an issuer shares keys: to talk to another one it has to connect anew."""
    try:
        return " ".join(sorted({key.agent for key in places.keyring(name)}))
    except ConfigurationError as error:
        return str(error)


def variables_at_start(places: Places) -> Mapping[str, str]:
    """The environment as ``.env`` completes it; alone where ``.env`` is wrong, which is told at the first look."""
    try:
        return environment(places.state)
    except ConfigurationError:
        return dict(os.environ)


def all_keys(places: Places, config: Config) -> Keyring:
    """Every key that lies in the state folder, for verifying what passes."""
    keys: dict[tuple[str, str], Key] = {}
    for name in (*config.issuers(), *config.agents):
        try:
            keys |= {(key.kid, key.agent): key for key in places.keyring(name)}
        except ConfigurationError:
            continue  # `latchwire check` tells; here it is only not verified
    return Keyring(keys.values())


class AgentsHere:
    """The agents of one type that run on this machine, for a service's frame.

    Looking again costs a few ``stat`` calls while no file changed.

    Args:
        places: the state folder.
        agent_type: ``relay``, ``magiq`` or another.
        variables: how the names of the variables begin that it reads.
        make: makes an agent at work.
    """

    def __init__(
        self, *, places: Places, agent_type: str, variables: Sequence[str], make: Callable[[Setup], Running]
    ) -> None:
        self._places, self._type, self._prefixes, self._make = places, agent_type, variables, make
        self._marks: tuple[object, ...] = ()
        self._found = Found({})

    def find(self) -> Found:
        """Looks up the agents.

        Raises:
            ConfigurationError: what is wrong with config.json or ``.env``.
        """
        marks = self._look()
        if marks != self._marks:
            self._found = self._read()
            self._marks = marks
        return Found(self._found.members, self._found.notes + expiry.note(self._places))

    def _look(self) -> tuple[object, ...]:
        names = tuple(self._found.members)
        paths = [self._places.config, self._places.env]
        paths += [path for name in names for path in (self._places.keys(name), self._places.login(name))]
        return tuple(_mark(path) for path in paths)

    def _read(self) -> Found:
        variables = environment(self._places.state)
        where = endpoint(variables)
        config = load(self._places.config)
        members: dict[str, Member] = {}
        notes: list[str] = []
        for agent in config.agents.values():
            if agent.type != self._type:
                continue
            if agent.runs == "elsewhere":
                notes.append(f"Agent {agent.name} runs elsewhere, says config.json: nothing to do here.")
                continue
            extract = agent_extract(config, agent.name)
            summary = f"agent {agent.name}: {agent.runs}, devices: {', '.join(extract['devices']) or 'none'}"
            made_of = fingerprint([digest(extract), repr(where)], (), variables, self._prefixes)
            make = partial(self._make_one, agent.name, extract, where, variables)
            mark = of_secrets(self._places, agent.name)
            members[agent.name] = Member(made_of, summary, make, mark, partial(secrets, self._places, agent.name))
        if not members and not notes:
            notes.append(f"config.json has no agent of type {self._type}: nothing to do here.")
        return Found(members, tuple(notes))

    def _make_one(
        self, name: str, extract: Mapping[str, object], where: Endpoint, variables: Mapping[str, str]
    ) -> Running:
        config = parse_agent(extract, place=f"config.json: agents.{name}")
        keyring = self._places.keyring(name)
        return self._make(Setup(config, keyring, where, login(self._places, name), digest(extract), variables))


def _mark(path: Path) -> object:
    try:
        seen = path.stat()
    except OSError as error:
        return error.errno
    return seen.st_mtime_ns, seen.st_ctime_ns, seen.st_size, seen.st_ino, seen.st_mode
