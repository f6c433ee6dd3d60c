"""Tells the owner by ntfy, or any webhook, who opened what, what was refused, who is away, what stands unlocked.

``Notify`` gets each event from ``latchwire.kit.observer``, decides in ``news``, ``watch`` and ``ends`` what is worth
telling, and puts it into the ``outbox``. ``tick`` sends: it may block, for it runs in the kit's own thread, and what is
seen meanwhile waits there. ``state/data/notify.json`` remembers what was told.

Only a verified receipt is told as a fact. States, alerts and statuses are not signed: whoever owns the broker could
make them up, so they are good for looking at the door, and never for opening one.
"""

import datetime as dt
import logging
import time
from collections import deque
from collections.abc import Iterable
from typing import Any, Final

from latchwire.errors import ConfigurationError
from latchwire.health import Health
from latchwire.kit.memory import Memory
from latchwire.kit.observer import (
    AlertSeen,
    AvailabilitySeen,
    ConnectionSeen,
    Event,
    Here,
    ReceiptSeen,
    StateSeen,
    StatusSeen,
    run,
)
from latchwire.log import event as log_event
from latchwire.model import State
from latchwire_notify import ends, news
from latchwire_notify.message import Message
from latchwire_notify.outbox import Outbox
from latchwire_notify.push import HttpPush
from latchwire_notify.settings import read_target, read_told
from latchwire_notify.watch import Watch, sentences

REMEMBER_SECONDS: Final = 60.0
"""How often it is remembered that we are here, and the calendar is looked at."""
JUMP_SECONDS: Final = 30.0
"""A clock that goes wrong by so much between two ticks was put."""
UNVERIFIED_SECONDS: Final = 600.0
"""Those who make up receipts are told of no more often."""
MOST_IDS: Final = 256
"""Commands, and ends, that are remembered as told."""

_log: Final = logging.getLogger("latchwire.notify")


class Clock:
    """The time; tests have one of their own."""

    def now(self) -> float:
        """Seconds since 1970, by a clock that may be put."""
        return time.time()

    def both(self) -> tuple[float, float]:
        """The same moment by that clock, and by one that nobody puts."""
        return time.time(), time.monotonic()


class Notify:
    """Tells the owner by ntfy, or any webhook, who opened what and what is wrong."""

    def __init__(self, here: Here, *, clock: Clock | None = None, tick_seconds: float = 1.0) -> None:
        """Reads its settings, and what it told before."""
        self._here, self._clock = here, clock or Clock()
        self.tick_seconds: Final = tick_seconds
        self._told = read_told(here.settings)
        target = read_target(here.settings, here.variables)
        self._memory = Memory(here.data / "notify.json")
        remembered = self._memory.read()
        self._now, self._steady = self._clock.both()
        self._outbox = Outbox(HttpPush(target), per_day=self._told.per_day, remembered=remembered)
        self._watch = Watch(self._told, name=here.name, remembered=remembered, now=self._now)
        self._told_ids = _kept(remembered.get("ids"))
        self._told_ends = _kept(remembered.get("ends"))
        self._states: dict[str, State] = {}
        self._unverified, self._not_before = 0, 0.0
        self._next_look = 0.0
        self._fault = ""

    def seen(self, event: Event) -> None:
        """Called for each event, one after the other."""
        config, now = self._here.config, self._clock.now()
        match event:
            case ReceiptSeen():
                self._receipt(event, now)
            case AlertSeen():
                self._tell(news.of_alert(event, now))
            case StateSeen():
                self._opened_by_hand(event, now)
                self._tell(*self._watch.state(event, config, now))
            case AvailabilitySeen():
                self._tell(*self._watch.availability(event, config, now))
            case StatusSeen():
                self._tell(*self._watch.status(event, config, now))
                self._end(ends.of_notes(sentences(event, "notes")), now)
            case ConnectionSeen():
                self._tell(*self._watch.connection(event.trouble, config, now))
            case _:
                pass

    def tick(self) -> None:
        """Called every second: tells what has lasted too long, and sends."""
        self._look_at_the_clock()
        config, now, steady = self._here.config, self._now, self._steady
        if self._unverified and steady >= self._not_before:
            self._tell(news.of_unverified(self._unverified, now))
            self._unverified, self._not_before = 0, steady + UNVERIFIED_SECONDS
        self._tell(*self._watch.too_long(config, now))
        if steady >= self._next_look:
            today = dt.datetime.fromtimestamp(now).astimezone().date()
            self._end(ends.of_people(config.people.values(), today=today, days=self._told.ends_days), now)
            self._end(ends.of_notes(self._here.notes), now)
        if self._outbox.changed or steady >= self._next_look:
            self._remember()
            self._next_look = steady + REMEMBER_SECONDS
        before = self._outbox.trouble
        self._outbox.send(now=now, steady=steady)
        if self._outbox.trouble and self._outbox.trouble != before:
            log_event(_log, logging.WARNING, f"Not sent: {self._outbox.trouble}.", waiting=self._outbox.waiting)
        if self._outbox.changed:
            self._remember()

    def close(self) -> None:
        """Remembers what could not be sent any more."""
        self._remember()

    def health(self) -> Health:
        """Whether what it has to tell gets through."""
        waiting = f"; {self._outbox.waiting} messages wait" if self._outbox.waiting else ""
        troubles = [f"{self._outbox.trouble}{waiting}"] if self._outbox.trouble else []
        return Health((*troubles, *([self._fault] if self._fault else [])))

    def _receipt(self, seen: ReceiptSeen, now: float) -> None:
        device = self._here.config.devices.get(seen.device)
        if not seen.verified or (device is not None and device.agent != seen.agent):
            self._unverified += 1  # an agent can sign for its own devices only
            return
        name = f"{seen.receipt.aud} {seen.receipt.re}"
        if name in self._told_ids:
            return  # an agent answers a command that comes twice by the same receipt
        self._told_ids.append(name)
        person = self._here.who(seen.who)
        message = news.of_receipt(
            seen,
            person=person.name if person else "",
            kind=device.kind if device else None,
            done=self._told.done,
            now=now,
        )
        if message is not None:
            self._tell(message)

    def _opened_by_hand(self, seen: StateSeen, now: float) -> None:
        device = self._here.config.devices.get(seen.device)
        if device is None or device.agent != seen.agent:
            return
        before = self._states.get(seen.device)
        self._states[seen.device] = seen.state
        if seen.state is State.UNLOCKED and before is State.LOCKED and not seen.by and not seen.retained:
            self._tell(news.of_opened(seen.device, now))

    def _end(self, found: Iterable[ends.End], now: float) -> None:
        for end in found:
            if end.name not in self._told_ends:
                self._told_ends.append(end.name)
                self._tell(Message("Something ends", end.text, 3, ("hourglass",), now))

    def _tell(self, *messages: Message) -> None:
        for message in messages:
            log_event(_log, logging.INFO, f"To tell: {message.text}")
            self._outbox.add(message)

    def _look_at_the_clock(self) -> None:
        """A clock that is put, as when NTP comes after the start, makes nothing last longer."""
        now, steady = self._clock.both()
        jump = (now - self._now) - (steady - self._steady)
        if abs(jump) > JUMP_SECONDS:
            log_event(_log, logging.INFO, f"The clock was put by {jump:.0f} seconds.")
            self._watch.shift(jump)
        self._now, self._steady = now, steady

    def _remember(self) -> None:
        watched = self._watch.to_remember(self._clock.now())
        told = {"ids": list(self._told_ids), "ends": list(self._told_ends)}
        self._outbox.changed = False
        try:
            self._memory.write({**watched, **told, **self._outbox.to_remember()})
        except ConfigurationError as error:
            self._fault = str(error)
        else:
            self._fault = ""


def _kept(found: Any) -> deque[str]:
    return deque(map(str, found) if isinstance(found, list) else (), MOST_IDS)


def main() -> int:
    """Runs the service."""
    return run(Notify, name="notify")
