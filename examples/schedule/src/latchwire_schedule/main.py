"""Asks for what is due by the calendar: to lock the front door at 18:00 on weekdays.

A rule is an ingress's word like a person's message: ``schedule:evening`` says "front-door lock", config.json says who
that is and what they may, the kit signs and waits, and the outcome is in the log and in ``latchwire status``.

What is not due any more is not done. A time that comes while this does not run, or is leapt over by the clock, is told
as missed. A command's id is made of the rule, the time and the try, so a restart in between does it once. Only when
nobody was listening, when nothing went out and nothing ever will, there is another try, for ``lateSeconds``.
"""

import base64
import datetime as dt
import hashlib
import logging
import threading
import time as system
from collections.abc import Mapping
from typing import Final

from latchwire.errors import ConfigurationError
from latchwire.health import Health
from latchwire.kit.ingress import Answer, Ending, Ingress, run
from latchwire.kit.memory import Memory
from latchwire.log import event
from latchwire_schedule.book import Book
from latchwire_schedule.calendar import EARLIEST, MOST, moment, next_time, times
from latchwire_schedule.rules import Rule, objection, read_rules, read_zone

LOOK_SECONDS: Final = 1.0
AGAIN_SECONDS: Final = 5.0
"""How long to wait when nobody was listening."""
ANSWER_SECONDS: Final = 10.0
MISSED_KEPT: Final = 5
"""How many missed times are known as told; a leap of years must not push out what was done today."""
SAVE_SECONDS: Final = 60.0
"""How often it is written down that we are here."""
BACK: Final = dt.timedelta(hours=1)
"""A clock that is further back than this after a start is wrong now, or was before."""
REST_SECONDS: Final = 600.0
"""How long it may take until somebody puts such a clock right; then it is believed."""

_log: Final = logging.getLogger("latchwire.schedule")


class Clock:
    """The time; tests have one of their own."""

    def now(self) -> dt.datetime:
        """The time of day, which may be put by anybody, by years."""
        return moment(system.time())

    def steady(self) -> float:
        """Seconds, by a clock that nobody puts."""
        return system.monotonic()

    def wait(self, stopping: threading.Event, seconds: float) -> None:
        """Lets time pass, unless it is to end."""
        stopping.wait(seconds)


class Schedule:
    """Asks for what is due by the calendar."""

    def __init__(self, ingress: Ingress, *, clock: Clock | None = None) -> None:
        """Reads the rules, and what was done before."""
        self._ingress, self._clock = ingress, clock or Clock()
        settings = ingress.settings
        self._zone, self._rules = read_zone(settings), read_rules(settings)
        self._late = dt.timedelta(seconds=settings.whole_number("lateSeconds", 10, 3600, 60))
        self._book = Book(Memory(ingress.data / "schedule.json"), self._rules)
        self._rest_until: float | None = None
        self._believed = False
        self._trouble, self._fault = "", ""
        self._next_save = 0.0
        for rule in self._rules:
            if against := objection(rule, ingress):
                event(_log, logging.WARNING, f"{against}.", device=rule.device, action=rule.action)
            else:
                event(_log, logging.INFO, "A rule.", rule=rule.name, next=self._next(rule), device=rule.device)

    def listen(self) -> None:
        """Looks at the clock, once a second."""
        stopping = self._ingress.stopping
        while not stopping.is_set():
            now, began = self._clock.now(), self._believed
            if self._is_believed(now):
                for rule in self._rules:
                    if not began:
                        self._go_on(rule, now)
                    self._look(rule, now)
                if self._clock.steady() >= self._next_save:
                    self._save()
            self._clock.wait(stopping, LOOK_SECONDS)

    def stop(self) -> None:
        """Writes down where it is. What is still being asked for is left to the next process."""
        self._save()
        self._book.close()

    def health(self) -> Health:
        """What cannot be carried out, and what was not."""
        against = [found for rule in self._rules if (found := objection(rule, self._ingress))]
        lasts = [self._book.last(rule.name) for rule in self._rules]
        bad = [told for told, well in lasts if not well]
        return Health(tuple(text for text in (self._trouble, self._fault, *against, *bad) if text))

    def status(self) -> Mapping[str, object]:
        """When each rule is next, and how it ended last."""
        return {
            "rules": {
                rule.name: {"next": self._next(rule), "last": self._book.last(rule.name)[0]} for rule in self._rules
            }
        }

    # ---------------------------------------------------------------------------------- what the clock says

    def _is_believed(self, now: dt.datetime) -> bool:
        """Whether the clock says what can be. A machine without a battery begins in 1970, until NTP puts that right."""
        trouble = ""
        if now < EARLIEST:
            trouble = f"The clock says {now:%Y-%m-%d %H:%M}: it was not set yet, and nothing is done until it is"
        elif not self._believed:
            looked = max(filter(None, (self._book.looked(rule.name) for rule in self._rules)), default=now)
            steady = self._clock.steady()
            if self._rest_until is None:
                self._rest_until = steady + REST_SECONDS
            if now < looked - BACK and steady < self._rest_until:
                trouble = (
                    f"The clock says {now:%Y-%m-%d %H:%M}, and was at {looked:%Y-%m-%d %H:%M} before: nothing is done "
                    "until it is put right, or ten minutes have passed"
                )
            self._believed = not trouble
        if trouble != self._trouble:
            self._trouble = trouble
            if trouble:
                event(_log, logging.WARNING, f"{trouble}.")
        return not trouble

    def _look(self, rule: Rule, now: dt.datetime) -> None:
        """Begins what is due, and tells what was missed since the last look."""
        looked = self._book.looked(rule.name)
        if looked is None:  # the rule is new: it has missed nothing
            self._book.look(rule.name, now, [])
            return
        if now < looked:  # the clock was put back: what was done stays done, and what is due now is done
            looked = now - self._late
        due_after = max(looked, now - self._late)
        missed, due = self._times(rule, looked, due_after), self._times(rule, due_after, now)
        self._book.look(rule.name, now, [*missed[-MISSED_KEPT:], *due])
        if missed := [*missed, *due[:-1]]:
            self._missed(rule, missed)
        if due:
            self._begin(rule, due[-1])

    def _times(self, rule: Rule, after: dt.datetime, until: dt.datetime) -> list[dt.datetime]:
        found = times(rule.at, self._zone, after=after, until=until)
        return [time for time in found if not self._book.is_settled(rule.name, time)]

    def _missed(self, rule: Rule, missed: list[dt.datetime]) -> None:
        last = f"{missed[-1].astimezone(self._zone):%Y-%m-%d %H:%M}"
        count = f"{len(missed)} runs or more" if len(missed) >= MOST else f"{len(missed)} runs"
        what = f"the run of {last} was missed" if len(missed) == 1 else f"{count} were missed, last {last}"
        told = f"{rule.name}: {what} and is not made up for: this did not run then, or the clock was put"
        self._end(rule, missed[-1], told, well=False)

    # ------------------------------------------------------------------------------------------- asking

    def _go_on(self, rule: Rule, now: dt.datetime) -> None:
        """What a restart interrupted is asked for again, as the same command, if it is not too late."""
        begun = self._book.begun(rule.name)
        if begun is None:
            return
        if dt.timedelta() <= now - begun <= self._late:
            self._begin(rule, begun)
        else:
            told = f"{rule.name}: the run of {self._local(begun)} was interrupted: look at {rule.device}"
            self._end(rule, begun, told, well=False)

    def _begin(self, rule: Rule, time: dt.datetime) -> None:
        """In a thread of its own, so that a device that is slow holds up no other rule."""
        self._book.begin(rule.name, time)
        self._save()
        threading.Thread(target=self._ask, args=(rule, time), name=f"rule {rule.name}", daemon=True).start()

    def _ask(self, rule: Rule, time: dt.datetime) -> None:
        end = self._clock.steady() + (self._late - (self._clock.now() - time)).total_seconds()
        stopping = self._ingress.stopping
        while not stopping.is_set():
            if against := objection(rule, self._ingress):
                self._end(rule, time, f"{against} (it was due at {self._local(time)})", well=False)
                return
            left = max(1.0, end - self._clock.steady())
            answer = self._ingress.ask(
                identity=f"{self._ingress.issuer}:{rule.name}",
                device=rule.device,
                action=rule.action,
                jti=command_id(rule, time, self._book.tries(rule.name)),
                wait=min(ANSWER_SECONDS, left),
                patience=left,
                on_late=lambda late: self._outcome(rule, time, late),
            )
            nobody = answer.ending is Ending.NOBODY_LISTENING
            if stopping.is_set() and (nobody or answer.ending is Ending.NO_ANSWER):
                return  # the next process goes on, with the same command
            over = end - self._clock.steady() <= AGAIN_SECONDS or self._book.begun(rule.name) != time
            if not nobody or over:
                self._outcome(rule, time, answer)
                return
            if self._book.tries(rule.name) == 0:
                told = f"{rule.name}: nobody is listening; it is said again until {self._local(time + self._late)}"
                event(_log, logging.WARNING, f"{told}.", device=rule.device, action=rule.action)
            self._book.again(rule.name)
            self._save()
            self._clock.wait(stopping, AGAIN_SECONDS)

    def _outcome(self, rule: Rule, time: dt.datetime, answer: Answer) -> None:
        why = f" {answer.cause.sentence} {answer.cause.remedy}" if answer.cause is not None else ""
        said = {
            Ending.DONE: f"{rule.device} is {answer.state}",
            Ending.REFUSED: f"it was refused.{why}",
            Ending.FAILED: f"it failed.{why}",
            Ending.NOBODY_LISTENING: f"nobody was listening, and nothing was done.{why}",
            Ending.NO_ANSWER: f"no answer came: it may have been done. Look at {rule.device}",
        }[answer.ending]
        simulated = " (simulated)" if answer.simulated else ""
        told = f"{rule.name}: {rule.device} {rule.action} of {self._local(time)}: {said}{simulated}"
        self._end(rule, time, told, well=answer.ending is Ending.DONE)

    def _end(self, rule: Rule, time: dt.datetime, told: str, *, well: bool) -> None:
        event(_log, logging.INFO if well else logging.WARNING, f"{told}.", device=rule.device, action=rule.action)
        self._book.end(rule.name, time, told, well=well)
        self._save()
        self._ingress.publish_status()

    def _save(self) -> None:
        self._next_save = self._clock.steady() + SAVE_SECONDS
        try:
            self._book.save()
        except ConfigurationError as error:
            self._fault = str(error)
        else:
            self._fault = ""

    def _next(self, rule: Rule) -> str:
        found = next_time(rule.at, self._zone, after=self._clock.now())
        return f"{found:%Y-%m-%d %H:%M}" if found else ""

    def _local(self, time: dt.datetime) -> str:
        return f"{time.astimezone(self._zone):%Y-%m-%d %H:%M}"


def command_id(rule: Rule, time: dt.datetime, tries: int) -> str:
    """The id of the command that a rule's time is: the same in every process, until it is known that none went out."""
    digest = hashlib.sha256(f"{rule.name} {rule.text} {time.isoformat()} {tries}".encode()).digest()
    return base64.urlsafe_b64encode(digest)[:32].decode()


def main() -> int:
    """Runs the service."""
    return run(Schedule, name="schedule")
