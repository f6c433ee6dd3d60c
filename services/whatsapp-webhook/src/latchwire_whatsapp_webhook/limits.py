"""How much is taken from one sender, and how often the same line is logged. In memory: a restart forgives."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

_MOST: Final = 4096
"""Senders that are remembered; the one not heard for the longest is forgotten first."""


class RateLimit:
    """So many events at once, and then one each so many seconds, for each key.

    Args:
        burst: how many come through at once.
        every: seconds until one more does.
        clock: seconds, monotonic.
    """

    def __init__(self, *, burst: int, every: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._burst = burst
        self._every = every
        self._clock = clock
        self._lock = threading.Lock()
        self._free_at: OrderedDict[str, float] = OrderedDict()

    def allows(self, key: str) -> bool:
        """Counts one event, and says whether it may pass; what may not pass is not counted."""
        with self._lock:
            now = self._clock()
            free_at = max(self._free_at.pop(key, now), now)
            allowed = free_at - now < (self._burst - 0.5) * self._every  # half a step, for sums are not exact
            self._free_at[key] = free_at + self._every if allowed else free_at
            if len(self._free_at) > _MOST:
                self._free_at.popitem(last=False)
            return allowed
