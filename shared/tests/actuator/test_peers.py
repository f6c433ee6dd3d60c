"""Two processes under one agent's name: one stands aside, and never both."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from latchwire.actuator.peers import ASIDE_SECONDS, TOGETHER_SECONDS, Peer, Peers

NONCE = "Vn3o0kXq2u1c8mZt4rYb-A"


def status(peers: Peers, now: float) -> bytes:
    rank = peers.rank(now)
    return json.dumps({"up": rank.up, "instance": rank.instance}).encode()


def strange(nonce: str = NONCE) -> bytes:
    return json.dumps({"protocol": 1, "nonce": nonce, "lifetime": 30}).encode()


def test_the_younger_one_stands_aside() -> None:
    older, younger = Peers(started=0.0), Peers(started=100.0)
    assert younger.heard_status(status(older, 101.0), 101.0) is Peer.OLDER
    assert younger.is_aside
    assert older.heard_status(status(younger, 101.0), 101.0) is Peer.YOUNGER
    assert not older.is_aside


@given(st.floats(-20, 20), st.floats(0, 0.5), st.floats(0, 0.5), st.floats(21, 1000))
def test_never_both_stand_aside_however_long_their_words_take(
    apart: float, there: float, back: float, now: float
) -> None:
    one, two = Peers(started=0.0), Peers(started=apart)
    of_one, of_two = status(one, now), status(two, now)
    two.heard_status(of_one, now + there)
    one.heard_status(of_two, now + back)
    assert not (one.is_aside and two.is_aside)
    if abs(abs(apart) - TOGETHER_SECONDS) > 0.6:
        assert one.is_aside or two.is_aside


def test_of_two_that_started_together_exactly_one_stays() -> None:
    one, two = Peers(started=0.0), Peers(started=0.0)
    at = 10.0
    told = [one.heard_status(status(two, at), at + 0.02), two.heard_status(status(one, at), at + 0.02)]
    assert set(told) == {Peer.OLDER, Peer.YOUNGER}


def test_its_own_nonces_and_its_own_status_are_not_strange() -> None:
    peers = Peers(started=0.0)
    peers.made(NONCE)
    assert not peers.heard_nonce(strange(), 1.0)
    assert peers.heard_status(status(peers, 5.0), 1.0) is Peer.NOBODY


@pytest.mark.parametrize("at", range(16))
@pytest.mark.parametrize("bit", range(7))
def test_its_own_status_that_was_damaged_on_the_way_does_not_silence_it(at: int, bit: int) -> None:
    peers = Peers(started=0.0)
    said = bytearray(status(peers, 5.0))
    said[said.index(peers.instance.encode()) + at] ^= 1 << bit
    assert peers.heard_status(bytes(said), 1.0) is Peer.NOBODY
    assert not peers.is_aside


def test_a_strange_nonce_is_answered_at_most_once_a_second() -> None:
    peers = Peers(started=0.0)
    assert peers.heard_nonce(strange(), 1.0)
    assert not peers.heard_nonce(strange(), 1.5)
    assert peers.heard_nonce(strange(), 2.0)


def test_it_goes_on_once_the_other_is_silent() -> None:
    peers = Peers(started=100.0)
    peers.heard_status(status(Peers(started=0.0), 101.0), 101.0)
    assert not peers.heard_nonce(strange(), 102.0), "who stands aside says nothing"
    assert not peers.look_again(130.0, quiet=60.0)
    assert peers.is_aside
    assert peers.look_again(101.0 + ASIDE_SECONDS, quiet=60.0)
    assert not peers.is_aside


@pytest.mark.parametrize(
    "said",
    [b"", b"null", b"[]", b"\xff", b"{}", b"[" * 5000, b'{"up":1e999,"instance":"zz"}', b'{"up":NaN,"instance":"zz"}',
     b'{"up":"9","instance":"zz"}', b'{"up":999999}', b'{"up":999999,"instance":1}'],
)  # fmt: skip
def test_what_is_no_status_makes_nobody_stand_aside(said: bytes) -> None:
    peers = Peers(started=0.0)
    assert peers.heard_status(said, 1.0) is Peer.NOBODY
    assert not peers.heard_nonce(said, 1.0)
    assert not peers.is_aside


@pytest.mark.parametrize("up", ["1" * 400, "-1", "1e999", "NaN", "true", '"5"', "1e300", "[5]"])
def test_an_age_that_no_process_can_have_is_nobodys(up: str) -> None:
    peers = Peers(started=0.0)
    assert peers.heard_status(b'{"up": %b, "instance": "ff"}' % up.encode(), 100.0) is Peer.NOBODY
    assert not peers.is_aside
