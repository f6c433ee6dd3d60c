"""What is remembered of each rule: up to when it was looked at, which of its times are settled, how the last one ended.

Safe to use from several threads. It is written before a command goes out, so that no time is begun twice as two; one
that was begun and not ended, because the service was ended in between, is known as such.
"""

import datetime as dt
import threading
from collections.abc import Mapping
from typing import Any, Final

from latchwire.kit.memory import Memory
from latchwire_schedule.calendar import EARLIEST, UTC
from latchwire_schedule.rules import Rule

MOST_SETTLED: Final = 50
"""Times of a rule that are known as settled, for a clock that is put back."""


class Book:
    """All rules' pages.

    Args:
        memory: where it is kept.
        rules: those of today. One that is new, or changed, begins with an empty page.
    """

    def __init__(self, memory: Memory, rules: tuple[Rule, ...]) -> None:
        self._memory, self._lock, self._closed = memory, threading.Lock(), False
        found = memory.read().get("rules")
        kept = found if isinstance(found, dict) else {}
        self._pages: dict[str, dict[str, Any]] = {rule.name: _page(rule, kept.get(rule.name)) for rule in rules}

    def looked(self, rule: str) -> dt.datetime | None:
        """Up to when the rule was looked at; ``None`` if it is new."""
        with self._lock:
            return _moment(self._pages[rule]["looked"])

    def look(self, rule: str, now: dt.datetime, settled: list[dt.datetime]) -> None:
        """The rule was looked at, and these times are settled by that: begun, or told as missed."""
        with self._lock:
            page = self._pages[rule]
            page["looked"] = now.isoformat()
            page["settled"] = [*page["settled"], *(time.isoformat() for time in settled)][-MOST_SETTLED:]

    def is_settled(self, rule: str, time: dt.datetime) -> bool:
        """Whether that time was begun, or told as missed."""
        with self._lock:
            return time.isoformat() in self._pages[rule]["settled"]

    def begin(self, rule: str, time: dt.datetime) -> None:
        """It is about to be asked for, if it was not before."""
        with self._lock:
            page = self._pages[rule]
            if page["begun"] != time.isoformat():
                page["begun"], page["tries"] = time.isoformat(), 0

    def again(self, rule: str) -> None:
        """What was begun is known not to have gone out, and is about to be asked for anew."""
        with self._lock:
            self._pages[rule]["tries"] += 1

    def tries(self, rule: str) -> int:
        """How often that was known of what was begun."""
        with self._lock:
            tries: int = self._pages[rule]["tries"]
            return tries

    def begun(self, rule: str) -> dt.datetime | None:
        """The time that was begun and has not ended."""
        with self._lock:
            return _moment(self._pages[rule]["begun"])

    def end(self, rule: str, time: dt.datetime, told: str, *, well: bool) -> None:
        """It ended so, or was missed: a sentence for the owner."""
        with self._lock:
            page = self._pages[rule]
            page["last"], page["well"] = told, well
            if page["begun"] == time.isoformat():
                page["begun"] = ""

    def last(self, rule: str) -> tuple[str, bool]:
        """How it ended last, and whether that was well; "" if it was never the time."""
        with self._lock:
            return self._pages[rule]["last"], self._pages[rule]["well"]

    def save(self) -> None:
        """Writes it.

        Raises:
            ConfigurationError: the file cannot be written.
        """
        with self._lock:
            if not self._closed:
                self._memory.write({"rules": self._pages})

    def close(self) -> None:
        """Nothing is written any more: the file is the next one's."""
        with self._lock:
            self._closed = True


def _page(rule: Rule, found: Any) -> dict[str, Any]:
    page: dict[str, Any] = {"rule": rule.text, "looked": "", "settled": [], "begun": "", "tries": 0}
    page |= {"last": "", "well": True}
    if not isinstance(found, Mapping) or found.get("rule") != rule.text:
        return page
    return {name: found[name] if type(found.get(name)) is type(empty) else empty for name, empty in page.items()}


def _moment(text: str) -> dt.datetime | None:
    try:
        found = dt.datetime.fromisoformat(text)
    except ValueError:
        return None
    return found.astimezone(UTC) if found.tzinfo and found > EARLIEST else None
