"""What others may publish on a command's topic: it moves nothing, and is told with its cause."""

import json
import socket
from collections.abc import Callable
from typing import Final

import pytest

from latchwire import topics
from latchwire.actuator import alerts
from latchwire.model import Cause
from latchwire.waiting import now
from support.broker import wait_until
from support.handlers import Bolt, Lamp
from support.home import DOOR, Home, config
from support.scene import ALERT, COMMAND, HEADER, OWNER_RIGHTS, RECEIPT, Scene
from support.tokens import token as signed


def test_an_unsigned_command_moves_nothing_and_is_told(scene: Scene) -> None:
    """Holds: an ingress's login at the broker, and none of its keys."""
    unsigned: list[bytes | str] = [
        b"", b"unlock", b"\xff\xfe\x00", b"a.b.c", b"." * 5000, b'{"act":"unlock"}', "eyJhbGciOiJub25lIn0.e30.",
    ]  # fmt: skip
    for payload in unsigned:
        scene.thief.publish(COMMAND, payload)
    assert scene.alert(Cause.MALFORMED) == {"cause": "malformed", "device": DOOR, "count": 1}
    scene.assert_nothing_moved()
    assert scene.receipts() == []


def test_a_forged_command_moves_nothing_and_is_told_with_its_key(scene: Scene) -> None:
    """Holds: an ingress's login at the broker, and none of its keys."""
    token = scene.home.token(scene.nonce)
    scene.thief.publish(COMMAND, token[:-4] + ("AAAA" if token[-4:] != "AAAA" else "BBBB"))
    assert scene.alert(Cause.BAD_SIGNATURE) == {
        "cause": "bad-signature", "device": DOOR, "kid": "manual/1", "count": 1,
    }  # fmt: skip
    scene.assert_nothing_moved()


def test_a_command_signed_with_a_key_that_the_agent_does_not_hold_moves_nothing(scene: Scene) -> None:
    """Holds: an ingress's login at the broker, and none of its keys."""
    head = "eyJhbGciOiJIUzI1NiIsInR5cCI6ImNvbW1hbmQrand0Iiwia2lkIjoibWFudWFsLzkifQ"  # kid manual/9
    _, body, signature = scene.home.token(scene.nonce).split(".")
    scene.thief.publish(COMMAND, f"{head}.{body}.{signature}")
    assert scene.alert(Cause.UNKNOWN_KEY) == {"cause": "unknown-key", "device": DOOR, "count": 1}
    scene.assert_nothing_moved()


def test_a_command_that_is_published_again_gets_its_first_receipt_again_and_is_told_as_replayed(scene: Scene) -> None:
    """Holds: a login at the broker, and a command that was heard on the way."""
    token = scene.home.token(scene.nonce)
    for count in (1, 2):
        scene.thief.publish(COMMAND, token)
        wait_until(lambda count=count: len(scene.observer.on(RECEIPT)) == count, "a receipt")  # type: ignore[misc]
    first, second = scene.observer.on(RECEIPT)
    assert first.payload == second.payload
    assert scene.alert(Cause.REPLAYED)["count"] == 1
    assert scene.bolt.count("unlock") == 1


def test_a_command_that_comes_again_while_it_is_being_done_is_not_answered_twice(scene: Scene) -> None:
    """Holds: a login at the broker, and a command that was heard on the way."""
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


@pytest.mark.parametrize("broker_kind", ["mosquitto"])  # with 3.1.1 a session is always clean: nothing comes twice
def test_an_honest_duplicate_gets_its_first_receipt_again_without_an_alert(home: Home) -> None:
    """Holds: the network; cuts the connection before a command is acknowledged, so that it is delivered again (DUP)."""
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


def test_a_command_carried_to_another_device_moves_neither(scene: Scene) -> None:
    """Holds: a login at the broker, and a command that was heard on the way."""
    for device in ("lamp", "cellar"):
        scene.thief.publish(topics.command("omega", device), scene.home.token(scene.nonce))
        receipt = scene.receipt(topics.receipt("omega", device, "manual"))
        assert (receipt.cause, receipt.iss) == (Cause.WRONG_ADDRESS, f"omega/{device}")
    scene.assert_nothing_moved()


def test_a_command_over_a_nonce_that_this_run_did_not_make_moves_nothing(scene: Scene) -> None:
    """Holds: an ingress that signs what is wanted before there is a nonce (pre-play), or over an old one."""
    for nonce in ("AAAAAAAAAAAAAAAAAAAAAA", "of-before-the-restart-"):
        scene.thief.publish(COMMAND, scene.home.token(nonce))
    for receipt in scene.wait_for_receipts(2):
        assert (receipt.cause, receipt.nonce) == (Cause.UNKNOWN_NONCE, scene.nonce)
    scene.assert_nothing_moved()


def test_a_command_that_somebody_held_back_is_stale_when_it_comes(home: Home) -> None:
    """Holds: the broker; a command that was held back until the door's owner has gone in."""
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
    """Holds: an ingress's key; keeps the door busy, so that another's command acts later than it was meant to."""
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


@pytest.mark.parametrize("broker_kind", ["mosquitto"])  # 3.1.1 does not tell (docs/protocol.md): see the next one
def test_a_retained_command_moves_nothing_while_the_agent_listens(scene: Scene) -> None:
    """Holds: a login at the broker, and a command that was heard on the way."""
    scene.thief.publish(COMMAND, scene.home.token(scene.nonce), retained=True)
    assert scene.alert(Cause.RETAINED)["device"] == DOOR
    scene.assert_nothing_moved()


def test_a_ghost_that_the_broker_keeps_moves_nothing_at_the_next_start(scene: Scene) -> None:
    """Holds: an ingress's login; retains a command that was good when it was heard."""
    scene.thief.publish(COMMAND, scene.home.token(scene.nonce), retained=True)
    scene.assert_the_door("unlock", at_most=1)  # what 3.1.1 does not mark is a command like any other, this once
    scene.actuator.stop()
    scene.observer.messages.clear()
    bolt = Bolt()
    scene.home.actuator({DOOR: bolt, "lamp": Lamp()})
    assert scene.alert(Cause.RETAINED)["device"] == DOOR
    assert bolt.calls == ["settle"]


def test_a_retained_command_that_the_broker_kept_moves_nothing_when_the_agent_comes(home: Home) -> None:
    """Holds: a login at the broker, and a command that was heard on the way."""
    home.wire("manual", filters=("latchwire/+/nonce",)).publish(COMMAND, home.token("A" * 22), retained=True)
    observer = home.wire(filters=(ALERT,))
    bolt = Bolt()
    home.actuator({DOOR: bolt, "lamp": Lamp()})
    assert json.loads(observer.wait_for(ALERT).payload)["cause"] == "retained"
    assert bolt.calls == ["settle"]


def test_alerts_are_one_for_a_cause_and_then_a_count(
    make_home: Callable[..., Home], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Holds: an ingress's login at the broker, and none of its keys."""
    monkeypatch.setattr(alerts, "QUIET_SECONDS", 1.0)
    scene = Scene(make_home())
    for _ in range(20):
        scene.thief.publish(COMMAND, b"nonsense")
    scene.observer.wait_for(ALERT, lambda heard: b'"count":19' in heard.payload)
    counts = [json.loads(heard.payload)["count"] for heard in scene.observer.on(ALERT)]
    assert counts == [1, 19]
    scene.assert_nothing_moved()


def test_a_strangers_noise_cannot_turn_the_nonce(make_home: Callable[..., Home]) -> None:
    """Holds: an ingress's login at the broker, and none of its keys."""
    document = config()
    document["agents"]["omega"]["lifetime"] = 300
    scene = Scene(make_home(document=document))
    for _ in range(1100):
        scene.thief.say(COMMAND, b"noise")
    scene.thief.publish(COMMAND, b"noise")
    scene.assert_nothing_moved()
    assert scene.home.nonce(scene.observer) == scene.nonce


# ------------------------------------------------------------------------------- algorithms and keys


def test_another_algorithm_or_none_is_not_taken_although_the_key_is_right(scene: Scene) -> None:
    """Holds: a login; swaps the algorithm, or writes none, over a signature by the right key and without one."""
    for name in ("none", "None", "", "HS384", "HS512", "RS256", "ES256", "EdDSA", "hs256", " HS256", "HS256\0"):
        token = scene.signed({**HEADER, "alg": name})
        scene.thief.publish(COMMAND, token)
        scene.thief.publish(COMMAND, token[: token.rindex(b".") + 1])
    assert scene.alert(Cause.MALFORMED)["device"] == DOOR
    scene.assert_nothing_moved()
    assert scene.receipts() == []


def test_a_header_that_brings_its_own_key_is_not_taken(scene: Scene) -> None:
    """Holds: a login, and a key of their own that the header points to."""
    mine: dict[str, object] = {"kty": "oct", "k": "QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE"}
    for extra in ({"jwk": mine}, {"jku": "https://evil.example/keys"}, {"crit": ["b64"], "b64": False}):
        scene.thief.publish(COMMAND, signed(scene.claims(), header={**HEADER, **extra}, secret=b"A" * 32))
    assert scene.alert(Cause.MALFORMED)["device"] == DOOR
    scene.assert_nothing_moved()
    assert scene.receipts() == []


def test_the_key_of_one_issuer_is_not_anothers(scene: Scene) -> None:
    """Holds: the key of one issuer (a stolen ingress); signs in the name of another, or of a generation to come."""
    scene.thief.publish(COMMAND, scene.signed({**HEADER, "kid": "whatsapp/1"}))
    for kid in ("manual/01", "manual/2", "Manual/1", "manual/1 ", "omega/1", "../manual/1"):
        scene.thief.publish(COMMAND, scene.signed({**HEADER, "kid": kid}))
    assert scene.alert(Cause.BAD_SIGNATURE)["kid"] == "whatsapp/1"
    assert scene.alert(Cause.UNKNOWN_KEY)["count"] == 1
    scene.assert_nothing_moved()
    assert scene.receipts() == []


def test_an_issuer_cannot_speak_as_another_under_its_own_key(scene: Scene) -> None:
    """Holds: the key of one issuer; names another in the claims."""
    others: tuple[dict[str, object], ...] = (
        {"iss": "whatsapp"}, {"sub": "whatsapp:+15555550100"}, {"iss": "whatsapp", "sub": "whatsapp:x"},
    )  # fmt: skip
    for claims in others:
        scene.thief.publish(COMMAND, scene.signed(HEADER, None, **claims))
    assert {receipt.cause for receipt in scene.wait_for_receipts(3)} == {Cause.MALFORMED}
    scene.assert_nothing_moved()


def test_the_keys_of_one_agent_open_nothing_at_another(make_home: Callable[..., Home]) -> None:
    """Holds: a stolen Omega with all of its keys."""
    document = config()
    document["agents"]["garage"] = {"type": "relay", "runs": "simulated"}
    document["devices"]["gate"] = {"agent": "garage", "kind": "lock", "channel": 0, "locked": "released"}
    scene = Scene(make_home(document=document))
    stolen = scene.home.key("manual", "garage")
    for kid in ("manual/1", "whatsapp/1"):
        token = signed(scene.claims(), header={"alg": "HS256", "typ": "command+jwt", "kid": kid}, secret=stolen.secret)
        scene.thief.publish(COMMAND, token)
    assert scene.alert(Cause.BAD_SIGNATURE)["kid"] in {"manual/1", "whatsapp/1"}
    scene.assert_nothing_moved()


def test_an_issuer_that_the_agent_does_not_obey_in_this_moves_nothing(make_home: Callable[..., Home]) -> None:
    """Holds: an ingress with its key, which config.json lets only ask."""
    document = config()
    document["agents"]["omega"]["obeys"] = {"manual": {DOOR: ["status"]}, "whatsapp": "*"}
    scene = Scene(make_home(document=document))
    scene.thief.publish(COMMAND, scene.home.token(scene.nonce))
    assert scene.receipt().cause is Cause.FORBIDDEN
    scene.assert_nothing_moved()


# ------------------------------------------------------------------------------------ replays


def test_a_command_from_before_a_restart_moves_nothing_after_it(home: Home) -> None:
    """Holds: the broker; a command that was done before the power went."""
    before = Scene(home)
    token = home.token(before.nonce)
    before.thief.publish(COMMAND, token)
    before.wait_for_receipts(1)
    before.actuator.stop()
    after = Scene(home)
    after.thief.publish(COMMAND, token)
    wait_until(lambda: after.receipts() != [], "a receipt")
    assert after.receipts()[-1].cause is Cause.UNKNOWN_NONCE
    after.assert_nothing_moved()


def test_a_command_carried_to_another_topic_moves_nothing(make_home: Callable[..., Home]) -> None:
    """Holds: the broker; a good command that was never delivered, to be brought where it is not judged as one."""
    scene = Scene(make_home(**OWNER_RIGHTS))
    broker_owner, token = scene.owner_of_the_broker(), scene.home.token(scene.nonce)
    for topic in (
        "latchwire/garage/front-door/command", "latchwire/omega/front-door/command/now", "latchwire/omega/command",
        "latchwire/front-door/command", "latchwire/omega/front-door/state", "latchwire/omega/nonce",
    ):  # fmt: skip
        broker_owner.publish(topic, token)
    scene.assert_nothing_moved()
    assert scene.receipts() == []


def test_a_receipt_is_no_command(scene: Scene) -> None:
    """Holds: a login, and a receipt under the very key that signs commands."""
    scene.thief.publish(COMMAND, scene.home.token(scene.nonce, "status"))
    scene.receipt()
    scene.thief.publish(COMMAND, scene.observer.on(RECEIPT)[-1].payload)
    assert scene.alert(Cause.MALFORMED)["device"] == DOOR
    scene.assert_nothing_moved()


# ------------------------------------------------------------------------------------ spellings


def respelled(token: bytes, part: int, change: Callable[[bytes], bytes]) -> bytes:
    parts = token.split(b".")
    parts[part] = change(parts[part])
    return b".".join(parts)


def not_canonical(part: bytes) -> bytes:
    """The unused bits of the last character set: the same bytes, another text."""
    alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return part[:-1] + bytes([alphabet[alphabet.index(part[-1]) | 1]])


def test_a_signature_in_another_spelling_of_base64_is_not_taken(scene: Scene) -> None:
    """Holds: a login, and a command that was heard: another spelling would be another message with the same meaning."""
    changes: tuple[Callable[[bytes], bytes], ...] = (
        not_canonical, lambda part: part + b"=", lambda part: part + b" ", lambda part: part[:20] + b"\n" + part[20:],
        lambda part: b"+" + part[1:], lambda part: part + b"\r\n\r\n",
    )  # fmt: skip
    for change in changes:
        scene.thief.publish(COMMAND, respelled(scene.signed(), 2, change))
    assert scene.alert(Cause.MALFORMED)["count"] == 1
    scene.assert_nothing_moved()
    assert scene.receipts() == []


TWO_MEANINGS: Final = (
    (b'"act":"unlock"', b'"act":"lock","act":"unlock"'),
    (b'"act":"unlock"', b'"act":"lock","\\u0061ct":"unlock"'),
    (b'"act":"unlock"', b'"act":"unlock\\n"'),
    (b'"act":"unlock"', b'"act":["unlock"]'),
    (b'"until":10', b'"until":10,"until":600'),
    (b'"until":10', b'"until":1e1'),
    (b'"until":10', b'"until":10.0'),
    (b'"until":10', b'"until":true'),
    (b'"until":10', b'"until":-10'),
    (b'"until":10', b'"until":601'),
    (b'"until":10', b'"until":' + b"9" * 2000),
    (b'"iat":0', b'"iat":-0'),
    (b'"iat":0', b'"iat":0,"admin":true'),
    (b'"iat":0', b'"iat":NaN'),
    (b'"iat":0', b'"iat":' + b"[" * 1000 + b"]" * 1000),
    (b'"iat":0', b'"iat":' + b'{"a":' * 300 + b"0" + b"}" * 300),
    (b'"jti":"', b'"jti":"../../\\u0000'),
    (b'{"iss"', b'\xef\xbb\xbf{"iss"'),
    (b'"iat":0}', b'"iat":0}{}'),
)
"""In the claims of a good command this, and what somebody signs in its place."""


def test_claims_that_could_be_read_in_two_ways_move_nothing(scene: Scene) -> None:
    """Holds: an ingress with its key; signs names that stand twice, floats, nesting and what else readers differ in."""
    for old, new in TWO_MEANINGS:
        whole = json.dumps(scene.claims(), separators=(",", ":")).encode()
        assert old in whole
        scene.thief.publish(COMMAND, scene.signed(claims=whole.replace(old, new)))
    assert {receipt.cause for receipt in scene.wait_for_receipts(len(TWO_MEANINGS))} == {Cause.MALFORMED}
    scene.assert_nothing_moved()


def test_what_is_too_long_is_not_read(scene: Scene) -> None:
    """Holds: an ingress with its key, which signs more than a token may be."""
    for size in (4097, 16_000):
        scene.thief.publish(COMMAND, scene.signed(claims=json.dumps(scene.claims()).encode().ljust(size))[:size])
    assert scene.alert(Cause.MALFORMED)["count"] == 1
    scene.assert_nothing_moved()
    assert scene.receipts() == []
