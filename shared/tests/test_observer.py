"""What ``latchwire watch`` makes of messages that somebody published to mislead it."""

import json

import pytest

from latchwire.bus import Message
from latchwire.cli.watch import _as_json, _as_text
from latchwire.observer import Event, StateSeen, StatusSeen, Unreadable, read
from latchwire.protocol.keys import Keyring


def seen(topic: str, payload: str) -> Event:
    """The event that this message becomes."""
    event = read(Message(topic, payload.encode(), retained=False, duplicate=False), keyring=Keyring())
    assert event is not None
    return event


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "-1e999"])
def test_a_number_that_json_does_not_have_is_told_and_never_passed_on(number: str) -> None:
    event = seen("latchwire/omega/status", f'{{"up": [{number}]}}')
    assert isinstance(event, Unreadable)
    assert json.loads(_as_json(event))["topic"] == "latchwire/omega/status"


def test_usual_numbers_are_passed_on() -> None:
    event = seen("latchwire/omega/status", '{"up": 1.5e3}')
    assert event == StatusSeen("omega", {"up": 1500.0}, retained=False)


@pytest.mark.parametrize("number", ["9" * 4000, "-5", "true", "1e5"])
def test_a_number_that_cannot_be_true_is_not_shown(number: str) -> None:
    event = seen("latchwire/omega/front-door/state", f'{{"state": "locked", "locksIn": {number}}}')
    assert isinstance(event, StateSeen)
    assert event.locks_in is None
    line = _as_text(seen("latchwire/omega/alert", f'{{"cause": "bad-signature", "count": {number}}}'))
    assert "times" not in line
    assert len(line) < 300
