"""A broker of three nodes, one of them killed: nothing is done twice, nothing is lost without a word."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest

from latchwire.bus import Endpoint
from latchwire.model import Cause
from latchwire.sender import Ending
from support.broker import wait_until
from support.handlers import Bolt, Lamp
from support.home import DOOR, Home
from support.nats import Cluster, Node
from support.scene import COMMAND, Scene

pytestmark = pytest.mark.parametrize("broker_kind", ["nats"])

ELECTIONS: Final = 120.0
"""Seconds. Each stream and each subscription of the killed node's has a new leader to be chosen, which takes NATS nine
seconds at most if the first vote decides (it did not: seen were 34)."""


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    """A cluster of the test's own: a node that comes back needs half a minute to be in step again."""
    with Cluster(tmp_path / "nats") as running:
        yield running


def at(node: Node) -> Endpoint:
    return Endpoint("127.0.0.1", node.mqtt, None, mqtt5=False)


def test_a_killed_node_that_nobody_talks_to_is_done_without(scene: Scene, cluster: Cluster) -> None:
    """Holds: the machine of one of the three nodes, and switches it off."""
    senders = [scene.home.sender(), scene.home.sender("whatsapp", endpoint=at(cluster.nodes[1]))]
    cluster.nodes[2].kill()
    endings: list[Ending] = []

    def ask_both() -> bool:
        """The other two may have to choose a new leader first, which takes NATS up to nine seconds."""
        some = [
            sender.ask(agent="omega", device=DOOR, action="unlock", sub=f"{sender.issuer}:x", wait=2.0).ending
            for sender in senders
        ]
        endings.extend(some)
        return some == [Ending.DONE, Ending.DONE]

    wait_until(ask_both, "both are answered", ELECTIONS)
    assert endings.count(Ending.DONE) <= scene.bolt.count("unlock") <= len(endings)
    scene.observer.wait_for(COMMAND, seconds=ELECTIONS)
    scene.thief.publish(COMMAND, scene.observer.commands()[-1].payload)
    assert scene.alert(Cause.REPLAYED)["count"] == 1
    assert scene.bolt.count("unlock") <= len(endings)


def test_a_killed_node_under_a_sender_ends_in_one_of_the_five_and_nothing_happens_later(
    make_home: Callable[..., Home], cluster: Cluster
) -> None:
    """Holds: the machine of the node that a sender is connected to; switches it off."""
    scene = Scene(make_home())
    other, sender = scene.home.sender(), scene.home.sender("whatsapp", endpoint=at(cluster.nodes[2]))
    assert sender.ask(agent="omega", device=DOOR, action="unlock", sub="whatsapp:x").ending is Ending.DONE
    cluster.nodes[2].kill()
    wait_until(lambda: not sender._bus.is_connected, "it is cut off")
    answer = sender.ask(agent="omega", device=DOOR, action="unlock", sub="whatsapp:x")
    assert (answer.ending, answer.cause) == (Ending.NOBODY_LISTENING, Cause.NO_BROKER)
    wait_until(
        lambda: other.ask(agent="omega", device=DOOR, action="lock", sub="manual:x", wait=2.0).ending is Ending.DONE,
        "whoever is at another node gets through",
        ELECTIONS,
    )
    assert scene.bolt.count("unlock") == 1  # what was told as "nobody listening" did not follow


def test_a_killed_node_under_the_agent_leaves_a_door_that_locks_by_itself(
    make_home: Callable[..., Home], cluster: Cluster
) -> None:
    """Holds: the machine of the node that the agent is connected to; switches it off while the door is open."""
    scene = Scene(make_home(), endpoint=at(cluster.nodes[1]))
    asked = scene.home.sender()
    assert asked.ask(agent="omega", device=DOOR, action="toggle", sub="manual:x").ending is Ending.DONE
    cluster.nodes[1].kill()
    wait_until(lambda: scene.bolt.count("lock") == 1, "it locks by itself")
    answer = asked.ask(agent="omega", device=DOOR, action="lock", sub="manual:x", wait=0.5)
    assert answer.ending in {Ending.NOBODY_LISTENING, Ending.NO_ANSWER}


def test_what_the_broker_stores_a_moment_late_is_asked_for_again(make_home: Callable[..., Home]) -> None:
    """Holds: nothing; NATS stores what is retained a moment after it has passed, so it may be missed."""
    home = make_home()
    sender = home.sender()
    bolts = [Bolt() for _ in range(3)]
    for bolt in bolts:
        actuator = home.actuator({DOOR: bolt, "lamp": Lamp()})
        sender._agents.forget()  # as if what was retained had come neither live nor kept
        assert sender.ask(agent="omega", device=DOOR, action="unlock", sub="manual:x").ending is Ending.DONE
        assert bolt.count("unlock") == 1
        actuator.stop()
