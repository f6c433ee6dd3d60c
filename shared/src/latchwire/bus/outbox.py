"""What is to be published: put in by any thread, taken out by the one that talks to the broker.

Two kinds of letters. One is for the connection that stands when it is put in, and is thrown away with it: nobody who
was told that nothing happened shall find it happen later. One that is *kept* is sent, and sent again, until the broker
has acknowledged it, over as many connections as that takes. The client library's own queue does neither: it sends
after a reconnect whatever was not acknowledged before, and after what is newer.
"""

import itertools
import threading
from collections import deque
from typing import Final, NamedTuple

LIMIT: Final = 200
"""Letters that may be unsent or unacknowledged at a time, where nobody says how many."""


class Letter(NamedTuple):
    """Something to publish; ``expiry`` is in seconds, ``None`` for never."""

    ticket: int
    topic: str
    payload: str | bytes
    retained: bool
    expiry: int | None
    kept: bool


class Outbox:
    """Letters on their way. Only :meth:`put` may be called from any thread.

    Args:
        limit: how many may be unsent or unacknowledged at a time.
    """

    def __init__(self, limit: int = LIMIT) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        self._waiting: deque[Letter] = deque()
        self._sent: dict[int, Letter] = {}
        self._tickets = itertools.count(1)
        self._open = False
        self._at_once = limit

    @property
    def is_due(self) -> bool:
        """Whether one of them can be sent now."""
        return bool(self._waiting) and self._open and len(self._sent) < self._at_once

    @property
    def is_open(self) -> bool:
        """Whether there is a connection to send on."""
        return self._open

    @property
    def is_empty(self) -> bool:
        """Whether everything was sent and acknowledged."""
        return not self._waiting and not self._sent

    @property
    def is_full(self) -> bool:
        """Whether nothing more is taken."""
        return len(self._waiting) + len(self._sent) >= self._limit

    def put(
        self, topic: str, payload: str | bytes, *, retained: bool, expiry: int | None, kept: bool, minor: bool = False
    ) -> int | None:
        """Adds a letter; its ticket, or ``None`` if it will not be sent. A minor one leaves half of the room free."""
        with self._lock:
            if self.is_full or not (self._open or kept):
                return None
            if minor and 2 * (len(self._waiting) + len(self._sent)) >= LIMIT:
                return None
            letter = Letter(next(self._tickets), topic, payload, retained, expiry, kept)
            self._waiting.append(letter)
            return letter.ticket

    def open(self, at_once: int) -> None:
        """A connection stands, on which so many may be unacknowledged."""
        with self._lock:
            self._open, self._at_once = True, at_once

    def close(self) -> None:
        """It is gone: what is kept waits for the next one, in its old order, and the rest is thrown away."""
        with self._lock:
            self._open = False
            unsent = [*self._sent.values(), *self._waiting]
            self._sent.clear()
            self._waiting = deque(letter for letter in unsent if letter.kept)

    def take(self) -> Letter | None:
        """The next letter to send, if there is one and a connection."""
        if not self._waiting:  # asked at each turn of the bus, mostly for nothing
            return None
        with self._lock:
            return self._waiting.popleft() if self.is_due else None

    def sent(self, number: int, letter: Letter) -> None:
        """Notes that it was sent under that packet identifier."""
        self._sent[number] = letter

    def acknowledged(self, number: int) -> Letter | None:
        """The letter that the broker acknowledged, which is done."""
        return self._sent.pop(number, None)
