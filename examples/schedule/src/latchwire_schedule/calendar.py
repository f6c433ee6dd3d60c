"""When a rule's times are, as moments; and what a look at the clock means. Nothing here asks the clock itself.

cronsim knows the calendar. A rule with a fixed time has one moment on each of its days: a time that daylight saving
time leaves out (02:30 in spring) is the first one after the gap, one that comes twice in autumn is the first of the
two. A rule whose minute or hour begins with ``*`` goes by the time that passes, in spring and in autumn, too.
"""

import datetime as dt
import zoneinfo
from typing import Final

from cronsim import CronSim

UTC: Final = dt.UTC
EARLIEST: Final = dt.datetime(2026, 1, 1, tzinfo=UTC)
"""A clock that says less was not set yet: this was written later."""
LONGEST: Final = dt.timedelta(days=366)
"""What is older is not counted as missed."""
MOST: Final = 1000
"""Missed times that are counted."""


def moment(seconds: float) -> dt.datetime:
    """A moment from seconds since 1970."""
    return dt.datetime.fromtimestamp(seconds, UTC)


def times(at: str, zone: zoneinfo.ZoneInfo, *, after: dt.datetime, until: dt.datetime) -> list[dt.datetime]:
    """The rule's moments later than ``after`` and not later than ``until``; of very many, the first ones.

    Args:
        at: the five fields.
        zone: whose local time they mean.
        after: an aware moment.
        until: an aware moment.
    """
    found: list[dt.datetime] = []
    after, until = max(after.astimezone(UTC), until.astimezone(UTC) - LONGEST), until.astimezone(UTC)
    for local in CronSim(at, after.astimezone(zone)):
        # As UTC: two times of one zone compare by what the clock on the wall says, which is wrong in autumn.
        time = local.astimezone(UTC)
        if time > until or len(found) >= MOST:
            break
        if time > (found[-1] if found else after):  # in the doubled hour cronsim gives what was there already
            found.append(time)
    return found


def next_time(at: str, zone: zoneinfo.ZoneInfo, *, after: dt.datetime) -> dt.datetime | None:
    """The rule's next moment, in its zone; ``None`` if there is none for fifty years."""
    for local in CronSim(at, after.astimezone(zone)):
        if local.astimezone(UTC) > after:
            return local
    return None
