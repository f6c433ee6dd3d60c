"""Who may do what: nobody by accident, and not a day too long."""

import copy
import datetime as dt
import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from latchwire.access import Access, Allowed, NotAllowed
from latchwire.config import schema
from latchwire.config.loading import parse

NOW = dt.datetime(2026, 6, 1, 12, tzinfo=dt.UTC)
JOHN = "whatsapp:+15555550100"


def access(x_ids: dict[str, str] | None = None, **people: dict[str, Any]) -> Access:
    document = copy.deepcopy(json.loads(schema.example()))
    document["people"] |= people
    return Access(parse(json.dumps(document).encode()), x_ids=x_ids or {})


@pytest.mark.parametrize(
    ("identity", "name"),
    [
        (JOHN, "john"),
        ("twitter:101", "john"),
        ("manual:anybody", "owner"),
        ("manual:ann", "ann"),
        ("whatsapp:US.13491208655302741918", "ann"),
        ("telegram:77", "ann"),
        ("whatsapp:+15555550199", None),
        ("whatsapp:15555550100", None),
        ("twitter:+15555550100", None),
        ("twitter:@example-john", None),
        ("john", None),
        ("", None),
    ],
)
def test_a_person_is_found_by_stable_identity_alone(identity: str, name: str | None) -> None:
    ann = {"manual": "ann", "whatsapp": "US.13491208655302741918", "identities": ["telegram:77"], "may": {}}
    found = access(ann=ann).who(identity)
    assert (found.name if found else None) == name


def test_a_name_on_x_counts_only_once_its_id_was_looked_up() -> None:
    bob = {"twitter": "@Bob", "may": "*"}
    assert access(bob=bob).who("twitter:7") is None
    found = access({"bob": "7"}, bob=bob).who("twitter:7")
    assert found is not None
    assert found.name == "bob"


def test_two_names_that_are_one_account_on_x_may_nothing() -> None:
    both = access({"bob": "101"}, bob={"twitter": "@bob", "may": "*"})
    answer = both.decide("twitter:101", "light", "on", now=NOW)
    assert answer == NotAllowed("two people in config.json turned out to be one account: twitter:101")


@pytest.mark.parametrize(
    ("device", "action", "reason"),
    [
        ("front-door", "lock", None),
        ("front-door", "status", None),
        ("light", "toggle", None),
        ("front-door", "unlock", "jane may not do this"),
        ("ac", "on", "jane may not do this"),
        ("ac", "status", "jane may not do this"),
        ("light", "lock", "a switch does not know this action"),
        ("garage", "unlock", "there is no such device"),
        ("*", "*", "there is no such device"),
    ],
)
def test_a_person_may_do_what_was_granted_and_ask_for_its_status(device: str, action: str, reason: str | None) -> None:
    answer = access().decide("whatsapp:+15555550101", device, action, now=NOW)
    assert (answer.reason if isinstance(answer, NotAllowed) else None) == reason


def test_who_is_in_nobodys_list_may_do_nothing() -> None:
    answer = access().decide("whatsapp:+15555550199", "light", "status", now=NOW)
    assert answer == NotAllowed("nobody in config.json has this identity")


def test_an_empty_list_of_actions_grants_not_even_status() -> None:
    people = access(bob={"manual": "bob", "may": {"light": []}})
    assert isinstance(people.decide("manual:bob", "light", "status", now=NOW), NotAllowed)


def test_a_suspended_person_may_do_nothing_at_once() -> None:
    people = access(john={"whatsapp": "+15555550100", "suspended": True, "may": "*"})
    answer = people.decide(JOHN, "light", "on", now=NOW)
    assert isinstance(answer, NotAllowed)
    assert answer.reason == "john is suspended"
    assert people.usable(answer.person, now=NOW) == {} if answer.person else False


@pytest.fixture
def auckland(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine twelve hours ahead of UTC in June."""
    monkeypatch.setenv("TZ", "NZST-12")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("auckland")
def test_rights_end_with_the_last_day_in_local_time() -> None:
    people = access(john={"whatsapp": "+15555550100", "until": "2026-06-01", "may": "*"})
    last = dt.datetime(2026, 6, 1, 11, 59, 59, tzinfo=dt.UTC)  # 23:59:59 in local time
    assert isinstance(people.decide(JOHN, "light", "on", now=last), Allowed)
    answer = people.decide(JOHN, "light", "on", now=last + dt.timedelta(seconds=1))
    assert isinstance(answer, NotAllowed)
    assert answer.reason == "the rights of john ended with 2026-06-01"


def test_a_time_without_a_zone_decides_nothing() -> None:
    naive = NOW.replace(tzinfo=None)
    with pytest.raises(ValueError, match="without a zone"):
        access().decide(JOHN, "light", "on", now=naive)


def test_what_a_person_can_use_names_no_device_that_they_may_not_touch() -> None:
    people = access()
    jane = people.who("whatsapp:+15555550101")
    assert jane is not None
    assert people.usable(jane, now=NOW) == {
        "front-door": ("lock", "status"),
        "light": ("on", "off", "toggle", "status"),
    }
