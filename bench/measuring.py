"""Turns in shuffled order: what disturbs the machine disturbs all variants alike.

A turn lasts a few milliseconds. In each round every variant has one turn, in an order drawn anew; the first rounds warm
up and are thrown away.
"""

import random
import time
from collections.abc import Callable, Mapping
from typing import NamedTuple

Measure = Callable[[int], list[float]]
"""Takes so many samples of one variant now, in microseconds each."""


class Variant(NamedTuple):
    """Something that is measured.

    Attributes:
        measure: takes samples.
        batch: samples in one turn.
    """

    measure: Measure
    batch: int


def in_turns(
    variants: Mapping[str, Variant], *, rounds: int, seconds: float, warm_up: int = 3, seed: int = 1
) -> dict[str, list[list[float]]]:
    """Measures all variants in turns.

    Args:
        variants: by name.
        rounds: how many at most.
        seconds: after which no further round is begun; at least one is measured.
        warm_up: rounds before that, which do not count.
        seed: of the order.

    Returns:
        The samples by name, turn by turn.
    """
    chance = random.Random(seed)  # noqa: S311  # no secret
    names = list(variants)
    found: dict[str, list[list[float]]] = {name: [] for name in names}
    end = None
    for number in range(warm_up + rounds):
        if number == warm_up:
            end = time.monotonic() + seconds
        chance.shuffle(names)
        turn = {name: variants[name].measure(variants[name].batch) for name in names}
        if number >= warm_up:
            for name, samples in turn.items():
                found[name].append(samples)
        if end is not None and time.monotonic() > end:
            break
    return found
