"""The line of `latchwire watch` about X."""

import pytest

from latchwire.cli.about_x import x_line

LISTENING = {
    "source": "stream",
    "health": "connected",
    "connectedSince": "2026-11-21T10:00:00Z",
    "lastPost": "2026-11-21T10:05:00Z",
    "billedToday": 3,
    "protected": ["jane_doe"],
}
WAITING = {
    "source": "stream",
    "health": "waiting",
    "message": "Buy credits on console.x.com.",
    "lastError": "The X account has no credits left (HTTP 402).",
    "lastErrorAt": "2026-11-21T11:00:00Z",
    "nextTry": "2026-11-21T11:15:00Z",
    "billedToday": 3,
}


def test_it_tells_since_when_it_listens_and_what_it_cost() -> None:
    assert x_line({"x": LISTENING}) == (
        "listening by stream since 2026-11-21T10:00:00Z; last post 2026-11-21T10:05:00Z; posts billed today: 3; "
        "protected, never heard: @jane_doe"
    )


def test_it_tells_what_is_wrong_and_what_to_do() -> None:
    assert x_line({"x": WAITING}) == (
        "waiting: Buy credits on console.x.com; next try 2026-11-21T11:15:00Z; last error 2026-11-21T11:00:00Z: "
        "The X account has no credits left (HTTP 402); posts billed today: 3"
    )
    idle = {"health": "idle", "message": "Set X_BEARER_TOKEN."}
    assert x_line({"x": idle}) == "idle: Set X_BEARER_TOKEN; posts billed today: 0"


@pytest.mark.parametrize("part", [None, 5, [], "x", {"health": {"a": 1}, "protected": 5, "message": ["\n"]}])
def test_whatever_is_in_the_status_it_is_one_printable_line(part: object) -> None:
    assert x_line({"x": part}).isprintable()
    assert x_line({"x": {"lastError": "\x1b[31m\n", "protected": ["\x1b"]}}).isprintable()
    assert x_line({}) == ""
