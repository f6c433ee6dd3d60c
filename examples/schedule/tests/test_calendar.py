"""When rules are due: weekdays, daylight saving time, many and none. No clock is asked."""

import datetime as dt
from zoneinfo import ZoneInfo

import pytest

from latchwire_schedule.calendar import MOST, next_time, times

BERLIN = ZoneInfo("Europe/Berlin")


def utc(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC)


def local(at: str, after: str, until: str, zone: ZoneInfo = BERLIN) -> list[str]:
    found = times(at, zone, after=utc(after), until=utc(until))
    return [f"{time.astimezone(zone):%m-%d %H:%M}" for time in found]


def test_six_in_the_evening_on_weekdays_is_that_in_winter_and_in_summer() -> None:
    assert local("0 18 * * 1-5", "2026-01-02 12:00", "2026-01-06 12:00") == ["01-02 18:00", "01-05 18:00"]
    assert times("0 18 * * 1-5", BERLIN, after=utc("2026-01-02 12:00"), until=utc("2026-01-03 00:00")) == [
        utc("2026-01-02 17:00")
    ]
    assert times("0 18 * * 1-5", BERLIN, after=utc("2026-07-01 00:00"), until=utc("2026-07-01 23:00")) == [
        utc("2026-07-01 16:00")
    ]


def test_a_time_that_spring_leaves_out_is_the_first_one_after_the_gap_and_once() -> None:
    assert local("30 2 * * *", "2026-03-28 12:00", "2026-03-30 12:00") == ["03-29 03:00", "03-30 02:30"]


@pytest.mark.parametrize("minutes", range(0, 240, 7))
def test_wherever_one_looks_the_doubled_and_the_missing_time_is_there_once(minutes: int) -> None:
    for day, time in (("2026-10-25", "00:30"), ("2026-03-29", "01:00")):  # in UTC
        start, end = utc(f"{day} 00:00") - dt.timedelta(hours=2), utc(f"{day} 04:00")
        between = start + dt.timedelta(minutes=minutes)
        first = times("30 2 * * *", BERLIN, after=start, until=between)
        then = times("30 2 * * *", BERLIN, after=between, until=end)
        assert first + then == [utc(f"{day} {time}")]


def test_in_autumn_looking_every_second_finds_it_once() -> None:
    moment, found = utc("2026-10-24 23:59"), []
    while moment < utc("2026-10-25 02:00"):
        after, moment = moment, moment + dt.timedelta(seconds=20)
        found += times("30 2 * * *", BERLIN, after=after, until=moment)
    assert found == [utc("2026-10-25 00:30")]


def test_every_half_hour_goes_by_the_time_that_passes() -> None:
    assert len(local("*/30 * * * *", "2026-10-24 22:00", "2026-10-25 23:00")) == 50
    assert len(local("*/30 * * * *", "2026-03-28 23:00", "2026-03-29 22:00")) == 46


def test_after_years_no_more_is_counted_than_somebody_would_read() -> None:
    assert len(local("* * * * *", "2026-01-01 00:00", "2040-01-01 00:00")) == MOST
    assert len(local("0 18 * * *", "2026-01-01 00:00", "2040-01-01 00:00")) == 366


def test_the_next_time_is_later_than_now_in_the_doubled_hour_too() -> None:
    after = utc("2026-10-25 01:10")  # 02:10 for the second time
    assert next_time("30 2 * * *", BERLIN, after=after) == dt.datetime(2026, 10, 26, 2, 30, tzinfo=BERLIN)
