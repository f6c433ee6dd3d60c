"""Two processes under one agent's name, and a will that comes late."""

import json
from collections.abc import Callable

import pytest

from latchwire import topics
from latchwire.actuator import Actuator
from latchwire.actuator.peers import TOGETHER_SECONDS, Peer, Peers, Rank
from latchwire.model import State
from latchwire.sender import Ending
from support.broker import wait_until
from support.handlers import Bolt, Lamp
from support.home import DOOR, Home, config

ONLINE = topics.availability("omega")


@pytest.fixture
def short_lived(make_home: Callable[..., Home]) -> Home:
    document = config()
    document["agents"]["omega"]["lifetime"] = 5
    return make_home(document=document)


def start(home: Home, *, seconds_ago: float = 0.0, **options: object) -> tuple[Actuator, Bolt]:
    """An agent that was started so long ago."""
    bolt = Bolt()
    actuator = home.actuator({DOOR: bolt, "lamp": Lamp()}, **options)  # type: ignore[arg-type]
    actuator._peers._started -= seconds_ago
    return actuator, bolt


def test_the_younger_of_two_stands_aside_and_returns_when_the_older_is_gone(short_lived: Home) -> None:
    home = short_lived
    older, old_bolt = start(home, seconds_ago=100)
    observer, sender = home.wire(), home.sender()
    younger, young_bolt = start(home, aside_seconds=1.0)
    wait_until(lambda: younger._peers.is_aside, "the younger one stands aside")
    assert not older._peers.is_aside
    assert not younger.health().ok
    assert older.health().ok
    alert = observer.wait_for(topics.alert("omega"), lambda heard: b"duplicate-agent" in heard.payload)
    assert json.loads(alert.payload)["count"] == 1
    # What stays with the broker is the older one's, and it is the one that is asked.
    observer.wait_for(topics.nonce("omega"), lambda heard: older._commands.nonce.value.encode() in heard.payload)
    wait_until(
        lambda: (heard := sender._agents.nonce("omega")) is not None and heard.value == older._commands.nonce.value,
        "the sender knows the older one's nonce",
    )
    answer = sender.ask(agent="omega", device=DOOR, action="unlock", sub="manual:test")
    assert answer.ending is Ending.DONE
    assert (old_bolt.state, young_bolt.state) == (State.UNLOCKED, State.LOCKED)
    older.stop()
    wait_until(lambda: not younger._peers.is_aside, "the younger one returns", 20)
    observer.wait_for(ONLINE, lambda heard: heard.payload == b"online")
    wait_until(lambda: observer.on(ONLINE)[-1].payload == b"online", "it says so")
    wait_until(
        lambda: sender.ask(agent="omega", device=DOOR, action="unlock", sub="manual:test").ending is Ending.DONE,
        "it is asked",
    )
    assert young_bolt.state is State.UNLOCKED


def test_the_one_that_stands_aside_goes_without_a_word(short_lived: Home) -> None:
    home = short_lived
    start(home, seconds_ago=100)
    observer = home.wire()
    younger, _ = start(home)
    wait_until(lambda: younger._peers.is_aside, "the younger one stands aside")
    younger.stop()
    marker = topics.alert("omega")
    home.wire("omega", filters=("latchwire/omega/alert",)).publish(marker, "marker")
    observer.wait_for(marker, lambda heard: heard.payload == b"marker")
    assert {heard.payload for heard in observer.on(ONLINE)} == {b"online"}


def test_of_two_that_start_together_exactly_one_stays(short_lived: Home) -> None:
    pair = [start(short_lived)[0] for _ in range(2)]
    wait_until(lambda: any(actuator._peers.is_aside for actuator in pair), "one stands aside")
    assert [actuator._peers.is_aside for actuator in pair].count(True) == 1


@pytest.mark.parametrize("latency", [0.0, 0.02, 1.0])
@pytest.mark.parametrize("difference", [0.0, 0.01, 0.99, TOGETHER_SECONDS - 0.5, TOGETHER_SECONDS + 0.5, 60.0])
def test_two_that_hear_of_each_other_late_never_both_stand_aside(difference: float, latency: float) -> None:
    first, second = Peers(started=1000.0), Peers(started=1000.0 + difference)
    said = {peers: json.dumps({"up": peers.rank(1100).up, "instance": peers.instance}) for peers in (first, second)}
    verdicts = [
        first.heard_status(said[second].encode(), 1100 + latency),
        second.heard_status(said[first].encode(), 1100 + latency),
    ]
    assert verdicts.count(Peer.OLDER) <= 1
    if abs(difference - TOGETHER_SECONDS) > latency:
        assert verdicts.count(Peer.OLDER) == 1


def test_of_two_of_one_age_the_name_decides() -> None:
    assert Rank(3.0, "b").is_older_than(Rank(3.2, "a"))
    assert not Rank(3.0, "a").is_older_than(Rank(3.2, "b"))
    assert Rank(30.0, "a").is_older_than(Rank(3.0, "b"))


@pytest.mark.parametrize("payload", [b"", b"{", b"[]", b'{"up":"x","instance":1}', b'{"up":1}', b"\xff"])
def test_nonsense_on_the_status_topic_silences_nobody(payload: bytes) -> None:
    assert Peers(started=0.0).heard_status(payload, 1.0) is Peer.NOBODY


def test_a_late_will_is_answered_with_online(home: Home) -> None:
    home.actuator({DOOR: Bolt(), "lamp": Lamp()})
    observer = home.wire()
    ghost = home.wire("omega", filters=("latchwire/omega/nonce",), will=(ONLINE, "offline"))
    ghost.cut()
    observer.wait_for(ONLINE, lambda heard: heard.payload == b"offline")
    wait_until(lambda: observer.on(ONLINE)[-1].payload == b"online", "the agent says that it is there")
