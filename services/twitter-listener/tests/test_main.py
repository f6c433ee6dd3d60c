"""What the program makes of the listener: its health, when it is made anew, and how outcomes read."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from latchwire.config.places import Places
from latchwire.kit.ingress import Answer, Ending
from latchwire.model import Cause, Happened, State
from latchwire.service.frame import Running
from latchwire.service.single import SingleMember, Variables
from latchwire_twitter_listener.main import VARIABLES, health_of, made_of, summary
from latchwire_twitter_listener.outcome import sentence
from latchwire_twitter_listener.status import Snapshot
from latchwire_twitter_listener.wishes import ISSUER

EXAMPLE = Path(__file__).parents[3] / "config.example.json"
WAITING = Snapshot(source="stream", health="waiting", last_error="X cannot be reached.", last_error_at=1000.0)


def test_no_credentials_are_a_note_and_a_moment_without_x_is_no_trouble() -> None:
    idle = Snapshot(source="stream", health="idle", message="Set X_BEARER_TOKEN")
    assert health_of(idle) == ((), ("Set X_BEARER_TOKEN",))
    assert health_of(replace(WAITING, next_try=1016.0)).ok


def test_x_being_away_for_longer_is_a_trouble_that_says_what_to_do() -> None:
    health = health_of(replace(WAITING, next_try=1900.0, message="Buy credits."))
    assert health.troubles == ("X: X cannot be reached. Buy credits.",)
    assert "X is asked again at 1970-01-01T00:31:40Z." in health.notes


def test_a_listener_that_hears_nothing_any_more_is_no_healthy_one() -> None:
    assert health_of(replace(WAITING, health="dead", message="Start it again.")).troubles == ("Start it again.",)


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Places:
    monkeypatch.setenv("X_BEARER_TOKEN", "")
    made = Places(tmp_path)
    made.config.parent.mkdir()
    shutil.copy(EXAMPLE, made.config)
    made.env.touch(mode=0o600)
    return made


def members_of(places: Places) -> SingleMember:
    def make(_: Variables) -> Running:
        raise NotImplementedError

    return SingleMember(places=places, name=ISSUER, prefixes=VARIABLES, made_of=made_of, summary=summary, make=make)


def fingerprint(members: SingleMember) -> str:
    (member,) = members.find().members.values()
    return member.fingerprint


def test_changed_people_and_a_broken_file_do_not_interrupt_listening(places: Places) -> None:
    members = members_of(places)
    before = fingerprint(members)
    text = places.config.read_text()
    places.config.write_text(text.replace("jane", "janet"))
    assert fingerprint(members) == before
    places.config.write_text("{")
    assert fingerprint(members) == before


def test_a_changed_source_and_new_credentials_make_the_listener_anew(places: Places) -> None:
    members = members_of(places)
    before = fingerprint(members)
    places.config.write_text(
        places.config.read_text().replace('"people"', '"ingresses": {"twitter": {"source": "poll"}}, "people"', 1)
    )
    changed = fingerprint(members)
    assert changed != before
    places.env.write_text("X_BEARER_TOKEN=token\n")
    assert fingerprint(members) not in {before, changed}


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Answer(Ending.DONE, "door", "unlock", State.UNLOCKED), "door: unlocked"),
        (
            Answer(Ending.DONE, "door", "toggle", State.UNLOCKED, locks_in=5, simulated=True),
            "door: unlocked, locks in 5 seconds (simulated)",
        ),
        (Answer(Ending.NOBODY_LISTENING, "door", "lock", cause=Cause.AWAY, happened=Happened.NO), "nothing will be"),
        (Answer(Ending.NO_ANSWER, "door", "lock", happened=Happened.MAYBE, until=12.5), "still within 12 seconds"),
        (
            Answer(Ending.REFUSED, "door", "lock", cause=Cause.FORBIDDEN, happened=Happened.NO),
            "door: nothing was done. This is not allowed.",
        ),
        (Answer(Ending.FAILED, "door", "lock", cause=Cause.HARDWARE, happened=Happened.MAYBE), "it may have happened"),
    ],
)
def test_each_ending_reads_as_what_it_is(answer: Answer, words: str) -> None:
    assert words in sentence(answer)
