"""What waits to be told: put together, not too often, tried again, and counted where it is lost.

- What waits goes in one message. The same thing said again while it waits is counted, not repeated.
- ``BURST`` messages may go at once; then as many as fit into ``per_day``, evenly.
- What cannot be sent stays, and is tried again after 2 seconds, 5, 15, … five minutes, or when the answer says.
- Of more than ``MOST_WAITING`` the least urgent and oldest is dropped, and so is what is a day old. How many that
  were is told with the next message that gets through.

All of it is remembered, so that a restart neither loses what waits nor tells again what was told.
"""

from collections.abc import Mapping
from typing import Any, Final

from latchwire_notify.message import Message, bundle
from latchwire_notify.push import NotSentError, Push

BURST: Final = 20
MOST_WAITING: Final = 100
AT_ONCE: Final = 10
"""Lines in one message; what is beyond comes with the next."""
OLDEST_SECONDS: Final = 86400.0
PAUSES: Final = (2.0, 5.0, 15.0, 60.0, 300.0)
"""Seconds after a failure; the last one is repeated."""


class Outbox:
    """What waits.

    Args:
        push: what sends.
        per_day: how many messages are sent in a day at most.
        remembered: what :meth:`to_remember` gave before the restart.

    Attributes:
        trouble: why the last try failed; "" if it did not.
        changed: whether there is something new to remember.
    """

    def __init__(self, push: Push, *, per_day: int, remembered: Mapping[str, Any]) -> None:
        found = remembered.get("waiting")
        waiting = map(Message.remembered, found if isinstance(found, list) else [])
        self._push = push
        self._waiting = [message for message in waiting if message is not None][:MOST_WAITING]
        lost = remembered.get("lost")
        self._lost = lost if type(lost) is int and lost > 0 else 0
        self._refill = 86400.0 / (per_day - BURST)
        self._left, self._counted_at = float(BURST), 0.0
        self._failures, self._not_before = 0, 0.0
        self.trouble, self.changed = "", False

    @property
    def waiting(self) -> int:
        """How many things wait."""
        return len(self._waiting)

    def to_remember(self) -> dict[str, Any]:
        """What is kept over a restart, as JSON."""
        return {"waiting": [list(message) for message in self._waiting], "lost": self._lost}

    def add(self, message: Message) -> None:
        """Something to tell."""
        self.changed = True
        for index, other in enumerate(self._waiting):
            if (other.title, other.text) == (message.title, message.text):
                self._waiting[index] = other._replace(times=min(other.times + message.times, 1_000_000))
                return
        self._waiting.append(message)
        if len(self._waiting) > MOST_WAITING:
            self._waiting.remove(min(self._waiting, key=lambda one: (one.priority, one.at)))
            self._lost += 1

    def send(self, *, now: float, steady: float) -> None:
        """Sends what may be sent now: at most one message.

        Args:
            now: seconds since 1970.
            steady: seconds of a clock that nobody puts.
        """
        self._drop_old(now)
        if (not self._waiting and not self._lost) or steady < self._not_before or not self._may_send(steady):
            return
        some = self._waiting[:AT_ONCE]
        lost = [_lost(self._lost, now)] if self._lost else []
        try:
            self._push(bundle([*lost, *some], now))
        except NotSentError as error:
            self.trouble = error.reason
            self._not_before = steady + max(PAUSES[min(self._failures, len(PAUSES) - 1)], error.after)
            self._failures += 1
            if error.again:
                return
            self._lost += len(some)
        else:
            self.trouble, self._failures, self._lost = "", 0, 0
            self._left -= 1
        self._waiting = self._waiting[len(some) :]
        self.changed = True

    def _may_send(self, steady: float) -> bool:
        self._left = min(float(BURST), self._left + (steady - self._counted_at) / self._refill)
        self._counted_at = steady
        return self._left >= 1

    def _drop_old(self, now: float) -> None:
        kept = [message for message in self._waiting if now - message.at < OLDEST_SECONDS]
        if len(kept) < len(self._waiting):
            self._lost += len(self._waiting) - len(kept)
            self._waiting, self.changed = kept, True


def _lost(count: int, now: float) -> Message:
    what = "1 message was" if count == 1 else f"{count} messages were"
    return Message("Latchwire: messages lost", f"{what} lost before this one. Look at the log.", 4, ("warning",), now)
