"""Which question is open with whom: one at a time for each identity, for a minute, answered once.

Time is ``CLOCK_BOOTTIME``, which no change of the clock moves and which runs on while the machine sleeps. All of it is
in memory only: after a restart nothing is open, and a YES that comes then confirms nothing.
"""

import threading
from typing import Final, NamedTuple

from latchwire.config.home import Confirm

SECONDS: Final = 60.0
"""How long a question is open."""


class Question(NamedTuple):
    """What somebody was asked to confirm.

    Attributes:
        identity: who was asked; nobody else's answer counts.
        person: their name in config.json at that time.
        device: which.
        action: what they asked for.
        by: what confirms it: a YES or their PIN.
        ends_at: until when, seconds of ``CLOCK_BOOTTIME``.
        number: tells it from all other questions of this process.
    """

    identity: str
    person: str
    device: str
    action: str
    by: Confirm
    ends_at: float
    number: int


class Pending:
    """The open questions; may be used from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: dict[str, Question] = {}
        self._number = 0

    def ask(self, question: Question) -> Question:
        """Opens the question in place of another one with the same identity; gives it its number."""
        with self._lock:
            self._number += 1
            self._open[question.identity] = asked = question._replace(number=self._number)
            return asked

    def of(self, identity: str) -> Question | None:
        """What is open with this identity; it may be too late for it."""
        return self._open.get(identity)

    def take(self, question: Question) -> bool:
        """Ends this very question; whether it was open: of two answers at once, one gets ``True``."""
        with self._lock:
            if self._open.get(question.identity) != question:
                return False
            del self._open[question.identity]
            return True
