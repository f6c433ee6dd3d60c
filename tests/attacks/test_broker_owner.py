"""A broker whose owner means harm, against an agent's and a sender's own machine: memory, log, and time to come back.

No other broker is needed here: this one is written for it (``support.rogue_broker``).
"""

import json
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from latchwire import topics
from latchwire.actuator import Actuator
from latchwire.model import State
from support.broker import wait_until
from support.handlers import Bolt, Lamp
from support.home import DOOR, Home
from support.rogue_broker import RogueBroker, packet, publication
from support.scene import COMMAND

pytestmark = pytest.mark.parametrize("broker_kind", ["mosquitto"])  # which stands by, and is not asked
TOPICS = [
    "front\ndoor", "x\x1b[2J\x1b]0;owned\x07", "ERROR: forged outcome=done", "front-door\r", "Front-Door", "d" * 33,
    "дверь", "front\u202edoor", "..", "self-test ", "$SYS", "a\x00b", "+", "#", "*", ">", "",
]  # fmt: skip


@pytest.fixture
def rogue() -> Iterator[RogueBroker]:
    with RogueBroker() as broker:
        yield broker


@pytest.fixture
def agent(home: Home, rogue: RogueBroker) -> Actuator:
    return home.actuator({DOOR: Bolt(), "lamp": Lamp()}, endpoint=rogue.endpoint)


def memory() -> int:
    """Bytes of this process that are in memory now (proc(5), statm)."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def comes_back(rogue: RogueBroker, agent: Actuator, before: int) -> None:
    wait_until(lambda: rogue.connections > before, "it connects again", 20)
    wait_until(lambda: agent._bus.is_ready, "it is ready again", 20)


@pytest.mark.parametrize("size", [100_000, 268_435_455])
def test_a_packet_that_would_fill_the_memory_is_not_read(rogue: RogueBroker, agent: Actuator, size: int) -> None:
    """Holds: the broker; sends a packet as long as MQTT allows, of which an Omega's 64 MB could not hold a quarter."""
    client, before = rogue.client(), memory()
    topic = COMMAND.encode()
    sent = packet(0x32, len(topic).to_bytes(2, "big") + topic + b"\0\1", length=size)
    try:
        client.sendall(sent)
        for _ in range(64):
            client.sendall(b"x" * 1_000_000)
    except OSError:
        pass  # it has hung up, as it should
    comes_back(rogue, agent, 1)
    assert memory() - before < 16_000_000


def test_messages_that_are_never_released_do_not_pile_up(rogue: RogueBroker, agent: Actuator) -> None:
    """Holds: the broker; sends at QoS 2, which nobody asked for, and never the second half."""
    client = rogue.client()
    for number in range(1, 200):
        try:
            client.sendall(publication(COMMAND.encode(), b"x" * 10_000, qos=2, number=number))
        except OSError:
            break
    comes_back(rogue, agent, 1)
    assert agent._bus._client is not None
    assert len(agent._bus._client._in_messages) == 0


def test_what_is_no_mqtt_ends_the_connection_and_nothing_else(
    rogue: RogueBroker, agent: Actuator, caplog: pytest.LogCaptureFixture
) -> None:
    """Holds: the broker; sends what no parser expects."""
    page = b"HTTP/1.1 200 OK\r\n\r\n".ljust(200)
    for count, nonsense in enumerate((page, b"\x32\x01\x00", b"\x00" * 50, b"\x30" + b"\xff" * 9), 1):
        rogue.client().sendall(nonsense)
        comes_back(rogue, agent, count)
    assert "Traceback" not in caplog.text


def test_topics_and_alerts_carry_no_words_of_an_attacker(
    rogue: RogueBroker, agent: Actuator, caplog: pytest.LogCaptureFixture
) -> None:
    """Holds: the broker; writes lines, wildcards and escape codes into topics, which other brokers refuse."""
    client = rogue.client()
    wait_until(lambda: agent._bus.is_ready, "it is ready")
    for number, device in enumerate(TOPICS, 1):
        for kind in ("command", "nonce", "status"):
            topic = f"latchwire/omega/{device}/{kind}".encode()
            client.sendall(publication(topic, device.encode() + b"\x1b[2J\n", number=number))
    client.sendall(publication(b"latchwire/omega/\xff\xfe/command", b"x", number=99))
    alert = topics.alert("omega")
    wait_until(lambda: alert in [topic for topic, _ in rogue.heard], "an alert")
    client.sendall(publication(COMMAND.encode(), b"mark", number=100))
    said = [json.loads(payload) for topic, payload in rogue.heard if topic == alert]
    assert said == [{"cause": "malformed", "count": 1}]
    assert all(part not in caplog.text for part in ("forged", "\x1b", "owned", "\u202e"))


def test_a_flood_that_is_never_acknowledged_fills_neither_memory_nor_log(
    home: Home, caplog: pytest.LogCaptureFixture
) -> None:
    """Holds: the broker and one command that was heard; replays it for ever and takes no receipt."""
    with RogueBroker() as rogue:
        bolt = Bolt()
        agent = home.actuator({DOOR: bolt, "lamp": Lamp()}, endpoint=rogue.endpoint)
        client, before = rogue.client(), memory()
        nonce = agent._commands.nonce.value
        rogue._answer = lambda *_: None  # type: ignore[method-assign]  # from now on nothing is acknowledged
        tokens = [home.token(nonce).encode(), home.token("A" * 22).encode()]
        for number in range(1, 6000):
            client.sendall(publication(COMMAND.encode(), tokens[number % 2], number=number))
        client.sendall(publication(topics.availability("omega").encode(), b"mark", number=6001))
        wait_until(lambda: len(agent._bus._outbox._waiting) + len(agent._bus._outbox._sent) >= 100, "much is unsent")
        wait_until(lambda: len(caplog.records) > 0 and bolt.count("unlock") == 1, "the one command is done")
        agent.stop()
        assert len(caplog.records) < 100
        assert memory() - before < 16_000_000
        assert bolt.count("unlock") == 1


def test_a_door_that_was_opened_for_a_time_closes_while_the_broker_plays_dead(home: Home) -> None:
    """Holds: the broker; says nothing any more once the door is open."""
    with RogueBroker() as rogue:
        bolt = Bolt()
        agent = home.actuator({DOOR: bolt, "lamp": Lamp()}, endpoint=rogue.endpoint)
        client = rogue.client()
        rogue._answer = lambda *_: None  # type: ignore[method-assign]
        token = home.token(agent._commands.nonce.value, "toggle").encode()
        client.sendall(publication(COMMAND.encode(), token))
        wait_until(lambda: bolt.state is State.UNLOCKED, "it is open")
        wait_until(lambda: bolt.state is State.LOCKED, "it is closed after its second")


def test_a_broker_that_throws_everybody_out_fills_no_log(
    make_home: Callable[..., Home], caplog: pytest.LogCaptureFixture
) -> None:
    """Holds: the broker; takes the login, ends the connection, with another reason each time."""
    home = make_home()
    with RogueBroker() as rogue:
        home.actuator({DOOR: Bolt(), "lamp": Lamp()}, endpoint=rogue.endpoint, wait=False)
        for turn in range(6):
            client = rogue.client()
            client.sendall((b"\xff" if turn % 2 else b"\x32\x01\x00") * 3)
            with suppress(OSError):  # the client was quicker
                client.shutdown(socket.SHUT_RDWR)
        assert len(caplog.records) < 30
