"""What has lasted too long: a lock that stands unlocked, a service that is away. It is told once, and its end once.

Times are those of the wall clock, since they are remembered over a restart; when the clock is put,
:meth:`Lasting.shift` moves them with it.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

LONG_AGO: Final = 400 * 86400.0


class Long(NamedTuple):
    """Something that lasts, or lasted.

    Attributes:
        name: what.
        seconds: for how long.
    """

    name: str
    seconds: float


class Lasting:
    """What lasts, by name.

    Args:
        seconds: how long is too long.
        remembered: what :meth:`to_remember` gave.
        now: seconds since 1970.
        absent: seconds in which nobody looked. What lasted before counts on only if that was short: in the meantime it
            may have ended and begun again.
    """

    def __init__(self, seconds: float, *, remembered: Mapping[str, Any], now: float, absent: float) -> None:
        self._seconds = seconds
        self._since: dict[str, float] = {}
        self._told: set[str] = set()
        for name, found in remembered.items():
            match found:
                case [int() | float() as since, bool(told)] if now - LONG_AGO < since <= now:
                    self._since[name] = since if told or absent < seconds else now
                    if told:
                        self._told.add(name)

    def __iter__(self) -> Iterator[str]:
        return iter(list(self._since))

    def to_remember(self) -> dict[str, Any]:
        """What is kept over a restart, as JSON."""
        return {name: [since, name in self._told] for name, since in self._since.items()}

    def begin(self, name: str, now: float) -> None:
        """It is so; nothing new if it was so before."""
        self._since.setdefault(name, now)

    def end(self, name: str, now: float) -> Long | None:
        """It is not so, or not any more: how long it was, if that was told."""
        since = self._since.pop(name, None)
        if since is None or name not in self._told:
            return None
        self._told.discard(name)
        return Long(name, now - since)

    def forget_untold(self) -> None:
        """Whether it is still so cannot be known for a while, so what was not told begins anew."""
        self._since = {name: since for name, since in self._since.items() if name in self._told}

    def too_long(self, now: float) -> list[Long]:
        """What has to be told now; it is not given twice."""
        found = [
            Long(name, now - since)
            for name, since in self._since.items()
            if name not in self._told and now - since >= self._seconds
        ]
        self._told.update(name for name, _ in found)
        return found

    def shift(self, seconds: float) -> None:
        """The clock was put forward by so much."""
        self._since = {name: since + seconds for name, since in self._since.items()}


def duration(seconds: float) -> str:
    """As a person says it: "5 minutes", "3 hours"."""
    for size, unit in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= 2 * size or (unit == "minute" and seconds >= size):
            number = int(seconds // size)
            return f"{number} {unit}" if number == 1 else f"{number} {unit}s"
    return f"{int(seconds)} seconds"
