"""What the configuration and the environment say of the bridge, checked at once.

From the agent in config.json: ``pollSeconds``, ``pollJitterSeconds``, ``requestsPerMinute``. From a device:
``deviceId``. From the environment: ``MAGIQ_URL`` and ``MAGIQ_CA``, for a cloud of one's own or a proxy that
opens TLS; they are not needed otherwise.
"""

import re
from collections.abc import Mapping
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from latchwire.errors import ConfigurationError
from latchwire.kit.agent import AgentConfig

URL: Final = "https://api.magiqworks.com/api-ext-magiq/device"
"""From the vendor's samples, github.com/quarkifii/quarkifimagiq-socket-examples."""


class Settings(NamedTuple):
    """What the bridge needs to know.

    Attributes:
        url: where the cloud is, ``https`` only.
        ca: path of a PEM file whose certificates alone are trusted, or "" for the usual ones.
        poll_seconds: seconds between two looks at a socket.
        poll_jitter_seconds: up to so many are added to each wait.
        requests_per_minute: the most requests in a minute; commands go first.
    """

    url: str
    ca: str
    poll_seconds: int
    poll_jitter_seconds: int
    requests_per_minute: int


def read(agent: AgentConfig, environ: Mapping[str, str]) -> Settings:
    """Reads them.

    Raises:
        ConfigurationError: with all that is wrong.
    """
    problems: list[str] = []

    def number(name: str, default: int, least: int, most: int) -> int:
        value = agent.settings.get(name, default)
        if type(value) is int and least <= value <= most:
            return value
        problems.append(f"agents.{agent.name}.{name}: {value!r} is no whole number from {least} to {most}")
        return default

    url = environ.get("MAGIQ_URL", "") or URL
    if not _is_https(url):
        problems.append("MAGIQ_URL: it must be an https address without a login in it; leave it out for the usual")
    settings = Settings(
        url,
        environ.get("MAGIQ_CA", ""),
        number("pollSeconds", 60, 1, 86400),
        number("pollJitterSeconds", 10, 0, 3600),
        number("requestsPerMinute", 60, 1, 6000),
    )
    if problems:
        raise ConfigurationError(problems)
    return settings


def _is_https(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme == "https" and bool(parts.hostname) and "@" not in parts.netloc and parts.port != 0
    except ValueError:
        return False


def is_device_id(value: object) -> bool:
    """Whether this can be a socket's id; the samples show digits alone."""
    return isinstance(value, str) and re.fullmatch(r"[A-Za-z0-9_-]{1,64}", value) is not None
