"""What an agent on its own hardware reads: a bundle, the folder that ``latchwire bundle`` makes for one agent.

    agent.json    the agent's extract of the user's config.json      keyring   its keys
    broker.json   where the broker is: {"host": "…", "port": 8883,   login     its password at the broker
                  "mqtt": "5", "timeFloor": 1795300000}
    ca.crt        the broker's certificate authority; with it the connection is TLS, without it it is not
    client.crt, client.key    where certificates are the logins

``timeFloor`` is seconds since 1970 that it is now for sure: when the broker's certificate was made. The clock of the
hardware may start wrong by years; ``latchwire.bus.tls`` says what follows. It runs on the Omega: no schema library.
Secrets have to be their owner's alone, and nobody else may be able to write the rest.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from latchwire.bus import Endpoint, Login
from latchwire.config import strict_json
from latchwire.config.agent import parse_agent
from latchwire.config.places import read_private
from latchwire.config.strict_json import digest
from latchwire.errors import ConfigurationError
from latchwire.protocol.keys import parse_keyring
from latchwire.service.frame import Found, Member, Running
from latchwire.service.setup import Secrets, Setup

FILES: Final = ("agent.json", "keyring", "login", "broker.json", "ca.crt", "client.crt", "client.key")
_SECRETS: Final = ("keyring", "login")
CA: Final = "ca.crt"
VERSIONS: Final = ("5", "3.1.1")
CLOCK: Final = "/var/run/relay-agent.synced"
"""It is there once NTP has set the clock: our script in OpenWrt's ``/etc/hotplug.d/ntp`` makes it."""
AGAIN: Final = "make the bundle with `latchwire bundle`, and copy it"


def read_bundle(folder: Path, variables: Mapping[str, str]) -> Setup:
    """Reads a bundle.

    Args:
        folder: with its files.
        variables: the environment, handed on.

    Raises:
        ConfigurationError: with all that is wrong in the first file that is.
    """
    if not folder.is_dir():
        raise ConfigurationError(f"{folder}: there is no such folder; {AGAIN}")
    _check_modes(folder)
    document = _plain(folder / "agent.json")
    config = parse_agent(document, place="agent.json")
    keyring = parse_keyring(read_private(folder / "keyring", folder, cure=AGAIN), place="keyring")
    password = read_private(folder / "login", folder, cure=AGAIN).strip()
    if not password or not password.isascii() or not password.isprintable():
        raise ConfigurationError(f"login: no password in it; {AGAIN}")
    return Setup(config, keyring, read_endpoint(folder), Login(config.name, password), digest(document), variables)


def _check_modes(folder: Path) -> None:
    """Whoever could write here could make the agent obey another broker, or other people."""
    for path in (folder, *(folder / name for name in FILES)):
        if path.exists() and path.stat().st_mode & 0o022:
            raise ConfigurationError(f"{path}: others can write to it; type: chmod -R go= {folder}")


def read_endpoint(folder: Path) -> Endpoint:
    """Where the bundle's broker is.

    Raises:
        ConfigurationError: ``broker.json`` is missing or wrong.
    """
    document = _plain(folder / "broker.json")
    if not isinstance(document, Mapping):
        raise ConfigurationError('broker.json: is no object {"host": "…", "port": 8883}')
    host, port, version = document.get("host"), document.get("port"), document.get("mqtt", "5")
    if not isinstance(host, str) or not host:
        raise ConfigurationError("broker.json: host: write the broker's name or address")
    if type(port) is not int or not 1 <= port <= 65535:
        raise ConfigurationError("broker.json: port: write a number from 1 to 65535")
    if version not in VERSIONS:
        raise ConfigurationError('broker.json: mqtt: write "5" or "3.1.1"')
    if not (folder / CA).exists():
        return Endpoint(host, port, None, version == "5")
    floor = document.get("timeFloor")
    if type(floor) is not int or floor < 0:
        raise ConfigurationError(f"broker.json: timeFloor: no whole number of seconds since 1970; {AGAIN}")
    cert_file = key_file = None
    if (folder / "client.crt").exists():
        read_private(folder / "client.key", folder, cure=AGAIN)
        cert_file, key_file = str(folder / "client.crt"), str(folder / "client.key")
    return Endpoint(host, port, str(folder / CA), version == "5", cert_file, key_file, floor, CLOCK)


class BundledAgent:
    """The agent of a bundle, for a service's frame. Looking again costs a few ``stat`` calls while no file changed.

    Args:
        folder: of the bundle.
        make: makes the agent at work.
        variables: the environment.
    """

    def __init__(self, *, folder: Path, make: Callable[[Setup], Running], variables: Mapping[str, str]) -> None:
        self._folder, self._make, self._variables = folder, make, variables
        self._marks: tuple[object, ...] = ()
        self._found = Found({})

    def find(self) -> Found:
        """Looks up the agent.

        Raises:
            ConfigurationError: what is wrong with the bundle.
        """
        marks = tuple(_mark(self._folder / name) for name in FILES)
        if marks != self._marks:
            # Before what they are of: a file that is written meanwhile is another one at the next look.
            rest = [name for name in FILES if name not in _SECRETS]
            hashes = _fingerprint(self._folder, rest), _fingerprint(self._folder, _SECRETS)
            setup = read_bundle(self._folder, self._variables)
            self._found, self._marks = Found({setup.config.name: self._member(setup, *hashes)}), marks
        return self._found

    def _member(self, setup: Setup, of_rest: str, of_secrets: str) -> Member:
        config = setup.config
        summary = f"agent {config.name}: from {self._folder}, devices: {', '.join(config.devices) or 'none'}"
        secrets = Secrets(setup.keyring, setup.login)
        return Member(of_rest, summary, lambda: self._make(setup), of_secrets, lambda: secrets)


def _plain(path: Path) -> object:
    document, problems = strict_json.parse(strict_json.read(path, path.name), path.name)
    if problems:
        raise ConfigurationError(problems)
    return document


def _fingerprint(folder: Path, names: Sequence[str]) -> str:
    made = hashlib.sha256()
    for name in names:
        try:
            made.update((folder / name).read_bytes())
        except OSError as error:  # it is not there, or cannot be read: that is told where it is needed
            made.update(bytes(str(error.errno), "ascii"))
        made.update(b"\0\0")
    return made.hexdigest()


def _mark(path: Path) -> object:
    try:
        seen = path.stat()
    except OSError as error:
        return error.errno
    return seen.st_mtime_ns, seen.st_ctime_ns, seen.st_size, seen.st_ino, seen.st_mode
