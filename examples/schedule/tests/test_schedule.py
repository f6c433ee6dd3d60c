"""The whole service on a real broker with a real agent; only the time of day is the test's own."""

import copy
import datetime as dt
import json
import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, Self
from zoneinfo import ZoneInfo

import pytest

from latchwire import topics
from latchwire.actuator import Actuator
from latchwire.errors import ConfigurationError
from latchwire.kit.ingress import make
from latchwire.model import State
from latchwire.service.frame import Running
from latchwire_schedule.main import LOOK_SECONDS, Clock, Schedule
from support.broker import wait_until
from support.handlers import Bolt, Lamp
from support.home import CONFIG, Home

MakeHome = Callable[..., Home]
EVENING: Mapping[str, Any] = {"at": "0 18 * * 1-5", "device": "front-door", "action": "lock"}
DOCUMENT: Mapping[str, Any] = {
    **CONFIG,
    "ingresses": {"schedule": {"timeZone": "Europe/Berlin", "rules": {"evening": EVENING}}},
    "people": {
        "owner": {"manual": True, "may": "*"},
        "evening": {"identities": ["schedule:evening"], "may": {"front-door": ["lock"]}},
    },
}
FRIDAY = dt.datetime(2026, 11, 20, 17, 59, 50, tzinfo=ZoneInfo("Europe/Berlin"))


class FakeClock(Clock):
    """A clock that is put by hand; waiting for it takes no longer than the test needs."""

    def __init__(self) -> None:
        self._now = FRIDAY.astimezone(dt.UTC)
        self._steady = 1000.0
        self.looks = 0

    def now(self) -> dt.datetime:
        return self._now

    def steady(self) -> float:
        return self._steady

    def wait(self, stopping: threading.Event, seconds: float) -> None:
        if seconds == LOOK_SECONDS:
            self.looks += 1
            stopping.wait(0.02)
            return
        end = self._steady + seconds
        while self._steady < end and not stopping.wait(0.02):
            pass

    def go(self, seconds: float) -> None:
        """Lets time pass."""
        self._now, self._steady = self._now + dt.timedelta(seconds=seconds), self._steady + seconds

    def put(self, text: str) -> None:
        """Puts it, as NTP does."""
        self._now = dt.datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("Europe/Berlin")).astimezone(dt.UTC)


class House:
    """A home with the schedule at work in it."""

    def __init__(self, home: Home, caplog: pytest.LogCaptureFixture) -> None:
        self.home, self.clock, self.caplog = home, FakeClock(), caplog
        self.bolt = Bolt(State.UNLOCKED)
        self.service: Running | None = None
        caplog.set_level(logging.INFO)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def agent(self) -> Actuator:
        return self.home.actuator({"front-door": self.bolt, "lamp": Lamp()})

    def start(self, *, connected: bool = True) -> None:
        variables = {"BROKER_PORT": str(self.home.broker.port)}
        self.service = make(
            partial(Schedule, clock=self.clock), issuer="schedule", name="schedule",
            places=self.home.places, variables=variables,
        )  # fmt: skip
        self.service.start()
        if connected:
            wait_until(lambda: "broker" not in self.troubles.lower(), "it is connected")

    def stop(self) -> None:
        if self.service is not None:
            self.service.stop()
        self.service = None

    @property
    def troubles(self) -> str:
        assert self.service is not None
        return " ".join(self.service.health().troubles)

    @property
    def log(self) -> str:
        return "\n".join(record.getMessage() for record in self.caplog.records)

    def told(self, text: str, times: int = 1) -> None:
        try:
            wait_until(lambda: self.log.count(text) == times, f"{times} times {text!r}", 20)
        except AssertionError as error:
            raise AssertionError(f"{error} in:\n{self.log}") from None

    def told_in_time(self, text: str) -> None:
        """Lets some seconds pass until it is told."""

        def look() -> bool:
            self.clock.go(0.05)
            return text in self.log

        wait_until(look, f"{text!r} in the log", 20)

    def look(self) -> None:
        """Lets two minutes pass, and the clock be looked at in both."""
        for _ in range(2):
            self.clock.go(61)
            seen = self.clock.looks
            wait_until(lambda seen=seen: self.clock.looks >= seen + 2, "it looked")  # type: ignore[misc]


@pytest.fixture
def house(make_home: MakeHome, caplog: pytest.LogCaptureFixture) -> Iterator[House]:
    with House(make_home(document=DOCUMENT), caplog) as made:
        yield made


def test_at_six_on_weekdays_the_door_is_locked_once(house: House) -> None:
    house.agent()
    house.start()
    assert house.bolt.count("lock") == 0
    house.clock.go(15)
    house.told("evening: front-door lock of 2026-11-20 18:00: front-door is locked.")
    house.look()
    assert house.bolt.count("lock") == 1
    assert house.troubles == ""
    house.clock.put("2026-11-22 18:00:01")  # a Sunday
    house.look()
    assert house.bolt.count("lock") == 1
    wire = house.home.wire()
    status = json.loads(wire.wait_for(topics.status("schedule")).payload)
    assert status["rules"]["evening"]["last"] == "evening: front-door lock of 2026-11-20 18:00: front-door is locked"


def test_a_restart_in_that_minute_does_it_no_second_time(house: House) -> None:
    house.agent()
    house.start()
    house.clock.go(15)
    house.told("18:00: front-door is locked.")
    house.stop()
    house.clock.go(10)
    house.start()
    house.look()
    assert house.bolt.count("lock") == 1
    assert "missed" not in house.log


def test_a_lost_memory_in_that_minute_does_not_do_it_twice_either(house: House) -> None:
    house.agent()
    house.start()
    memory = house.home.places.data / "schedule.json"
    wait_until(memory.exists, "it is written down that we are here")
    before = memory.read_bytes()
    house.clock.go(15)
    house.told("18:00: front-door is locked.")
    house.stop()
    memory.write_bytes(before)  # what a crash before the writing leaves
    house.start()
    house.told("18:00: front-door is locked.", 2)  # the agent's receipt for the same command
    assert house.bolt.count("lock") == 1


def test_what_a_restart_interrupted_goes_on_as_the_same_command(house: House) -> None:
    agent = house.agent()
    house.start()
    agent.stop()
    house.home.wire().wait_for(topics.availability("omega"), lambda heard: heard.payload == b"offline")
    house.clock.go(15)
    house.told("evening: nobody is listening; it is said again until 2026-11-20 18:01.")
    house.stop()
    house.clock.go(10)
    house.agent()
    house.start()
    house.told("18:00: front-door is locked.")
    house.look()
    assert house.bolt.count("lock") == 1


def test_it_is_said_again_until_somebody_listens(house: House) -> None:
    house.start()
    house.clock.go(15)
    house.told("nobody is listening; it is said again")
    house.clock.go(20)
    house.agent()
    house.told_in_time("18:00: front-door is locked.")
    assert house.bolt.count("lock") == 1


def test_nobody_listening_for_a_minute_is_told_as_what_it_is_and_nothing_follows(house: House) -> None:
    house.start()
    house.clock.go(15)
    house.told("nobody is listening; it is said again")
    house.clock.go(60)
    house.told_in_time("18:00: nobody was listening, and nothing was done. The agent that works this device is not")
    assert "nobody was listening" in house.troubles
    house.agent()
    house.look()
    assert house.bolt.count("lock") == 0
    house.clock.put("2026-11-23 18:00:01")
    house.told("2026-11-23 18:00: front-door is locked.")
    assert house.troubles == ""


def test_what_was_missed_is_told_once_and_not_made_up_for(house: House) -> None:
    house.agent()
    house.start()
    house.look()
    house.stop()
    house.clock.put("2026-11-25 09:00")
    house.start()
    house.told("evening: 2 runs were missed, last 2026-11-24 18:00 and is not made up for")
    assert "missed" in house.troubles
    house.stop()
    house.start()
    house.look()
    assert house.log.count("missed") == 1
    assert house.bolt.count("lock") == 1  # Friday's


def test_one_that_comes_half_a_minute_late_is_done_and_one_after_more_than_a_minute_is_not(house: House) -> None:
    house.agent()
    house.start()
    house.clock.go(40)
    house.told("2026-11-20 18:00: front-door is locked.")
    house.clock.put("2026-11-23 18:01:01")
    house.told("the run of 2026-11-23 18:00 was missed and is not made up for")
    assert house.bolt.count("lock") == 1


def test_a_clock_that_begins_in_1970_does_nothing_until_it_is_put(house: House) -> None:
    house.agent()
    house.start()
    house.look()
    house.stop()
    house.clock.put("1970-01-05 17:59:55")  # a Monday
    house.start(connected=False)
    wait_until(lambda: "The clock says 1970-01-05 16:59: it was not set yet" in house.troubles, "it is told")
    house.clock.go(20)
    house.clock.put("2026-11-23 18:00:30")
    house.told("2026-11-23 18:00: front-door is locked.")
    assert "missed" not in house.log
    assert house.bolt.count("lock") == 2


def test_a_clock_that_is_put_back_does_nothing_twice(house: House) -> None:
    house.agent()
    house.start()
    house.clock.go(15)
    house.told("18:00: front-door is locked.")
    house.clock.put("2026-11-20 17:59:00")
    house.look()
    assert house.bolt.count("lock") == 1
    house.clock.put("2031-11-20 12:00:00")
    house.told("runs were missed")
    house.clock.put("2026-11-23 17:59:55")
    house.look()
    house.told("2026-11-23 18:00: front-door is locked.")


def test_a_clock_that_is_far_back_after_a_start_is_believed_after_ten_minutes(house: House) -> None:
    house.agent()
    house.start()
    house.look()
    house.stop()
    house.clock.put("2026-11-12 17:59:55")
    house.start(connected=False)
    wait_until(lambda: "and was at 2026-11-20 17:01 before" in house.troubles, f"it is told: {house.troubles}")
    house.clock.go(10)
    house.clock.go(600)
    wait_until(lambda: "clock" not in house.troubles, "it is believed")


@pytest.mark.parametrize(
    ("rule", "changes", "told"),
    [
        ({"action": "unlock"}, {}, 'it opens front-door while nobody looks; if that is meant, write "opens": true'),
        ({"action": "unlock", "opens": True}, {}, "evening may not unlock front-door"),
        ({"device": "shed"}, {}, 'there is no device "shed"'),
        ({"action": "on"}, {}, 'a lock knows lock, unlock, toggle, status, and no "on"'),
        ({}, {"confirm": ["lock"]}, "front-door wants lock to be confirmed, and nobody is there who could"),
        ({}, {"obeys": {"manual": "*"}}, 'write "schedule": {"front-door": ["lock"]} in agents.omega.obeys'),
        ({}, {"suspended": True}, "evening may not lock front-door; look at `may`, `until` and `suspended`"),
        ({}, {"identities": ["schedule:other"]}, 'write "identities": ["schedule:evening"]'),
    ],
)
def test_what_cannot_be_done_is_told_at_the_start_and_is_not_done(
    make_home: MakeHome,
    caplog: pytest.LogCaptureFixture,
    rule: Mapping[str, Any],
    changes: Mapping[str, Any],
    told: str,
) -> None:
    document = copy.deepcopy(dict(DOCUMENT))
    document["ingresses"]["schedule"]["rules"]["evening"].update(rule)
    for name, value in changes.items():
        places = {"confirm": document["devices"]["front-door"], "obeys": document["agents"]["omega"]}
        where = places.get(name, document["people"]["evening"])
        where[name] = value
    with House(make_home(document=document), caplog) as house:
        house.agent()
        house.start()
        house.told(told)
        assert told in house.troubles
        house.clock.go(15)
        house.told("(it was due at 2026-11-20 18:00).")
        assert set(house.bolt.calls) <= {"settle", "status"}


def test_who_loses_the_right_is_refused_at_the_next_time(house: House) -> None:
    house.agent()
    house.start()
    document = copy.deepcopy(dict(DOCUMENT))
    document["people"]["evening"]["may"] = {"lamp": ["off"]}
    house.home.write_config(document)
    house.clock.go(15)
    house.told("evening may not lock front-door")
    assert house.bolt.count("lock") == 0


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"timeZone": "Europe/Nowhere"}, '"Europe/Nowhere" is no time zone that is known here'),
        ({"timeZone": "../etc"}, "is no time zone"),
        ({"rules": {}}, "ingresses.schedule.rules: there are none; write"),
        ({"rules": {"evening": {**EVENING, "at": "18:00"}}}, "five fields are wanted"),
        ({"rules": {"evening": {**EVENING, "at": "0 25 * * *"}}}, "Bad hour"),
        ({"rules": {"evening": {**EVENING, "at": "0 0 30 2 *"}}}, "is no time"),
        ({"rules": {"evening": {**EVENING, "when": "now"}}}, "evening.when: is read by nobody"),
        ({"rules": {"evening": {"at": "0 18 * * *", "device": "front-door"}}}, "evening.action: is missing"),
        ({"rules": {"Evening!": EVENING}}, "is no name of a rule"),
        ({"lateSeconds": 5}, "lateSeconds: 5 is wrong"),
    ],
)
def test_a_rule_that_cannot_be_read_is_told_with_its_place(
    make_home: MakeHome, caplog: pytest.LogCaptureFixture, settings: Mapping[str, Any], told: str
) -> None:
    document = copy.deepcopy(dict(DOCUMENT))
    document["ingresses"]["schedule"].update(settings)
    with House(make_home(document=document), caplog) as house, pytest.raises(ConfigurationError) as error:
        house.start()
    assert told in str(error.value)


def test_the_real_program_starts_tells_its_next_time_and_ends(make_home: MakeHome) -> None:
    home = make_home(document=DOCUMENT)
    home.actuator({"front-door": Bolt(), "lamp": Lamp()})
    log = home.places.state / "log"
    with log.open("w") as file:
        process = home.run("-m", "latchwire_schedule", stdout=file)
    wait_until(lambda: "ready to ask" in log.read_text(), "it is there", 30)
    assert "A rule. rule=evening next=" in log.read_text()
    wire = home.wire()
    heard = wire.wait_for(topics.status("schedule"), lambda heard: b'"health":"ok"' in heard.payload)
    assert json.loads(heard.payload)["rules"]["evening"]["next"].endswith("18:00")
    process.terminate()
    assert process.wait(10) == 0
    assert "Traceback" not in log.read_text()
