"""How often one person may work one device: a program that runs wild, or a stolen telephone, wears out no lock.

In memory, for each program: who is over the limit waits a minute, and a restart forgives. What comes twice counts once.
"""

import math
import threading
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from latchwire.config.home import Limit
from latchwire.waiting import now


class Over(NamedTuple):
    """Too many.

    Attributes:
        seconds: until one more is allowed.
        told_before: whether the same was said already since one was last allowed.
    """

    seconds: int
    told_before: bool


class _Recent:
    def __init__(self) -> None:
        self.done: deque[tuple[float, str | None]] = deque()
        self.told = False


class Limits:
    """Counts actions by person and device; may be used from several threads.

    Args:
        clock: seconds, never jumping.
    """

    def __init__(self, *, clock: Callable[[], float] = now) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._recent: dict[tuple[str, str], _Recent] = {}

    def look(self, person: str, device: str, limit: Limit | None) -> Over | None:
        """Whether one more would be too many; counts nothing."""
        return self._judge(person, device, limit, None, count=False)

    def count(self, person: str, device: str, limit: Limit | None, command: str | None) -> Over | None:
        """Counts one more, unless it is one too many.

        Args:
            person: their name.
            device: its name.
            limit: what is allowed; ``None`` for everything.
            command: the command's id; one that was counted is not counted again.
        """
        return self._judge(person, device, limit, command, count=True)

    def _judge(self, person: str, device: str, limit: Limit | None, command: str | None, *, count: bool) -> Over | None:
        if limit is None:
            return None
        with self._lock:
            time = self._clock()
            recent = self._recent.setdefault((person, device), _Recent())
            while recent.done and recent.done[0][0] <= time - limit.seconds:
                recent.done.popleft()
            if command is not None and any(command == other for _, other in recent.done):
                return None
            if len(recent.done) >= limit.actions:
                over = Over(max(1, math.ceil(recent.done[-limit.actions][0] + limit.seconds - time)), recent.told)
                recent.told = True
                return over
            if count:
                recent.done.append((time, command))
            recent.told = False
            return None
