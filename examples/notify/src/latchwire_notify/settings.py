"""What config.json and ``state/.env`` say of notify, checked at once."""

import ssl
from collections.abc import Mapping
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from latchwire.errors import ConfigurationError
from latchwire.kit.settings import Settings
from latchwire.kit.variables import needed, secret, value

_LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")


class Told(NamedTuple):
    """What the owner wants to be told of.

    Attributes:
        done: which commands that were done: ``opened`` (a lock was unlocked), ``all`` or ``none``.
        unlocked_seconds: after how long it is told that a lock stands unlocked.
        away_seconds: after how long it is told that a service or the broker is away.
        ends_days: how many days before somebody's rights end that is told.
        per_day: how many messages are sent in a day at most; many things can be in one.
    """

    done: str
    unlocked_seconds: float
    away_seconds: float
    ends_days: int
    per_day: int


class Target(NamedTuple):
    """Where it is told. The address may be a secret: who knows an ntfy topic can read it.

    Attributes:
        form: ``ntfy`` or ``json``.
        url: where to post.
        topic: ntfy's; "" for another webhook.
        token: the Bearer token; "" for none.
        ca: path of a PEM file whose certificates alone are trusted; "" for the usual ones.
    """

    form: str
    url: str
    topic: str
    token: str
    ca: str

    @property
    def host(self) -> str:
        """The part of the address that may be shown."""
        return urlsplit(self.url).hostname or ""


def read_told(settings: Settings) -> Told:
    """What ``observers.notify`` of config.json says.

    Raises:
        ConfigurationError: what is wrong there.
    """
    return Told(
        done=settings.one_of("done", ("opened", "all", "none"), "opened"),
        unlocked_seconds=60 * settings.number("unlockedMinutes", 0.1, 10_000, 10),
        away_seconds=60 * settings.number("awayMinutes", 0.1, 10_000, 5),
        ends_days=settings.whole_number("endsDays", 0, 365, 7),
        per_day=settings.whole_number("messagesPerDay", 30, 100_000, 200),
    )


def read_target(settings: Settings, variables: Mapping[str, str]) -> Target:
    """Where to send, from config.json and the variables ``NOTIFY_URL``, ``NOTIFY_TOKEN`` and ``NOTIFY_CA``.

    Raises:
        ConfigurationError: what is missing or wrong. Neither address nor token is in it.
    """
    form = settings.one_of("form", ("ntfy", "json"), "ntfy")
    plain = settings.flag("plainHttp", default=False)
    url, token, ca = needed(variables, "NOTIFY_URL"), secret(variables, "NOTIFY_TOKEN"), value(variables, "NOTIFY_CA")
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username is not None:
        raise ConfigurationError("NOTIFY_URL is no address; write it like https://ntfy.sh/your-topic")
    if parts.scheme == "http" and not plain and parts.hostname not in _LOOPBACK:
        raise ConfigurationError(
            "NOTIFY_URL begins with http: everybody on the way could read who opened what. Write https, or, for a "
            'server at home, "plainHttp": true in observers.notify of config.json'
        )
    if ca:
        try:
            ssl.create_default_context(cafile=ca)
        except OSError as error:  # ssl.SSLError is one
            raise ConfigurationError(f"NOTIFY_CA: {ca}: cannot be used: {error.strerror or error}") from None
    if form == "json":
        return Target(form, url, "", token, ca)
    topic = parts.path.strip("/")
    if not topic or "/" in topic or parts.query:
        raise ConfigurationError("NOTIFY_URL has no topic, or more than that; write it like https://ntfy.sh/your-topic")
    return Target(form, f"{parts.scheme}://{parts.netloc}/", topic, token, ca)
