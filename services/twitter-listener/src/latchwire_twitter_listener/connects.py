"""How often the stream was connected, counted on the disk, so that restarts cannot burn X's limit.

X allows 50 connects to the filtered stream in 15 minutes and app; whoever goes on is banned for longer. The
first :data:`FREE` connects of a window are free, so that an ordinary interruption is short; after them there
is a gap, so that even a service that is restarted all the time stays below the limit and is never shut out
for a whole window. Source: docs.x.com, X API rate limits, 2026-11.
"""

from collections.abc import Sequence
from typing import Final

from latchwire_twitter_listener.store import Store

WINDOW_SECONDS: Final = 900.0
LIMIT: Final = 45
"""Five less than X allows, for another program of the same app and for clocks that differ."""
FREE: Final = 15
GAP_SECONDS: Final = 30.0


def seconds_to_wait(connects: Sequence[float], *, now: float) -> float:
    """How long to wait before the next connect, given the times of earlier ones (all in seconds since 1970).

    Times in the future (the clock was set back) count as now.
    """
    window = sorted(min(at, now) for at in connects if at > now - WINDOW_SECONDS)
    if len(window) >= LIMIT:
        return window[-LIMIT] + WINDOW_SECONDS - now
    if len(window) >= FREE:
        return max(0.0, window[-1] + GAP_SECONDS - now)
    return 0.0


class Connects:
    """The count, on the disk."""

    def __init__(self, *, store: Store) -> None:
        self._store = store

    def seconds_to_wait(self, *, now: float) -> float:
        """How long to wait before the next connect."""
        rows = self._store.rows("SELECT at FROM connects WHERE at > ?", now - WINDOW_SECONDS)
        return seconds_to_wait([float(str(at)) for (at,) in rows], now=now)

    def note(self, *, now: float) -> None:
        """Counts a connect; to be called before it is made."""
        self._store.change("DELETE FROM connects WHERE at <= ? OR at > ?", now - WINDOW_SECONDS, now + WINDOW_SECONDS)
        self._store.change("INSERT INTO connects VALUES (?)", now)
