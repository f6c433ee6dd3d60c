"""Until when the broker's certificate is good, and the sentence that says so weeks before it ends.

``latchwire init --tls`` writes ``tls/broker.json`` beside the certificate, so that services can tell without a library
that reads certificates. It holds nothing secret, and nobody decides by it.
"""

import time
from typing import Final, NamedTuple

from latchwire.config import strict_json
from latchwire.config.places import Places
from latchwire.errors import ConfigurationError

WARNED_DAYS: Final = 42
"""How long before its end a certificate is renewed, and told of: six weeks are a long holiday."""
CURE: Final = "on the broker's machine type: ./latchwire init --tls"


class Served(NamedTuple):
    """The broker's certificate.

    Attributes:
        names: the host names and addresses that it is for; the first is the one to give to others.
        since: seconds since 1970.
        until: seconds since 1970.
        certificates: whether certificates, and not passwords, are the logins of the TLS listener.
    """

    names: tuple[str, ...]
    since: int
    until: int
    certificates: bool


def read(places: Places) -> Served | None:
    """What stands in ``tls/broker.json``; ``None`` if TLS was never set up.

    Raises:
        ConfigurationError: it cannot be used.
    """
    path = places.tls / "broker.json"
    if not path.exists():
        return None
    document, problems = strict_json.parse(strict_json.read(path, "tls/broker.json"), "tls/broker.json")
    match document:
        case {"names": [*names], "since": int(since), "until": int(until), "certificates": bool(certificates)} if (
            not problems and names and all(isinstance(name, str) for name in names)
        ):
            return Served(tuple(names), since, until, certificates)
    raise ConfigurationError("tls/broker.json: not what was written there; type: ./latchwire init --tls")


def is_near(until: float, now: float) -> bool:
    """Whether the end is so near that it has to be told, or is over."""
    return until - now < WARNED_DAYS * 86400


def sentence(until: float, now: float) -> str:
    """What to say of a certificate whose end is near: "" if it is not."""
    if not is_near(until, now):
        return ""
    day = time.strftime("%Y-%m-%d", time.gmtime(until))
    if until <= now:
        return f"The broker's certificate ended on {day}, and no client connects by TLS any more; {CURE}"
    days = int((until - now) // 86400)
    return f"The broker's certificate ends on {day}, in {days} day{'' if days == 1 else 's'}; {CURE}"


def note(places: Places) -> tuple[str, ...]:
    """The same about the broker beside this state folder, as a service's notes; none where there is nothing to say."""
    try:
        served = read(places)
    except ConfigurationError as error:
        return error.problems
    text = sentence(served.until, time.time()) if served else ""
    return (text,) if text else ()
