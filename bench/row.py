"""What a row of the table is: something that is measured, against what, and the goals that it has to meet.

A module in ``bench/rows/`` has one constant ``ROW`` and is found by that alone. Its function gets a
:class:`bench.lab.Lab` and returns an :class:`Outcome`: the checks of its goals, sentences for the page, plots and raw
figures. Whatever text the page shows about a row stands in the row's module, so that the page is made anew by a run.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from bench.statistics import Ratio

Plot = Mapping[str, Any]
"""What :mod:`bench.plots` draws: see there for the three kinds. Only what JSON can hold."""


class Missing(Exception):  # noqa: N818  # it is no error of the program
    """Something that a row needs is not on this machine; the text says what to type."""


class Need(NamedTuple):
    """A Debian package that a row needs.

    Attributes:
        package: its name.
        sign: a program's name, or the absolute path of a file, whose presence shows that it is there.
    """

    package: str
    sign: str


class Check(NamedTuple):
    """One goal and what was measured of it.

    Attributes:
        goal: in a few words: ``p50 / bare paho's``.
        measured: the value, with its interval where it is a ratio of samples.
        limit: the greatest value that is good (the least one if ``at_least``).
        at_least: whether more is better.
        unit: of the value: ``×``, ``ms``, ``a minute`` …
        missed: said where the goal is not met: the reason, and the next step.
    """

    goal: str
    measured: Ratio
    limit: float
    at_least: bool = False
    unit: str = "×"
    missed: str = ""

    @property
    def met(self) -> bool:
        """Whether the goal is met; a value whose interval holds the limit counts by its middle."""
        value = self.measured.value
        return value >= self.limit if self.at_least else value <= self.limit

    @property
    def sure(self) -> bool:
        """Whether noise could not have decided it: the whole interval lies on one side."""
        return not self.measured.low <= self.limit <= self.measured.high or self.measured.low == self.measured.high


class Outcome(NamedTuple):
    """What a row has found.

    Attributes:
        checks: the goals, in the order of issue and table.
        told: sentences with figures for the page: what has no goal but is worth knowing.
        notes: how it was measured and what to make of it; Markdown.
        plots: pictures.
        raw: the figures themselves, for the JSON file.
    """

    checks: Sequence[Check]
    told: Sequence[str] = ()
    notes: str = ""
    plots: Sequence[Plot] = ()
    raw: Mapping[str, Any] = {}


class Row(NamedTuple):
    """A row of the table.

    Attributes:
        order: where it stands.
        name: for ``make bench ROWS=…``; also the name of its files.
        what: what is measured.
        against: what it is measured against, in the same run.
        run: measures; gets the :class:`bench.lab.Lab` of this row.
        needs: Debian packages, installed by ``scripts/apt-install`` where they are missing.
    """

    order: int
    name: str
    what: str
    against: str
    run: Callable[[Any], Outcome]
    needs: tuple[Need, ...] = ()


COMPILER: Final = Need("gcc", "gcc")
LIBMOSQUITTO: Final = Need("libmosquitto-dev", "/usr/include/mosquitto.h")
