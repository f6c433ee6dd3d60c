"""What others say in an agent's name: no person is told that something was done, or was not, by a lie."""

import json
import logging
import threading
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from latchwire import topics
from latchwire.model import Cause, Happened, State
from latchwire.protocol.token import RECEIPT as RECEIPT_TYPE
from latchwire.protocol.token import sign
from latchwire.sender import Answer, Ending, Sender
from support.broker import wait_until
from support.handlers import Bolt, Lamp
from support.home import DOOR, Home, config
from support.scene import ALERT, COMMAND, NONCE, OWNER_RIGHTS, RECEIPT, Scene
from support.wire import Heard, Wire

STATE = topics.state("omega", DOOR)
ONLINE = topics.availability("omega")


@pytest.fixture
def owned(make_home: Callable[..., Home]) -> Home:
    """A home whose broker is somebody else's."""
    return make_home(**OWNER_RIGHTS)


def claims_of(command: bytes) -> dict[str, Any]:
    """What anybody can read in a command that passes."""
    import base64  # noqa: PLC0415  # here alone

    part = command.split(b".")[1]
    document = json.loads(base64.urlsafe_b64decode(part + b"=" * (-len(part) % 4)))
    assert isinstance(document, dict)
    return document


def lie(command: Mapping[str, Any], **changes: object) -> dict[str, Any]:
    """The claims of a receipt that says that the command was done."""
    return {
        "iss": command["aud"], "aud": command["iss"], "re": command["jti"], "sub": command["sub"],
        "act": command["act"], "outcome": "done", "state": "unlocked", **changes,
    }  # fmt: skip


class AbsentAgent:
    """The broker's owner plays an agent that is not there, and answers each command."""

    def __init__(self, home: Home, answer: Callable[[Wire, dict[str, Any]], None]) -> None:
        self.wire = home.wire("broker-owner")
        self.heard: list[dict[str, Any]] = []

        def hear(message: Heard) -> None:
            if message.topic == COMMAND:
                self.heard.append(claims_of(message.payload))
                answer(self.wire, self.heard[-1])

        self.wire.answer(hear)
        nonce = {"protocol": 1, "nonce": "A" * 22, "lifetime": 30}
        self.wire.publish(NONCE, json.dumps(nonce), retained=True)
        self.wire.publish(ONLINE, "online", retained=True)


def ask(sender: Sender, action: str = "unlock", **options: Any) -> Answer:
    return sender.ask(agent="omega", device=DOOR, action=action, sub="manual:test", **options)


def test_a_forged_receipt_is_not_believed(owned: Home) -> None:
    """Holds: the broker, its whole traffic, every login; every key but the one that counts."""
    wrong = (
        {"secret": b"A" * 32},
        {"secret": owned.key("whatsapp").secret},  # another issuer's key toward the same agent
        {"typ": "command+jwt"},
        {"typ": "JWT"},
        {"kid": "whatsapp/1"},
        {"kid": "manual/2"},
        {"outcome": "done", "aud": "whatsapp"},
        {"iss": "omega/lamp"},
        {"iss": "garage/front-door"},
        {"re": "j" * 22},
        {"act": "lock", "state": "locked"},
    )

    def answer(wire: Wire, command: dict[str, Any]) -> None:
        for change in wrong:
            how = {"typ": RECEIPT_TYPE, "kid": "manual/1", "secret": owned.key().secret, **change}
            changed = {name: value for name, value in change.items() if name not in {"typ", "kid", "secret"}}
            said = lie(command, **changed)
            token = sign(said, typ=str(how["typ"]), kid=str(how["kid"]), secret=bytes(how["secret"]))  # type: ignore[arg-type]
            wire.say(RECEIPT, token)
        wire.say(RECEIPT, b"done")

    agent = AbsentAgent(owned, answer)
    assert ask(owned.sender(), wait=1.5).ending is Ending.NO_ANSWER
    assert len(agent.heard) == 1


def test_a_receipt_that_was_true_of_another_command_answers_no_other(owned: Home) -> None:
    """Holds: the broker; answers with a receipt that the agent signed for an older command, live and retained."""
    scene = Scene(owned)
    sender = owned.sender()
    assert ask(sender).ending is Ending.DONE
    old = scene.observer.wait_for(RECEIPT).payload
    scene.actuator.stop()

    def answer(wire: Wire, _command: dict[str, Any]) -> None:
        wire.say(RECEIPT, old)
        wire.say(RECEIPT, old, retained=True)
        wire.say(topics.receipt("omega", "lamp", "manual"), old)

    AbsentAgent(owned, answer)
    wait_until(lambda: sender._agents.is_online("omega"), "it seems to be back")
    assert ask(sender, wait=1.5).ending is Ending.NO_ANSWER


def test_a_retained_receipt_answers_nobody_who_comes_later(owned: Home) -> None:
    """Holds: the broker; keeps the receipt of a command to show it when the same message is heard again."""
    scene = Scene(owned)
    assert ask(owned.sender(), jti="the-same-message").ending is Ending.DONE
    token = scene.observer.wait_for(RECEIPT).payload
    scene.actuator.stop()
    AbsentAgent(owned, lambda *_: None).wire.publish(RECEIPT, token, retained=True)
    assert ask(owned.sender(), jti="the-same-message", wait=1.5).ending is Ending.NO_ANSWER


def test_the_nonce_of_another_agent_moves_nothing_and_is_told(make_home: Callable[..., Home]) -> None:
    """Holds: the broker; gives each agent's nonce out as the other's."""
    document = config()
    document["agents"]["garage"] = {"type": "relay", "runs": "simulated"}
    document["devices"]["gate"] = {"agent": "garage", "kind": "lock", "channel": 0, "locked": "released"}
    home = make_home(document=document, **OWNER_RIGHTS)
    scene = Scene(home)
    other = {"protocol": 1, "nonce": "B" * 22, "lifetime": 30}
    sender = home.sender()
    scene.owner_of_the_broker().publish(NONCE, json.dumps(other), retained=True)
    wait_until(lambda: (found := sender._agents.nonce("omega")) is not None and found.value == "B" * 22, "it is heard")
    answer = ask(sender)
    assert (answer.ending, answer.cause, answer.happened) == (Ending.REFUSED, Cause.UNKNOWN_NONCE, Happened.MAYBE)
    assert scene.bolt.count("unlock") == 0


@pytest.mark.parametrize(
    "nonce",
    [None, "", "A" * 21, "A" * 23, "A" * 21 + "\n", 5, {"a": 1}],
    ids=["withheld", "empty", "short", "long", "line", "number", "object"],
)
@pytest.mark.parametrize("broker_kind", ["mosquitto"])
def test_a_nonce_that_is_withheld_or_none_ends_in_nobody_listening(owned: Home, nonce: object) -> None:
    """Holds: the broker; says that the agent is there, and gives no nonce that could be signed over."""
    owner = owned.wire("broker-owner")
    owner.publish(ONLINE, "online", retained=True)
    if nonce is not None:
        document = json.dumps({"protocol": 1, "nonce": nonce, "lifetime": 30})
        owner.publish(NONCE, document, retained=True)
    sender = owned.sender(connect_seconds=0.5)
    answer = ask(sender)
    assert (answer.ending, answer.cause, answer.happened) == (Ending.NOBODY_LISTENING, Cause.NO_NONCE, Happened.NO)
    assert owner.commands() == []


def test_a_spoofed_availability_makes_no_done_of_an_agent_that_is_away(owned: Home) -> None:
    """Holds: the broker; says `online` for an agent that is away, and `offline` for one that is there."""
    AbsentAgent(owned, lambda *_: None)
    sender = owned.sender()
    answer = ask(sender, wait=1.0)
    assert (answer.ending, answer.happened) == (Ending.NO_ANSWER, Happened.MAYBE)
    scene = Scene(owned)
    scene.owner_of_the_broker().publish(ONLINE, "offline", retained=True)
    scene.observer.wait_for(ONLINE, lambda heard: heard.payload == b"offline")
    wait_until(lambda: scene.observer.on(ONLINE)[-1].payload == b"online", "the agent says that it is there")
    wait_until(lambda: ask(sender).ending is Ending.DONE, "it is asked again")


def test_a_forged_state_is_no_answer_to_somebody_who_asks(owned: Home) -> None:
    """Holds: the broker; shows a locked door while it is open."""
    scene = Scene(owned)
    assert ask(owned.sender()).ending is Ending.DONE
    owner = scene.owner_of_the_broker()
    owner.publish(STATE, '{"state":"locked","by":"manual:owner"}', retained=True)
    owner.publish(topics.status("omega"), '{"health":"ok"}', retained=True)
    answer = ask(owned.sender(), "status")
    assert (answer.ending, answer.state) == (Ending.DONE, State.UNLOCKED)


def test_a_receipt_or_state_under_another_login_reaches_nobody(home: Home) -> None:
    """Holds: another service's login at the broker; the access list lets it speak in no other name."""
    scene = Scene(home)
    thieves = [home.wire(name, filters=(f"latchwire/{name}/status",)) for name in ("whatsapp", "twitter")]
    scene.observer.messages.clear()
    for thief in thieves:
        for topic in (RECEIPT, STATE, ONLINE, NONCE, ALERT, topics.status("omega")):
            thief.say(topic, "forged")
            thief.say(topic, "forged", retained=True)
    scene.assert_nothing_moved()
    assert [heard for heard in scene.observer.messages if heard.payload == b"forged"] == []


def test_a_receipt_in_an_ingresss_own_subtree_is_not_believed(home: Home, caplog: pytest.LogCaptureFixture) -> None:
    """Holds: an ingress's login, and its key: it may publish receipts in its own subtree, as its own proof."""
    caplog.set_level(logging.INFO)
    scene = Scene(home)
    sender = home.sender("whatsapp")
    scene.bolt.gate.clear()
    answers: list[Answer] = []
    asking = threading.Thread(
        target=lambda: answers.append(
            sender.ask(agent="omega", device=DOOR, action="unlock", sub="whatsapp:test", wait=3.0)
        )
    )
    asking.start()
    wait_until(lambda: scene.observer.on(COMMAND) != [], "it is asked")
    command = claims_of(scene.observer.on(COMMAND)[-1].payload)
    key = home.key("whatsapp")
    for iss in ("omega/front-door", "whatsapp/front-door"):
        token = sign(lie(command, iss=iss), typ=RECEIPT_TYPE, kid=key.kid, secret=key.secret)
        home.wire("whatsapp", filters=("latchwire/whatsapp/status",)).publish(
            topics.receipt("whatsapp", DOOR, "whatsapp"), token
        )
    wait_until(lambda: "A receipt was not believed." in caplog.text, "it was heard and dropped")
    assert answers == []
    scene.bolt.gate.set()
    asking.join(10)
    assert [answer.ending for answer in answers] == [Ending.DONE]


def test_an_older_refusal_of_the_same_words_does_not_hide_that_they_were_done(home: Home) -> None:
    """Holds: the network; shows the refusal of an earlier try while a later one with the same id is being done."""
    scene = Scene(home)
    jti = "one-message-heard-twice"
    scene.thief.publish(COMMAND, home.token("C" * 22, jti=jti))
    refusal = scene.receipt()
    assert refusal.cause is Cause.UNKNOWN_NONCE
    old = scene.observer.wait_for(RECEIPT).payload
    scene.bolt.before = lambda _: home.wire("omega", filters=(ALERT,)).publish(RECEIPT, old)
    answer = ask(home.sender(), jti=jti)
    assert (answer.ending, scene.bolt.count("unlock")) == (Ending.DONE, 1)


def test_a_second_process_under_the_agents_name_can_silence_it_and_nothing_else(
    make_home: Callable[..., Home],
) -> None:
    """Holds: a stolen Omega's login; claims to be the agent, and older than it."""
    document = config()
    document["agents"]["omega"]["lifetime"] = 5
    scene = Scene(make_home(document=document), aside_seconds=0.5)
    stolen = scene.home.wire("omega", filters=(ALERT,))
    nonce = {"protocol": 1, "nonce": "D" * 22, "lifetime": 5}
    for up in ("9" * 400, '"1"', "true", "-1", "1e400"):  # none of these is an age
        stolen.publish(topics.status("omega"), f'{{"up":{up},"instance":"f"}}')
    scene.assert_nothing_moved()
    assert not scene.actuator._peers.is_aside
    stolen.publish(NONCE, json.dumps(nonce), retained=True)
    stolen.publish(topics.status("omega"), '{"up":999999,"instance":"f"}')
    assert scene.alert(Cause.DUPLICATE_AGENT)["count"] == 1
    assert not scene.actuator.health().ok
    answer = ask(scene.home.sender(), wait=1.0)
    assert answer.ending is Ending.NO_ANSWER
    assert scene.bolt.count("unlock") == 0
    wait_until(lambda: not scene.actuator._peers.is_aside, "it goes on when the other is silent", 20)
    wait_until(lambda: ask(scene.home.sender()).ending is Ending.DONE, "it is asked again")


def test_two_agents_of_one_name_do_no_command_twice(home: Home) -> None:
    """Holds: a copied disk; starts the same agent a second time with all of its keys."""
    scene = Scene(home)
    copy = Bolt()
    second = home.actuator({DOOR: copy, "lamp": Lamp()})
    wait_until(lambda: second._peers.is_aside or scene.actuator._peers.is_aside, "one stands aside")
    sender = home.sender()
    wait_until(lambda: ask(sender).ending is Ending.DONE, "the other is asked")
    assert scene.bolt.count("unlock") + copy.count("unlock") == 1
