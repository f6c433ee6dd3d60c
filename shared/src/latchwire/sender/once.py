"""A moment that comes once, for some threads to wait for.

Each command costs its sender one, and ``threading.Event`` costs three times as much. Not for an agent: on an Omega such
a wait ends by a clock that may be put (:mod:`latchwire.waiting`).
"""

import threading
from contextlib import suppress


class Once:
    """The moment; may be set from any thread, and more than once."""

    __slots__ = ("_has_come", "_lock")

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lock.acquire()
        self._has_come = False

    def is_set(self) -> bool:
        """Whether it has come."""
        return self._has_come

    def set(self) -> None:
        """It has come: whoever waits goes on, one after the other."""
        self._has_come = True
        with suppress(RuntimeError):  # it had come before, and nobody waits
            self._lock.release()

    def wait(self, seconds: float) -> bool:
        """Waits for it, at most so long; whether it has come."""
        if not self._has_come and self._lock.acquire(timeout=max(0.0, seconds)):
            with suppress(RuntimeError):  # it was set meanwhile once more
                self._lock.release()
        return self._has_come
