"""When a cloud that fails is left alone, and when it is tried again."""

import pytest

from latchwire_magiq_bridge.circuit import Circuit


def test_it_lets_calls_through_until_so_many_have_failed_in_a_row() -> None:
    circuit = Circuit(failures=3, first_wait=5)
    assert not circuit.failed(10.0)
    assert not circuit.failed(11.0)
    assert circuit.seconds_left(11.0) == 0
    assert circuit.failed(12.0)
    assert circuit.seconds_left(12.0) == 5
    assert circuit.seconds_left(15.5) == 1.5


def test_an_answer_in_between_starts_the_count_anew() -> None:
    circuit = Circuit(failures=2)
    circuit.failed(1.0)
    assert not circuit.succeeded()
    assert not circuit.failed(2.0)


def test_it_tries_again_by_itself_and_waits_longer_each_time_up_to_a_limit() -> None:
    circuit = Circuit(failures=1, first_wait=5, longest_wait=12)
    now, waits = 0.0, []
    for _ in range(4):
        circuit.failed(now)
        waits.append(circuit.seconds_left(now))
        now += waits[-1]
        assert circuit.seconds_left(now) == 0
    assert waits == [5, 10, 12, 12]


def test_opening_and_closing_are_told_once_each() -> None:
    circuit = Circuit(failures=2)
    assert [circuit.failed(0.0), circuit.failed(0.0), circuit.failed(9.0)] == [False, True, False]
    assert [circuit.succeeded(), circuit.succeeded()] == [True, False]
    assert circuit.seconds_left(9.0) == 0


def test_after_it_closed_it_starts_with_the_short_wait_again() -> None:
    circuit = Circuit(failures=1, first_wait=5, longest_wait=60)
    circuit.failed(0.0)
    circuit.failed(5.0)
    circuit.succeeded()
    circuit.failed(20.0)
    assert circuit.seconds_left(20.0) == 5


@pytest.mark.parametrize("wrong", [{"failures": 0}, {"first_wait": 0}, {"first_wait": 9, "longest_wait": 8}])
def test_a_circuit_that_could_never_work_is_not_made(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="circuit"):
        Circuit(**wrong)
