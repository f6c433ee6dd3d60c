"""What an agent on its own hardware reads: a bundle, the folder that ``latchwire bundle`` makes for one agent.

    agent.json    the agent's extract of the user's config.json      keyring   its keys
    broker.json   {"host": "…", "port": 8883, "mqtt": "5"}           login     its password at the broker
    ca.crt        the broker's certificate authority; with it the connection is TLS, without it it is not

It runs on the Omega: no schema library. The two secrets have to be their owner's alone.
"""

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from latchwire.bus import Endpoint, Login
from latchwire.config import strict_json
from latchwire.config.agent import read_agent
from latchwire.config.places import read_private
from latchwire.errors import ConfigurationError
from latchwire.protocol.keys import parse_keyring
from latchwire.service.frame import Found, Member, Running
from latchwire.service.setup import Setup

FILES: Final = ("agent.json", "keyring", "login", "broker.json", "ca.crt")
CA: Final = "ca.crt"
VERSIONS: Final = ("5", "3.1.1")


def read_bundle(folder: Path, variables: Mapping[str, str]) -> Setup:
    """Reads a bundle.

    Args:
        folder: with its files.
        variables: the environment, handed on.

    Raises:
        ConfigurationError: with all that is wrong in the first file that is.
    """
    if not folder.is_dir():
        raise ConfigurationError(f"{folder}: there is no such folder; make a bundle with `latchwire bundle` and copy it")
    config = read_agent(folder / "agent.json")
    keyring = parse_keyring(read_private(folder / "keyring", folder), place="keyring")
    password = read_private(folder / "login", folder).strip()
    if not password or not password.isascii() or not password.isprintable():
        raise ConfigurationError("login: no password in it; make the bundle again")
    digest = hashlib.sha256(json.dumps(_plain(folder / "agent.json"), sort_keys=True).encode()).hexdigest()[:12]
    return Setup(config, keyring, read_endpoint(folder), Login(config.name, password), digest, variables)


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
    authority = folder / CA
    return Endpoint(host, port, str(authority) if authority.exists() else None, version == "5")


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
            setup = read_bundle(self._folder, self._variables)
            self._found, self._marks = Found({setup.config.name: self._member(setup)}), marks
        return self._found

    def _member(self, setup: Setup) -> Member:
        config = setup.config
        summary = f"agent {config.name}: from {self._folder}, devices: {', '.join(config.devices) or 'none'}"
        return Member(_fingerprint(self._folder), summary, lambda: self._make(setup))


def _plain(path: Path) -> object:
    document, problems = strict_json.parse(strict_json.read(path, path.name), path.name)
    if problems:
        raise ConfigurationError(problems)
    return document


def _fingerprint(folder: Path) -> str:
    digest = hashlib.sha256()
    for name in FILES:
        path = folder / name
        digest.update(path.read_bytes() if path.exists() else b"\0")
        digest.update(b"\0\0")
    return digest.hexdigest()


def _mark(path: Path) -> object:
    try:
        seen = os.stat(path)
    except OSError as error:
        return error.errno
    return seen.st_mtime_ns, seen.st_ctime_ns, seen.st_size, seen.st_ino, seen.st_mode
