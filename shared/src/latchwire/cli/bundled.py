"""Remembers what was bundled for the hardware of each agent that runs elsewhere.

``latchwire bundle`` calls :func:`mark`; ``latchwire check`` calls :func:`stale`. People and hashtags are no part
of a bundle, so changing those never needs anything done on the Omega.
"""

import hashlib
import json
from typing import Any

from latchwire.cli.files import Writer
from latchwire.config import strict_json
from latchwire.config.home import Config, agent_extract
from latchwire.config.places import Places
from latchwire.errors import ConfigurationError


def fingerprint(config: Config, places: Places, agent: str) -> str:
    """A hash of all that the agent's hardware gets: its extract, its keys, its password.

    Raises:
        ConfigurationError: its keyring or its login cannot be used.
    """
    parts = [json.dumps(agent_extract(config, agent), sort_keys=True), places.password(agent)]
    parts += sorted(key.line for key in places.keyring(agent))
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def mark(config: Config, places: Places, agent: str) -> None:
    """Remembers that the agent's bundle was made just now.

    Raises:
        ConfigurationError: as :func:`fingerprint`, or it cannot be written.
    """
    writer = Writer(places.state)
    with writer.locked():
        writer.folder(places.data)
        marks = {**_marks(places), agent: fingerprint(config, places, agent)}
        writer.replace(places.data / "bundled.json", json.dumps(marks, indent=2) + "\n")


def stale(config: Config, places: Places, agent: str) -> bool | None:
    """Whether what the agent's hardware was given is no longer right; ``None`` if it was never bundled.

    Raises:
        ConfigurationError: as :func:`fingerprint`.
    """
    known = _marks(places).get(agent)
    return None if known is None else known != fingerprint(config, places, agent)


def _marks(places: Places) -> dict[str, Any]:
    path = places.data / "bundled.json"
    if not path.exists():
        return {}
    try:
        marks, _ = strict_json.parse(strict_json.read(path, path.name), path.name)
    except ConfigurationError:
        return {}  # then everything has to be bundled again, which is the careful answer
    return marks if isinstance(marks, dict) else {}
