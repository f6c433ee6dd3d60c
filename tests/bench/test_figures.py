"""What `make bench` says of samples: percentiles, ratios with their intervals, and the table made of them."""

import random
from typing import Any

import pytest

from bench import report
from bench.measuring import Variant, in_turns
from bench.row import Check, Outcome, Row
from bench.statistics import Ratio, p50, p99, percentile, ratio

ROW = Row(1, "send", "what is measured", "the floor", lambda _: Outcome(()))
ABOUT: dict[str, Any] = {"date": "2026-01-01", "machine": {"Python": "3.11"}, "load": 0.1, "seconds": 1.0}


def turns(around: float, *, count: int = 60, seed: int = 7) -> list[list[float]]:
    chance = random.Random(seed)  # noqa: S311  # no secret
    return [[around * chance.uniform(0.8, 1.2) for _ in range(20)] for _ in range(count)]


def test_a_percentile_is_a_sample_that_was_really_taken() -> None:
    samples = [float(number) for number in range(100, 0, -1)]
    assert (p50(samples), p99(samples), percentile(samples, 100)) == (50, 99, 100)
    with pytest.raises(ValueError, match="no samples"):
        p50([])


def test_the_interval_of_a_ratio_holds_it_and_is_the_same_each_time() -> None:
    found = ratio(turns(120.0), turns(100.0, seed=8))
    assert found.low < found.value < found.high
    assert found.low > 1.1
    assert found.high < 1.3
    assert found == ratio(turns(120.0), turns(100.0, seed=8))


def test_a_disturbance_that_lasts_a_turn_widens_the_interval() -> None:
    """Drawn sample by sample it would look as if twenty had happened by themselves."""
    quiet, theirs = turns(100.0), turns(100.0, seed=8)
    disturbed = [[sample * 5 for sample in turn] if number % 15 == 0 else turn for number, turn in enumerate(quiet)]
    narrow, wide = ratio(quiet, theirs, p99), ratio(disturbed, theirs, p99)
    assert wide.high - wide.low > 2 * (narrow.high - narrow.low)


def test_each_round_measures_every_variant_once_in_an_order_drawn_anew() -> None:
    order: list[str] = []

    def named(name: str) -> Variant:
        def measure(count: int) -> list[float]:
            order.append(name)
            return [1.0] * count

        return Variant(measure, 2)

    found = in_turns({name: named(name) for name in "abc"}, rounds=20, seconds=60, warm_up=1)
    assert {name: len(turns) for name, turns in found.items()} == {"a": 20, "b": 20, "c": 20}
    rounds = ["".join(order[start : start + 3]) for start in range(0, len(order), 3)]
    assert all(sorted(each) == ["a", "b", "c"] for each in rounds)
    assert len(set(rounds)) > 1


@pytest.mark.parametrize(
    ("measured", "at_least", "verdict"),
    [
        (Ratio(1.1, 1.0, 1.2), False, "yes"),
        (Ratio(1.24, 1.2, 1.3), False, "yes, close"),
        (Ratio(1.5, 1.4, 1.6), False, "no"),
        (Ratio(1.5, 1.4, 1.6), True, "yes"),
        (Ratio.exact(1.25), False, "yes"),
    ],
)
def test_the_table_says_whether_a_goal_is_met_and_whether_noise_could_have_decided(
    *, measured: Ratio, at_least: bool, verdict: str
) -> None:
    outcome = Outcome((Check("p50 / theirs", measured, 1.25, at_least, missed="Because."),), notes="Measured so.")
    document = report.document_of(outcome, **ABOUT)
    line = report.table([ROW], {"send": document}).splitlines()[-1]
    assert line.endswith(verdict)
    page = report.page([ROW], {"send": document})
    assert f"| {verdict} |" in page
    assert ("Because." in page) is verdict.startswith("no")


def test_a_row_that_lacks_a_tool_says_what_to_type_and_keeps_no_other_down() -> None:
    broken = report.document_of(None, error="gcc is missing. Type: sudo apt-get install gcc", **ABOUT)
    other = ROW._replace(order=2, name="other")
    whole = report.document_of(Outcome((Check("count", Ratio.exact(1), 2),)), **ABOUT)
    text = report.table([ROW, other], {"send": broken, "other": whole})
    assert "sudo apt-get install gcc" in text
    assert text.endswith("yes")
    assert "sudo apt-get install gcc" in report.page([ROW, other], {"send": broken, "other": whole})
