"""What others may publish on a command's topic: it moves nothing, and is told with its cause.

All of it against a real agent behind a real broker; the door is a lock in memory that counts.
"""

import json
import socket
from collections.abc import Callable
from typing import Any

import pytest

from latchwire import topics
from latchwire.actuator import alerts
from latchwire.model import Cause
from latchwire.protocol.claims import Receipt, parse_receipt
from latchwire.protocol.token import parse_claims, split
from latchwire.sender import Ending
from latchwire.waiting import now
from support.broker import wait_until
from support.handlers import Bolt, Lamp
from support.home import DOOR, Home, config
from support.wire import Wire

COMMAND = topics.command("omega", DOOR)
RECEIPT = topics.receipt("omega", DOOR, "manual")
ALERT = topics.alert("omega")


class Scene:
    """A home with an agent at work, somebody who looks, and somebody with a login who publishes."""

    def __init__(self, home: Home, **options: Any) -> None:
        self.home, self.bolt = home, Bolt()
        self.actuator = home.actuator({DOOR: self.bolt, "lamp": Lamp()}, **options)
        self.observer = home.wire()
        self.thief = home.wire("manual", filters=("latchwire/+/nonce",))
        self.nonce = home.nonce(self.observer)

    def alert(self, cause: Cause) -> dict[str, object]:
        found = self.observer.wait_for(ALERT, lambda heard: json.loads(heard.payload)["cause"] == cause.wire)
        document = json.loads(found.payload)
        assert isinstance(document, dict)
        return document

    def receipts(self) -> list[Receipt]:
        return [parse_receipt(parse_claims(split(heard.payload).payload)) for heard in self.observer.on(RECEIPT)]

    def receipt(self) -> Receipt:
        self.observer.wait_for(RECEIPT)
        return self.receipts()[-1]

    def assert_nothing_moved(self) -> None:
        """The agent has judged all that was published before: an honest question is answered after it."""
        answer = self.home.sender("whatsapp").ask(agent="omega", device=DOOR, action="status", sub="whatsapp:test")
        assert answer.ending is Ending.DONE
        assert {"lock", "unlock"}.isdisjoint(self.bolt.calls)


@pytest.fixture
def scene(home: Home) -> Scene:
    return Scene(home)


@pytest.mark.parametrize(
    "payload",
    [b"", b"unlock", b"\xff\xfe\x00", b"a.b.c", b"." * 5000, b'{"act":"unlock"}', "eyJhbGciOiJub25lIn0.e30."],
    ids=["empty", "a-word", "not-utf-8", "three-parts", "too-long", "json", "alg-none"],
)
def test_an_unsigned_command_moves_nothing_and_is_told(scene: Scene, payload: bytes | str) -> None:
    scene.thief.publish(COMMAND, payload)
    assert scene.alert(Cause.MALFORMED) == {"cause": "malformed", "device": DOOR, "count": 1}
    scene.assert_nothing_moved()


def test_a_forged_command_moves_nothing_and_is_told_with_its_key(scene: Scene) -> None:
    token = scene.home.token(scene.nonce)
    scene.thief.publish(COMMAND, token[:-4] + ("AAAA" if token[-4:] != "AAAA" else "BBBB"))
    assert scene.alert(Cause.BAD_SIGNATURE) == {
        "cause": "bad-signature", "device": DOOR, "kid": "manual/1", "count": 1,
    }  # fmt: skip
    scene.assert_nothing_moved()


def test_a_command_signed_with_a_key_that_the_agent_does_not_hold_moves_nothing(scene: Scene) -> None:
    head = "eyJhbGciOiJIUzI1NiIsInR5cCI6ImNvbW1hbmQrand0Iiwia2lkIjoibWFudWFsLzkifQ"  # kid manual/9
    _, body, signature = scene.home.token(scene.nonce).split(".")
    scene.thief.publish(COMMAND, f"{head}.{body}.{signature}")
    assert scene.alert(Cause.UNKNOWN_KEY) == {"cause": "unknown-key", "device": DOOR, "count": 1}
    scene.assert_nothing_moved()


def test_a_command_that_is_published_again_gets_its_first_receipt_again_and_is_told_as_replayed(scene: Scene) -> None:
    token = scene.home.token(scene.nonce)
    for count in (1, 2):
        scene.thief.publish(COMMAND, token)
        wait_until(lambda count=count: len(scene.observer.on(RECEIPT)) == count, "a receipt")  # type: ignore[misc]
    first, second = scene.observer.on(RECEIPT)
    assert first.payload == second.payload
    assert scene.alert(Cause.REPLAYED)["count"] == 1
    assert scene.bolt.count("unlock") == 1


def test_a_command_that_comes_again_while_it_is_being_done_is_not_answered_twice(scene: Scene) -> None:
    scene.bolt.gate.clear()
    token = scene.home.token(scene.nonce)
    scene.thief.publish(COMMAND, token)
    wait_until(lambda: scene.bolt.count("unlock") == 1, "it is being done")
    scene.thief.publish(COMMAND, token)
    scene.alert(Cause.REPLAYED)
    assert scene.receipts() == []
    scene.bolt.gate.set()
    assert scene.receipt().cause is None
    assert scene.bolt.count("unlock") == 1


def test_an_honest_duplicate_gets_its_first_receipt_again_without_an_alert(home: Home) -> None:
    """The agent's connection is cut before it acknowledges, so the broker delivers the command again, marked DUP."""
    home.broker.stop()
    bolt = Bolt()
    actuator = home.actuator({DOOR: bolt, "lamp": Lamp()}, wait=False)
    home.broker.start()
    wait_until(lambda: actuator._bus.is_ready, "the agent is ready")
    observer = home.wire()
    token = home.token(home.nonce(observer))
    heard, duplicates = actuator._commands.heard, []

    def cut_at_the_first(delivery: object) -> bool:
        duplicates.append(delivery.duplicate)  # type: ignore[attr-defined]
        due = heard(delivery)  # type: ignore[arg-type]
        if len(duplicates) == 1:
            client = actuator._bus._client
            assert client is not None
            sock = client.socket()
            assert isinstance(sock, socket.socket)
            sock.shutdown(socket.SHUT_RDWR)
        return due

    actuator._commands.heard = cut_at_the_first  # type: ignore[method-assign]
    home.wire("manual", filters=("latchwire/+/nonce",)).publish(COMMAND, token)
    wait_until(lambda: len(observer.on(RECEIPT)) >= 2, "two receipts")
    assert duplicates == [False, True]
    assert len({message.payload for message in observer.on(RECEIPT)}) == 1
    assert bolt.count("unlock") == 1
    assert observer.on(ALERT) == []


@pytest.mark.parametrize("topic", [topics.command("omega", "lamp"), topics.command("omega", "cellar")])
def test_a_command_carried_to_another_device_moves_neither(scene: Scene, topic: str) -> None:
    scene.thief.publish(topic, scene.home.token(scene.nonce))
    device = topic.split("/")[2]
    found = scene.observer.wait_for(topics.receipt("omega", device, "manual"))
    receipt = parse_receipt(parse_claims(split(found.payload).payload))
    assert (receipt.cause, receipt.iss) == (Cause.WRONG_ADDRESS, f"omega/{device}")
    scene.assert_nothing_moved()


@pytest.mark.parametrize("nonce", ["AAAAAAAAAAAAAAAAAAAAAA", "of-before-the-restart"])
def test_a_command_over_a_nonce_that_this_run_did_not_make_moves_nothing(scene: Scene, nonce: str) -> None:
    scene.thief.publish(COMMAND, scene.home.token(nonce.ljust(22, "A")))
    receipt = scene.receipt()
    assert (receipt.cause, receipt.nonce) == (Cause.UNKNOWN_NONCE, scene.nonce)
    scene.assert_nothing_moved()


def test_a_command_that_somebody_held_back_is_stale_when_it_comes(home: Home) -> None:
    scene = Scene(home)
    token = home.token(scene.nonce, until=1)
    made = now()
    wait_until(lambda: now() > made + 1.1, "it is too old")
    scene.thief.publish(COMMAND, token)
    receipt = scene.receipt()
    assert (receipt.cause, receipt.nonce) == (Cause.STALE_NONCE, scene.nonce)
    assert receipt.age is not None
    assert receipt.age >= 2
    scene.assert_nothing_moved()


def test_a_command_that_waited_too_long_behind_another_is_stale_when_its_turn_comes(home: Home) -> None:
    scene = Scene(home, deadline=30.0)
    scene.bolt.gate.clear()
    scene.thief.publish(COMMAND, home.token(scene.nonce, "lock"))
    wait_until(lambda: scene.bolt.count("lock") == 1, "the first one is being done")
    age = now()
    scene.thief.publish(COMMAND, home.token(scene.nonce, until=2))
    wait_until(lambda: now() > age + 2.1, "it has waited too long")
    scene.bolt.gate.set()
    wait_until(lambda: len(scene.receipts()) == 2, "both are answered")
    assert [receipt.cause for receipt in scene.receipts()] == [None, Cause.STALE_NONCE]
    assert scene.bolt.count("unlock") == 0


def test_a_retained_command_moves_nothing_while_the_agent_listens(scene: Scene) -> None:
    scene.thief.publish(COMMAND, scene.home.token(scene.nonce), retained=True)
    assert scene.alert(Cause.RETAINED)["device"] == DOOR
    scene.assert_nothing_moved()


def test_a_retained_command_that_the_broker_kept_moves_nothing_when_the_agent_comes(home: Home) -> None:
    home.wire("manual", filters=("latchwire/+/nonce",)).publish(COMMAND, home.token("A" * 22), retained=True)
    observer = home.wire(filters=(ALERT,))
    bolt = Bolt()
    home.actuator({DOOR: bolt, "lamp": Lamp()})
    assert json.loads(observer.wait_for(ALERT).payload)["cause"] == "retained"
    assert bolt.calls == ["settle"]


def test_alerts_are_one_for_a_cause_and_then_a_count(
    make_home: Callable[..., Home], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alerts, "QUIET_SECONDS", 1.0)
    scene = Scene(make_home())
    for _ in range(20):
        scene.thief.publish(COMMAND, b"nonsense")
    scene.observer.wait_for(ALERT, lambda heard: b'"count":19' in heard.payload)
    counts = [json.loads(heard.payload)["count"] for heard in scene.observer.on(ALERT)]
    assert counts == [1, 19]
    scene.assert_nothing_moved()


def test_a_thief_with_the_agents_client_id_takes_nothing_over(scene: Scene) -> None:
    """Client ids are new for each process, so a login's name is nobody's client id."""
    for client_id in ("omega", scene.actuator._bus._client_id.rsplit("-", 1)[0]):
        Wire(scene.home.endpoint(), scene.home.login("manual"), client_id=client_id).close()
    answer = scene.home.sender().ask(agent="omega", device=DOOR, action="unlock", sub="manual:test")
    assert answer.ending is Ending.DONE
    assert scene.observer.on(topics.availability("omega"))[-1].payload == b"online"


def test_a_strangers_noise_cannot_turn_the_nonce(make_home: Callable[..., Home]) -> None:
    document = config()
    document["agents"]["omega"]["lifetime"] = 300
    scene = Scene(make_home(document=document))
    for _ in range(1100):
        scene.thief.say(COMMAND, b"noise")
    scene.thief.publish(COMMAND, b"noise")
    scene.assert_nothing_moved()
    assert scene.home.nonce(scene.observer) == scene.nonce
