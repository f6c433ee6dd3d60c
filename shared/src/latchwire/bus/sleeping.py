"""Where the bus's thread sleeps: until its socket or another thread wants something, or it is time.

While it sleeps it gives the *turn* away, so that whoever publishes can write by itself (:mod:`.connection`).
"""

import select
import threading
from collections.abc import Callable
from typing import Any

from latchwire.waiting import Wake


class Sleeping:
    """One connection's sleep.

    Args:
        sock: the connection's socket.
        wake: set by who wants the thread awake.
        turn: held by the thread whenever it is awake.
        is_due: whether there is something to send; whoever put it there while the turn was held has left it to us.
    """

    def __init__(self, sock: Any, wake: Wake, turn: threading.Lock, is_due: Callable[[], bool]) -> None:
        self._wake, self._turn, self._is_due = wake, turn, is_due
        self._number: int = sock.fileno()
        self._asked = 0
        self._poll = select.poll()
        self._poll.register(wake, select.POLLIN)
        self._pending: Callable[[], int] | None = getattr(sock, "pending", None)

    @property
    def holds(self) -> bool:
        """Whether TLS holds bytes that no poll sees."""
        return self._pending is not None and self._pending() > 0

    def until(self, seconds: float, *, writes: bool) -> bool:
        """Sleeps at most so long; whether there is something to read, an end or an error.

        Args:
            seconds: how long at most; 0 only looks.
            writes: whether room to write ends it, too.
        """
        asked = select.POLLIN | (select.POLLOUT if writes else 0)
        if asked != self._asked:
            self._poll.register(self._number, asked)
            self._asked = asked
        self._turn.release()
        try:
            events = self._poll.poll(0 if self._is_due() else seconds * 1000)
        finally:
            self._turn.acquire()
        readable = False
        for number, event in events:
            if number == self._number:
                readable = bool(event & ~select.POLLOUT)
            else:
                self._wake.clear()
        return readable
