"""The end of a bus: last words, a moment for answers to what others had said already, then DISCONNECT."""

from collections.abc import Callable
from typing import Final

from latchwire.bus.outbox import Outbox

FAREWELL_SECONDS: Final = 2.0
"""How long the last messages may take at a stop."""
LINGER_SECONDS: Final = 0.1
"""How long a bus stays after its last words: who had not heard them yet gets an answer to what they said."""
_GRACE_SECONDS: Final = 0.5
"""For the broker to end a connection that was disconnected."""


class Farewell:
    """One bus's; it is looked at again and again until the end, on the bus's thread.

    Args:
        outbox: what has to be sent and acknowledged before.
        say: publishes the last words.
        lingers: whether there is somebody to wait for.
    """

    def __init__(self, outbox: Outbox, *, say: Callable[[], None], lingers: Callable[[], bool]) -> None:
        self._outbox, self._say, self._lingers = outbox, say, lingers
        self._ends_at: float | None = None
        self._leaves_at: float | None = None
        self._has_left = False

    def begin(self) -> None:
        """There is a new connection."""
        self._has_left = False

    @property
    def seconds(self) -> float:
        """After how long it has to be looked at again."""
        return 0.5 if self._leaves_at is None else LINGER_SECONDS

    def go_on(self, now: float, disconnect: Callable[[], object]) -> bool:
        """Does what is due; whether something is still to be done on this connection."""
        if self._ends_at is None:
            self._ends_at = now + FAREWELL_SECONDS
            self._say()
        if self._outbox.is_empty and self._leaves_at is None:
            self._leaves_at = now + (LINGER_SECONDS if self._lingers() else 0.0)
        said = self._outbox.is_empty and self._leaves_at is not None and now >= self._leaves_at
        if not self._has_left and (said or now > self._ends_at):
            self._has_left = True
            disconnect()
        return now <= self._ends_at + _GRACE_SECONDS
