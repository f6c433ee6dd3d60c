"""How often sockets are looked at: an interval, jitter, and a limit on the requests in a minute. Pure.

Commands go first: they are counted, and never held back, because a person waits. What they use is taken from
the looks that nobody waits for. The vendor publishes no limit of its own; this one is the user's.
"""


class Budget:
    """A bucket that holds a minute's requests and fills up evenly; the time comes in, in seconds.

    Args:
        per_minute: requests in a minute.
    """

    def __init__(self, *, per_minute: int) -> None:
        if per_minute < 1:
            raise ValueError("a budget needs at least one request a minute")
        self._most = float(per_minute)
        self._left = self._most
        self._at: float | None = None

    def may_poll(self, now: float) -> bool:
        """Whether a request that nobody waits for still fits in."""
        self._fill(now)
        return self._left >= 1

    def count(self, now: float) -> None:
        """Counts a request that is about to be sent. A minute's worth of debt is remembered, not more."""
        self._fill(now)
        self._left = max(self._left - 1, -self._most)

    def _fill(self, now: float) -> None:
        passed = 0.0 if self._at is None else max(0.0, now - self._at)
        self._left = min(self._most, self._left + passed * self._most / 60)
        self._at = now


def poll_interval(*, wanted: float, sockets: int, per_minute: int) -> float:
    """Seconds between two looks at one socket: what is wanted, or what the limit leaves to each.

    Half of the limit is left to commands and to the GET that may follow one.
    """
    return max(wanted, sockets * 60 / max(1.0, per_minute / 2))


def with_jitter(interval: float, *, jitter: float, fraction: float) -> float:
    """One socket's interval: up to ``jitter`` seconds longer, so that sockets are not asked all at once.

    Args:
        interval: seconds, from :func:`poll_interval`.
        jitter: seconds, the most that is added.
        fraction: a random number from 0 to 1.
    """
    return interval + jitter * min(max(fraction, 0.0), 1.0)
