"""What ends: people's rights, by ``until`` in config.json, and certificates, by what services say of them.

Each end is told under a name of its own, so that it is told once, however often a service says so.
"""

import datetime as dt
import re
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from latchwire.kit.observer import Person

_CERTIFICATE: Final = re.compile(r"certificate (ends|ended) on (\d{4}-\d\d-\d\d)")
_TOLD_AFTER_DAYS: Final = 7
"""Rights that ended longer ago are no news."""


class End(NamedTuple):
    """Something that ends.

    Attributes:
        name: by which it is told once.
        text: what to tell.
    """

    name: str
    text: str


def of_people(people: Iterable[Person], *, today: dt.date, days: int) -> Iterator[End]:
    """Whose rights end within so many days, or ended a short time ago."""
    for person in people:
        if person.until is None:
            continue
        left = (person.until - today).days
        if -_TOLD_AFTER_DAYS <= left < 0:
            yield End(f"{person.name} {person.until} ended", f"The rights of {person.name} ended with {person.until}.")
        elif 0 <= left <= days:
            when = "today" if left == 0 else "tomorrow" if left == 1 else f"in {left} days"
            text = f"The rights of {person.name} end with {person.until}, {when}. `until` in config.json extends them."
            yield End(f"{person.name} {person.until} ends", text)


def of_notes(notes: Iterable[str]) -> Iterator[End]:
    """Which of a service's notes say that a certificate ends. All services of one broker say the same."""
    for note in notes:
        if match := _CERTIFICATE.search(note):
            yield End(f"certificate {match[1]} {match[2]}", f"{note}.")
