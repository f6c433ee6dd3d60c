"""Remembers what was bundled for the hardware of each agent that runs elsewhere.

``latchwire bundle`` calls :func:`mark`; ``latchwire check`` calls :func:`stale`. People and hashtags are no part
of a bundle, so changing those never needs anything done on the Omega.
"""

import hashlib
import json
from typing import Any

from latchwire.cli.files import Writer
from latchwire.config import expiry, strict_json
from latchwire.config.home import Config, agent_extract
from latchwire.config.places import Places
from latchwire.errors import ConfigurationError


def fingerprint(config: Config, places: Places, agent: str) -> str:
    """A hash of what the agent's hardware gets: its extract, keys, password, authority and certificate.

    Raises:
        ConfigurationError: its keyring or its login cannot be used.
    """
    parts = [json.dumps(agent_extract(config, agent), sort_keys=True), places.password(agent)]
    parts += sorted(key.line for key in places.keyring(agent))
    served = expiry.read(places)
    if served is not None:  # the broker's own certificate is no part of it, and is renewed without it
        names = ["ca.crt", f"{agent}.pem"] if served.certificates else ["ca.crt"]
        parts += [path.read_text("ascii") for path in (places.tls / name for name in names) if path.exists()]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def mark(config: Config, places: Places, agent: str, *, host: str = "") -> None:
    """Remembers that the agent's bundle was made just now, and where it finds the broker.

    Raises:
        ConfigurationError: as :func:`fingerprint`, or it cannot be written.
    """
    writer = Writer(places.state)
    with writer.locked():
        writer.folder(places.data)
        made = {"holds": fingerprint(config, places, agent), "host": host}
        text = json.dumps({**_marks(places), agent: made}, indent=2) + "\n"
        writer.replace(places.data / "bundled.json", text)


def stale(config: Config, places: Places, agent: str) -> bool | None:
    """Whether what the agent's hardware was given is no longer right; ``None`` if it was never bundled.

    Raises:
        ConfigurationError: as :func:`fingerprint`.
    """
    match _marks(places).get(agent):
        case None:
            return None
        case {"holds": str(holds), "host": str(host)}:
            served = expiry.read(places)
            lost = host != "" and served is not None and host not in served.names
            return lost or holds != fingerprint(config, places, agent)
    return True


def _marks(places: Places) -> dict[str, Any]:
    path = places.data / "bundled.json"
    if not path.exists():
        return {}
    try:
        marks, _ = strict_json.parse(strict_json.read(path, path.name), path.name)
    except ConfigurationError:
        return {}  # then everything has to be bundled again, which is the careful answer
    return marks if isinstance(marks, dict) else {}
