"""Percentiles, and ratios with an interval that says how far to trust them.

Nothing here needs a package: the figures are made in the environment that is measured.
"""

import math
import random
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

RESAMPLES: Final = 300
CONFIDENCE: Final = 0.95

Turns = Sequence[Sequence[float]]
"""The samples of one variant, turn by turn: turn *n* of all variants was measured in the same few milliseconds."""


class Ratio(NamedTuple):
    """A value and the interval that it lies in with a confidence of 95 %."""

    value: float
    low: float
    high: float

    @classmethod
    def exact(cls, value: float) -> "Ratio":
        """A count, which noise does not touch, or a figure without an interval."""
        return cls(value, value, value)


def percentile(samples: Sequence[float], percent: float) -> float:
    """The smallest sample that at least ``percent`` of all do not exceed (nearest rank).

    Raises:
        ValueError: there are no samples.
    """
    if not samples:
        raise ValueError("no samples")
    return sorted(samples)[max(0, math.ceil(len(samples) * percent / 100) - 1)]


def p50(samples: Sequence[float]) -> float:
    """The median."""
    return percentile(samples, 50)


def p99(samples: Sequence[float]) -> float:
    """The 99th percentile."""
    return percentile(samples, 99)


def pooled(turns: Turns) -> list[float]:
    """All samples of a variant."""
    return [sample for turn in turns for sample in turn]


def ratio(
    ours: Turns,
    theirs: Turns,
    measure: Callable[[Sequence[float]], float] = p50,
    *,
    seed: int = 1,
    resamples: int = RESAMPLES,
) -> Ratio:
    """``measure(ours) / measure(theirs)``, with its interval by the bootstrap.

    Whole turns are drawn, the same ones of both variants: what disturbs a machine lasts longer than one sample, so
    samples of a turn say the same thing, and drawing them one by one would promise too much.

    Args:
        ours: turn by turn.
        theirs: as many turns, measured in the same turns.
        measure: what to compare.
        seed: makes it say the same each time.
        resamples: how often to draw.
    """
    chance = random.Random(seed)  # noqa: S311  # no secret
    turns = range(min(len(ours), len(theirs)))
    drawn = []
    for _ in range(resamples):
        chosen = chance.choices(turns, k=len(turns))
        drawn.append(
            measure([sample for turn in chosen for sample in ours[turn]])
            / measure([sample for turn in chosen for sample in theirs[turn]])
        )
    outside = (1 - CONFIDENCE) / 2 * 100
    value = measure(pooled(ours)) / measure(pooled(theirs))
    return Ratio(value, percentile(drawn, outside), percentile(drawn, 100 - outside))
