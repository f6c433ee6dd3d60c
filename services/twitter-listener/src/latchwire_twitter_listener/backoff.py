"""How long to wait after something went wrong with X: a table, and a state that is stepped through it.

Pure: no clock, no sleeping. The numbers are X's own recommendations (docs.x.com, "Handling disconnections"):
network faults linear from 250 ms to 16 s, HTTP 5xx doubling from 5 to 320 s, 429 by its reset time or
doubling from 60 s, 420 like 429. What no waiting heals (401, 402, 403, 409) is tried again every quarter of
an hour. A clean close comes with a gap that doubles while connections stay short: X counts connects.
"""

import enum
from typing import Final, NamedTuple

RARELY_SECONDS: Final = 900.0
HEALTHY_SECONDS: Final = 60.0
"""A connection that lived this long was a good one: the next fault starts the table anew."""


class Trouble(enum.Enum):
    """What went wrong."""

    NETWORK = "X cannot be reached"
    CLOSED = "X closed the stream"
    MUTE = "the stream went mute"
    STREAM_ERROR = "X reported an error in the stream"
    TOO_MANY_CONNECTIONS = "X still counts an earlier connection of this app"
    MANY_CONNECTS = "the stream was connected often lately, so there is a gap before the next time"
    BUDGET = "the budget of posts for today (UTC) is used up"
    SERVER = "X has a fault of its own"
    RATE_LIMIT = "X asks for fewer requests"
    UNAUTHORISED = "X does not accept the credentials"
    NO_CREDIT = "the X account has no credits left"
    FORBIDDEN = "X does not allow this to the app"
    NO_RULES = "X has no rules for the stream"
    UNEXPECTED = "X gave an answer that was not expected"


class _Row(NamedTuple):
    first: float
    factor: float
    step: float
    most: float


_TABLE: Final = {
    Trouble.NETWORK: _Row(0.25, 1, 0.25, 16),
    Trouble.CLOSED: _Row(1, 2, 0, 64),
    Trouble.MUTE: _Row(1, 2, 0, 64),
    Trouble.STREAM_ERROR: _Row(1, 2, 0, 64),
    Trouble.TOO_MANY_CONNECTIONS: _Row(5, 2, 0, 320),
    Trouble.MANY_CONNECTS: _Row(30, 1, 0, RARELY_SECONDS),
    Trouble.BUDGET: _Row(RARELY_SECONDS, 1, 0, RARELY_SECONDS),
    Trouble.SERVER: _Row(5, 2, 0, 320),
    Trouble.RATE_LIMIT: _Row(60, 2, 0, 960),
    Trouble.UNAUTHORISED: _Row(RARELY_SECONDS, 1, 0, RARELY_SECONDS),
    Trouble.NO_CREDIT: _Row(RARELY_SECONDS, 1, 0, RARELY_SECONDS),
    Trouble.FORBIDDEN: _Row(RARELY_SECONDS, 1, 0, RARELY_SECONDS),
    Trouble.NO_RULES: _Row(RARELY_SECONDS, 1, 0, RARELY_SECONDS),
    Trouble.UNEXPECTED: _Row(60, 2, 0, 960),
}

CURE: Final = {
    Trouble.UNAUTHORISED: "Compare X_BEARER_TOKEN, or X_CONSUMER_KEY and X_CONSUMER_SECRET, in state/.env "
    "with the keys of your app on console.x.com; regenerated keys make the old ones useless.",
    Trouble.NO_CREDIT: "Buy credits (or raise the spending limit) on console.x.com.",
    Trouble.FORBIDDEN: "On console.x.com the app has to be in a project whose plan includes this; "
    "without stream access set the source to poll. docs/x.md says how.",
    Trouble.BUDGET: "Listening goes on at midnight UTC; the budget is set in config.json.",
    Trouble.NO_RULES: "There is nothing to listen to: in config.json give people a twitter name, and set hashtags "
    "(on X, look whether the app still has the rules with the tag latchwire).",
    Trouble.TOO_MANY_CONNECTIONS: "The earlier connection is being closed. If this comes again, the listener "
    "runs twice: stop one.",
}
"""What a person can do about it, where waiting alone does not heal."""


def trouble_of(status: int, body: str = "") -> Trouble:
    """What an HTTP status that is not 200 means; the body tells the special cases of it."""
    if "TooManyConnections" in body:
        return Trouble.TOO_MANY_CONNECTIONS
    if status in (402, 403, 429) and ("UsageCapExceeded" in body or "usage-capped" in body):
        return Trouble.NO_CREDIT
    by_status = {
        401: Trouble.UNAUTHORISED,
        402: Trouble.NO_CREDIT,
        403: Trouble.FORBIDDEN,
        409: Trouble.NO_RULES,
        420: Trouble.RATE_LIMIT,
        429: Trouble.RATE_LIMIT,
    }
    return by_status.get(status, Trouble.SERVER if status >= 500 else Trouble.UNEXPECTED)


class Backoff(NamedTuple):
    """Where in the table we are: the last trouble and how often in a row it came."""

    trouble: Trouble | None = None
    times: int = 0

    def after(
        self, trouble: Trouble, *, now: float, reset_at: float | None = None, lived: float = 0
    ) -> tuple["Backoff", float]:
        """The next state, and the seconds to wait before trying again.

        Args:
            trouble: what went wrong.
            now: seconds since 1970.
            reset_at: ``x-rate-limit-reset``, in seconds since 1970, if X sent it.
            lived: for how many seconds the connection was good before.
        """
        again = trouble is self.trouble and lived < HEALTHY_SECONDS
        times = self.times + 1 if again else 1
        row = _TABLE[trouble]
        wait = min(row.first * row.factor ** min(times - 1, 30) + row.step * (times - 1), row.most)
        if trouble is Trouble.RATE_LIMIT and reset_at is not None and now < reset_at <= now + 86400:
            wait = reset_at - now + 1
        return Backoff(trouble, times), wait
