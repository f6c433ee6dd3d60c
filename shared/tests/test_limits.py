"""How often one person may work one device."""

from collections.abc import Iterator

import pytest

from latchwire.config.home import USUAL_LIMIT, Limit
from latchwire.limits import Limits

TWO: Limit = Limit(2, 10)


class Clock:
    time = 100.0

    def __call__(self) -> float:
        return self.time


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def names() -> Iterator[str]:
    return (f"command-{number}" for number in range(1000))


def test_so_many_in_so_many_seconds_and_then_the_exact_time_to_wait(clock: Clock, names: Iterator[str]) -> None:
    limits = Limits(clock=clock)
    assert limits.count("john", "door", TWO, next(names)) is None
    clock.time += 4
    assert limits.count("john", "door", TWO, next(names)) is None
    clock.time += 1.5
    assert limits.count("john", "door", TWO, next(names)) == (5, False)
    clock.time += 4.5
    assert limits.count("john", "door", TWO, next(names)) is None
    assert limits.count("john", "door", TWO, next(names)) == (4, False)


def test_it_is_told_once_until_something_is_allowed_again(clock: Clock, names: Iterator[str]) -> None:
    limits = Limits(clock=clock)
    for _ in range(2):
        limits.count("john", "door", TWO, next(names))
    told = [limits.count("john", "door", TWO, next(names)) for _ in range(3)]
    assert [over and over.told_before for over in told] == [False, True, True]
    clock.time += 10
    for _ in range(2):
        assert limits.count("john", "door", TWO, next(names)) is None
    assert limits.look("john", "door", TWO) == (10, False)


def test_each_person_and_each_device_counts_alone(clock: Clock, names: Iterator[str]) -> None:
    limits = Limits(clock=clock)
    for person, device in (("john", "door"), ("john", "gate"), ("jane", "door")):
        for _ in range(2):
            assert limits.count(person, device, TWO, next(names)) is None
    assert limits.count("jane", "door", TWO, next(names)) is not None


def test_a_command_that_is_heard_twice_counts_once_and_looking_counts_nothing(clock: Clock) -> None:
    limits = Limits(clock=clock)
    for _ in range(5):
        assert limits.count("john", "door", TWO, "the same") is None
        assert limits.look("john", "door", TWO) is None
    assert limits.count("john", "door", TWO, "another") is None
    assert limits.count("john", "door", TWO, "the same") is None, "it is no more than was allowed before"
    assert limits.count("john", "door", TWO, "a third") is not None


def test_no_limit_is_none(clock: Clock, names: Iterator[str]) -> None:
    limits = Limits(clock=clock)
    assert all(limits.count("john", "door", None, next(names)) is None for _ in range(500))


def test_the_usual_limit_bears_a_child_that_plays_with_the_light(clock: Clock, names: Iterator[str]) -> None:
    limits = Limits(clock=clock)
    for _ in range(100):
        assert limits.count("john", "light", USUAL_LIMIT, next(names)) is None
        clock.time += 3.1
