"""How often sockets are looked at."""

import pytest

from latchwire_magiq_bridge.budget import Budget, poll_interval, with_jitter


def test_a_minute_holds_as_many_looks_as_it_was_told() -> None:
    budget = Budget(per_minute=3)
    done = 0
    while budget.may_poll(100.0):
        budget.count(100.0)
        done += 1
    assert done == 3
    assert not budget.may_poll(119.0)
    assert budget.may_poll(120.0)


def test_commands_are_never_held_back_but_take_the_room_of_looks() -> None:
    budget = Budget(per_minute=6)
    for _ in range(8):
        budget.count(0.0)
    assert not budget.may_poll(20.0)
    assert budget.may_poll(30.0)


def test_a_flood_of_commands_stops_looks_for_two_minutes_at_most() -> None:
    budget = Budget(per_minute=6)
    for _ in range(1000):
        budget.count(0.0)
    assert not budget.may_poll(60.0)
    assert budget.may_poll(70.0)


def test_a_clock_that_stands_or_goes_back_gives_nothing_away() -> None:
    budget = Budget(per_minute=1)
    budget.count(50.0)
    assert not budget.may_poll(50.0)
    assert not budget.may_poll(10.0)


def test_a_budget_of_nothing_is_not_made() -> None:
    with pytest.raises(ValueError, match="at least one"):
        Budget(per_minute=0)


def test_many_sockets_share_the_limit_and_leave_half_of_it_to_commands() -> None:
    assert poll_interval(wanted=60, sockets=2, per_minute=60) == 60
    assert poll_interval(wanted=60, sockets=1000, per_minute=60) == 2000
    assert poll_interval(wanted=60, sockets=2, per_minute=1) == 120


def test_jitter_adds_at_most_what_it_was_told() -> None:
    assert with_jitter(60, jitter=10, fraction=0.0) == 60
    assert with_jitter(60, jitter=10, fraction=0.5) == 65
    assert with_jitter(60, jitter=10, fraction=1.0) == 70
