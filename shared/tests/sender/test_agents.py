"""What an asking side has heard of agents, true or not."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from latchwire.sender.agents import Agents

NONCE = "Vn3o0kXq2u1c8mZt4rYb-A"


def payload(**changes: object) -> bytes:
    return json.dumps({"protocol": 1, "nonce": NONCE, "lifetime": 30, **changes}).encode()


def test_a_nonce_is_counted_from_its_first_hearing() -> None:
    agents = Agents()
    assert agents.heard_nonce("omega", payload(), 10.0)
    assert agents.heard_nonce("omega", payload(), 20.0)
    heard = agents.nonce("omega")
    assert heard is not None
    assert (heard.value, heard.lifetime, heard.seen) == (NONCE, 30, 10.0)


def test_after_a_lost_connection_nothing_is_known_but_when_a_nonce_was_first_heard() -> None:
    agents = Agents()
    agents.heard_nonce("omega", payload(), 10.0)
    agents.heard_availability("omega", b"online")
    agents.forget()
    assert not agents.is_known("omega")
    assert agents.nonce("omega") is None
    agents.heard_nonce("omega", payload(), 20.0)
    heard = agents.nonce("omega")
    assert heard is not None
    assert heard.seen == 10.0


@pytest.mark.parametrize("said", [b"offline", b"", b"ONLINE", b"online\n", b"\xff"])
def test_only_online_means_online(said: bytes) -> None:
    agents = Agents()
    agents.heard_availability("omega", said)
    assert agents.is_known("omega")
    assert not agents.is_online("omega")


@pytest.mark.parametrize(
    "said",
    [
        b"", b"null", b"[]", b"{}", b"\xff", b"[" * 5000, payload(protocol=2), payload(protocol="1"),
        payload(nonce="short"), payload(nonce=NONCE + "\n"), payload(nonce=1), payload(lifetime=4),
        payload(lifetime=301), payload(lifetime=True), payload(lifetime=30.0), payload(lifetime="30"),
    ],
)  # fmt: skip
def test_what_is_no_nonce_changes_nothing(said: bytes) -> None:
    agents = Agents()
    agents.heard_nonce("omega", payload(), 1.0)
    assert not agents.heard_nonce("omega", said, 2.0)
    heard = agents.nonce("omega")
    assert heard is not None
    assert heard.value == NONCE


@given(st.binary() | st.recursive(st.none() | st.integers() | st.text(), st.lists).map(json.dumps).map(str.encode))
def test_any_bytes_are_a_nonce_or_nothing(said: bytes) -> None:
    agents = Agents()
    assert agents.heard_nonce("omega", said, 1.0) is (agents.nonce("omega") is not None)
