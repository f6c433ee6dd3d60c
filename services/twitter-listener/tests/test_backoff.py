"""How long to wait: the vendor's table, and the count of connects."""

import itertools

import pytest

from latchwire_twitter_listener.backoff import CURE, Backoff, Trouble, trouble_of
from latchwire_twitter_listener.connects import seconds_to_wait
from latchwire_twitter_listener.poll import interval_seconds


def waits(trouble: Trouble, count: int, *, lived: float = 0) -> list[float]:
    state, found = Backoff(), []
    for _ in range(count):
        state, wait = state.after(trouble, now=1000, lived=lived)
        found.append(wait)
    return found


def test_network_faults_wait_linearly_from_250_ms_to_16_seconds() -> None:
    found = waits(Trouble.NETWORK, 70)
    assert found[:4] == [0.25, 0.5, 0.75, 1.0]
    assert found[-1] == 16


def test_server_faults_double_from_5_to_320_seconds() -> None:
    assert waits(Trouble.SERVER, 9) == [5, 10, 20, 40, 80, 160, 320, 320, 320]


def test_420_is_429_and_doubles_from_a_minute() -> None:
    assert trouble_of(420) is trouble_of(429) is Trouble.RATE_LIMIT
    assert waits(Trouble.RATE_LIMIT, 6) == [60, 120, 240, 480, 960, 960]


def test_429_waits_for_its_reset_time() -> None:
    _, wait = Backoff().after(Trouble.RATE_LIMIT, now=1000, reset_at=1321)
    assert wait == 322
    _, past = Backoff().after(Trouble.RATE_LIMIT, now=1000, reset_at=900)
    assert past == 60
    _, absurd = Backoff().after(Trouble.RATE_LIMIT, now=1000, reset_at=10**12)
    assert absurd == 60


def test_a_clean_close_never_makes_a_storm() -> None:
    found = waits(Trouble.CLOSED, 50)
    assert found[0] >= 1
    assert found[-1] == 64


def test_a_connection_that_lived_starts_the_table_anew() -> None:
    assert waits(Trouble.CLOSED, 5, lived=61) == [1] * 5


@pytest.mark.parametrize("status", [401, 402, 403, 409])
def test_what_no_waiting_heals_is_tried_rarely_and_says_what_to_do(status: int) -> None:
    trouble = trouble_of(status)
    assert waits(trouble, 3) == [900, 900, 900]
    assert CURE[trouble]


@pytest.mark.parametrize(
    ("status", "body", "trouble"),
    [
        (429, '{"title":"UsageCapExceeded"}', Trouble.NO_CREDIT),
        (429, '{"connection_issue":"TooManyConnections"}', Trouble.TOO_MANY_CONNECTIONS),
        (503, "", Trouble.SERVER),
        (500, "<html>", Trouble.SERVER),
        (404, "", Trouble.UNEXPECTED),
        (302, "", Trouble.UNEXPECTED),
        (200, "", Trouble.UNEXPECTED),
    ],
)
def test_the_body_tells_the_special_cases(status: int, body: str, trouble: Trouble) -> None:
    assert trouble_of(status, body) is trouble


def test_every_trouble_has_a_row() -> None:
    for trouble in Trouble:
        assert waits(trouble, 40)[-1] > 0


def test_connects_stay_below_the_limit_however_often_the_service_is_restarted() -> None:
    now = 1_790_000_000.0
    connects: list[float] = []
    for _ in range(300):  # each one dies at once
        now += seconds_to_wait(connects, now=now) + 0.5
        connects.append(now)
    for at in connects:
        assert sum(1 for other in connects if at <= other < at + 900) <= 45
    gaps = [later - earlier for earlier, later in itertools.pairwise(connects)]
    assert max(gaps) < 420, "even then nobody waits for a whole window"


def test_one_reconnect_now_and_then_waits_for_nothing() -> None:
    assert seconds_to_wait([0, 100, 200], now=1000.0) == 0


def test_a_clock_that_was_set_back_counts_connects_as_now() -> None:
    assert 0 < seconds_to_wait([10**9] * 60, now=1000.0) <= 900


def test_polling_stretches_its_interval_when_the_rate_limit_would_not_last() -> None:
    def interval(remaining: int | None, reset_at: float | None) -> float:
        return interval_seconds(30, people=2, remaining=remaining, reset_at=reset_at, now=1000)

    assert interval(None, None) == 30
    assert interval(10_000, 1900) == 30
    assert interval(20, 1900) == 90
    assert interval(1, 1900) == 901
    assert interval(5, 900) == 30
