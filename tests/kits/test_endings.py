"""The five endings of a command, and no sixth; each between a real sender, a real broker and a real agent."""

import json
import threading
from collections.abc import Callable

import pytest

from latchwire import topics
from latchwire.actuator import commands
from latchwire.model import Cause, Happened, Outcome, State
from latchwire.protocol.claims import Receipt, parse_command
from latchwire.protocol.token import RECEIPT, parse_claims, sign, split
from latchwire.sender import Answer, Ending, Sender
from support.broker import wait_until
from support.handlers import Bolt, Lamp, fault
from support.home import DOOR, PHONE, Home, config
from support.wire import Heard, Wire

NONCE = "AAAAAAAAAAAAAAAAAAAAAA"
ONLINE = topics.availability("omega")


def ask(sender: Sender, action: str = "unlock", device: str = DOOR, **options: float) -> Answer:
    return sender.ask(agent="omega", device=device, action=action, sub="manual:test", **options)  # type: ignore[arg-type]


def handlers(bolt: Bolt) -> dict[str, Bolt | Lamp]:
    return {DOOR: bolt, "lamp": Lamp()}


def says_online(home: Home, *, lifetime: int = 30) -> Wire:
    """Somebody who says that the agent is there, and hears commands, without being one."""
    agent = home.wire("omega", filters=("latchwire/omega/+/command",))
    agent.publish(ONLINE, "online", retained=True)
    agent.publish(topics.nonce("omega"), nonce_text(NONCE, lifetime), retained=True)
    return agent


def nonce_text(value: str, lifetime: int = 30) -> str:
    return json.dumps({"protocol": 1, "nonce": value, "lifetime": lifetime})


def receipt_for(home: Home, heard: Heard, cause: Cause | None, **more: object) -> str:
    """An agent's answer to a command, signed with the right key."""
    command = parse_command(parse_claims(split(heard.payload).payload), issuer="manual")
    receipt = Receipt(
        iss=command.aud, aud="manual", re=command.jti, sub=command.sub, act=command.act,
        outcome=Outcome.DONE if cause is None else cause.outcome, state=State.UNLOCKED, cause=cause,
        over=command.nonce if cause is Cause.STALE_NONCE else None,
    )._replace(**more)  # type: ignore[arg-type]  # fmt: skip
    key = home.key()
    return sign(receipt.to_claims(), typ=RECEIPT, kid=key.kid, secret=key.secret)


def nothing_passed(home: Home, observer: Wire) -> bool:
    """Whether no command was published: a marker that is published now is the only one that comes."""
    home.wire("whatsapp", filters=("latchwire/whatsapp/#",)).publish(topics.command("omega", "marker"), b"")
    observer.wait_for(topics.command("omega", "marker"))
    return [message.topic for message in observer.commands()] == [topics.command("omega", "marker")]


# ------------------------------------------------------------------------------------------ done


@pytest.mark.parametrize("mqtt5", [True, False], ids=["5", "3.1.1"])
def test_done_tells_what_was_read_back(home: Home, *, mqtt5: bool) -> None:
    bolt = Bolt()
    home.actuator(handlers(bolt), endpoint=home.endpoint(mqtt5=mqtt5))
    sender = home.sender(endpoint=home.endpoint(mqtt5=mqtt5))
    answer = ask(sender)
    assert (answer.ending, answer.state, answer.cause) == (Ending.DONE, State.UNLOCKED, None)
    assert bolt.state is State.UNLOCKED
    assert ask(sender, "status").state is State.UNLOCKED


def test_a_switch_without_a_toggle_of_its_own_is_toggled_from_what_it_is(home: Home) -> None:
    home.actuator(handlers(Bolt()))
    sender = home.sender()
    states = [(answer.state, answer.changed) for answer in (ask(sender, "toggle", "lamp") for _ in range(2))]
    assert states == [(State.ON, True), (State.OFF, True)]


def test_a_toggle_of_an_unlocked_door_says_that_it_changed_nothing(home: Home) -> None:
    bolt = Bolt()
    home.actuator(handlers(bolt))
    sender = home.sender()
    ask(sender, "unlock")
    answer = ask(sender, "toggle")
    assert (answer.ending, answer.changed, answer.state) == (Ending.DONE, False, State.UNLOCKED)


def test_an_ingress_lets_a_person_do_what_they_may_and_no_more(home: Home) -> None:
    bolt = Bolt()
    home.actuator(handlers(bolt))
    ingress = home.ingress()
    observer = home.wire()
    wait_until(lambda: ingress.health().ok, "the ingress is connected")
    assert ingress.ask(identity=PHONE, device=DOOR, action="unlock").ending is Ending.DONE
    observer.wait_for(topics.command("omega", DOOR))  # the observer may hear it after its receipt came
    passed = len(observer.commands())
    refused = [
        ingress.ask(identity=PHONE, device="lamp", action="on"),
        ingress.ask(identity="whatsapp:+15555550199", device=DOOR, action="unlock"),
        ingress.ask(identity=PHONE, device="no-such", action="unlock"),
    ]
    assert {(answer.ending, answer.cause, answer.happened) for answer in refused} == {
        (Ending.REFUSED, Cause.FORBIDDEN, Happened.NO)
    }
    home.wire("manual", filters=("latchwire/manual/#",)).publish(topics.command("omega", "marker"), b"")
    observer.wait_for(topics.command("omega", "marker"))
    assert len(observer.commands()) == passed + 1  # the marker


# --------------------------------------------------------------------------------------- refused


def test_an_agent_does_not_obey_an_issuer_beyond_what_its_own_configuration_says(
    make_home: Callable[..., Home],
) -> None:
    document = config()
    document["agents"]["omega"]["obeys"] = {"manual": ["lock"]}
    home = make_home(document=document)
    bolt = Bolt()
    home.actuator(handlers(bolt))
    answer = ask(home.sender())
    assert (answer.ending, answer.cause, answer.happened) == (Ending.REFUSED, Cause.FORBIDDEN, Happened.NO)
    assert bolt.count("unlock") == 0


def test_a_device_or_an_action_that_the_agent_does_not_have_is_refused(home: Home) -> None:
    home.actuator(handlers(Bolt()))
    sender = home.sender()
    assert ask(sender, device="cellar").cause in {Cause.UNKNOWN_DEVICE, Cause.FORBIDDEN}
    assert ask(sender, action="explode").cause is Cause.UNKNOWN_ACTION


def test_one_command_more_than_the_queue_holds_is_busy_and_the_others_are_done(home: Home) -> None:
    bolt = Bolt()
    home.actuator(handlers(bolt), deadline=30.0)
    sender = home.sender()
    bolt.gate.clear()
    answers: list[Answer] = []
    threads = [threading.Thread(target=lambda: answers.append(ask(sender))) for _ in range(commands.QUEUE + 1)]
    for thread in threads:
        thread.start()
    wait_until(lambda: bool(answers), "one is refused")
    assert [(answer.ending, answer.cause) for answer in answers] == [(Ending.REFUSED, Cause.BUSY)]
    bolt.gate.set()
    for thread in threads:
        thread.join(10)
    assert sum(answer.ending is Ending.DONE for answer in answers) == commands.QUEUE
    assert bolt.count("unlock") == commands.QUEUE


# ---------------------------------------------------------------------------------------- failed


@pytest.mark.parametrize("cause", [Cause.HARDWARE, Cause.OFFLINE, Cause.BAD_ANSWER, Cause.NOT_CONFIGURED])
def test_what_a_handler_could_not_do_is_failed_with_its_cause(home: Home, cause: Cause) -> None:
    bolt = Bolt()
    home.actuator(handlers(bolt))
    bolt.faults["unlock"] = fault(cause)
    answer = ask(home.sender())
    assert (answer.ending, answer.cause, answer.happened) == (Ending.FAILED, cause, cause.happened)


def test_a_door_that_reads_back_something_else_is_not_called_done(home: Home) -> None:
    bolt = Bolt()
    home.actuator(handlers(bolt))
    bolt.stuck = "unlock"
    answer = ask(home.sender())
    assert (answer.ending, answer.cause, answer.state) == (Ending.FAILED, Cause.NOT_CONFIRMED, State.LOCKED)


def test_an_unforeseen_fault_of_a_handler_is_internal_and_its_traceback_is_not_in_the_log(
    home: Home, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    bolt = Bolt()
    home.actuator(handlers(bolt))
    bolt.faults["unlock"] = ZeroDivisionError("a bug")
    sender = home.sender()
    answer = ask(sender)
    assert (answer.ending, answer.cause, answer.happened) == (Ending.FAILED, Cause.INTERNAL, Happened.MAYBE)
    assert "ZeroDivisionError" in caplog.text
    assert "Traceback" not in caplog.text
    bolt.faults.clear()
    assert ask(sender).ending is Ending.DONE


def test_an_action_beyond_its_deadline_is_a_timeout_and_the_state_tells_the_truth_later(home: Home) -> None:
    bolt = Bolt()
    home.actuator(handlers(bolt), deadline=0.3)
    observer, sender = home.wire(), home.sender()
    bolt.gate.clear()
    answer = ask(sender)
    assert (answer.ending, answer.cause, answer.happened) == (Ending.FAILED, Cause.TIMEOUT, Happened.MAYBE)
    state = topics.state("omega", DOOR)
    assert json.loads(observer.wait_for(state, lambda heard: b"unknown" in heard.payload).payload)["cause"] == "timeout"
    bolt.gate.set()
    assert json.loads(observer.wait_for(state, lambda heard: b'"unlocked"' in heard.payload).payload)["state"]
    assert json.loads(observer.on(state)[-1].payload) == {"state": "unlocked", "by": "manual:test"}


# ------------------------------------------------------------------------------ nobody listening


def test_without_a_broker_nobody_listens(home: Home) -> None:
    home.broker.stop()
    answer = ask(home.sender(connect_seconds=0.3))
    assert (answer.ending, answer.cause, answer.happened) == (Ending.NOBODY_LISTENING, Cause.NO_BROKER, Happened.NO)
    home.broker.start()
    assert nothing_passed(home, home.wire())


def test_an_agent_that_was_never_there_is_away_and_nothing_is_published(home: Home) -> None:
    observer = home.wire()
    answer = ask(home.sender(connect_seconds=0.3))
    assert (answer.ending, answer.cause) == (Ending.NOBODY_LISTENING, Cause.AWAY)
    assert nothing_passed(home, observer)


def test_a_message_whose_sender_was_told_that_nothing_will_be_done_is_not_done_when_it_is_heard_again(
    home: Home,
) -> None:
    sender, bolt = home.sender(connect_seconds=0.2), Bolt()
    first = sender.ask(agent="omega", device=DOOR, action="unlock", sub="manual:test", jti="the-same-message")
    assert first.ending is Ending.NOBODY_LISTENING
    home.actuator({DOOR: bolt, "lamp": Lamp()})
    wait_until(lambda: sender._agents.is_online("omega"), "the agent is there")
    again = sender.ask(agent="omega", device=DOOR, action="unlock", sub="manual:test", jti="the-same-message")
    assert again == first
    assert sender.ask(agent="omega", device=DOOR, action="lock", sub="manual:test").ending is Ending.DONE
    assert bolt.count("unlock") == 0


def test_an_agent_that_was_cut_off_is_away_by_its_will_and_nothing_is_published(home: Home) -> None:
    observer = home.wire()
    agent = home.wire("omega", filters=("latchwire/omega/+/command",), will=(ONLINE, "offline"))
    agent.publish(ONLINE, "online", retained=True)
    agent.publish(topics.nonce("omega"), nonce_text(NONCE), retained=True)
    sender = home.sender()
    wait_until(lambda: sender._agents.is_online("omega"), "the sender knows that it is there")
    agent.cut()
    wait_until(lambda: not sender._agents.is_online("omega"), "the sender knows of the will")
    answer = ask(sender)
    assert (answer.ending, answer.cause) == (Ending.NOBODY_LISTENING, Cause.AWAY)
    assert nothing_passed(home, observer)


def test_an_agent_without_a_nonce_is_not_asked(home: Home) -> None:
    observer = home.wire()
    home.wire("omega", filters=("latchwire/omega/+/command",)).publish(ONLINE, "online", retained=True)
    answer = ask(home.sender(connect_seconds=0.3))
    assert (answer.ending, answer.cause) == (Ending.NOBODY_LISTENING, Cause.NO_NONCE)
    assert nothing_passed(home, observer)


def test_an_issuer_without_a_key_for_the_agent_asks_nobody(home: Home) -> None:
    answer = home.sender().ask(agent="nobody", device=DOOR, action="unlock", sub="manual:test")
    assert (answer.ending, answer.cause, answer.happened) == (Ending.REFUSED, Cause.UNKNOWN_KEY, Happened.NO)


# ------------------------------------------------------------------------------------- no answer


def test_where_no_receipt_comes_there_is_no_answer_and_the_late_truth_follows_once(home: Home) -> None:
    agent, sender = says_online(home), home.sender()
    truth: list[Answer] = []
    answer = sender.ask(
        agent="omega", device=DOOR, action="unlock", sub="manual:test", wait=0.2, patience=10, on_late=truth.append
    )
    assert (answer.ending, answer.happened) == (Ending.NO_ANSWER, Happened.MAYBE)
    assert answer.until is not None
    assert 0 < answer.until <= 11
    receipt = receipt_for(home, agent.wait_for(topics.command("omega", DOOR)), None)
    for _ in range(2):
        agent.publish(topics.receipt("omega", DOOR, "manual"), receipt)
    wait_until(lambda: bool(truth), "the truth follows")
    ask(home.sender("whatsapp"), wait=0.2, patience=1)  # time for a second one, if there were one
    assert [(late.ending, late.state) for late in truth] == [(Ending.DONE, State.UNLOCKED)]


@pytest.mark.parametrize(
    "change",
    [
        {"iss": "omega/lamp"}, {"aud": "whatsapp"}, {"re": "another-command-1"},
    ],
    ids=lambda change: next(iter(change)),
)  # fmt: skip
def test_a_receipt_for_something_else_is_not_believed(home: Home, change: dict[str, str]) -> None:
    agent, sender = says_online(home), home.sender()
    agent.answer(
        lambda heard: agent.say(topics.receipt("omega", DOOR, "manual"), receipt_for(home, heard, None, **change))
    )
    assert ask(sender, wait=0.5, patience=0.5).ending is Ending.NO_ANSWER


def test_a_receipt_that_nobody_signed_or_that_the_broker_kept_is_not_believed(home: Home) -> None:
    agent, sender = says_online(home), home.sender()

    def forge(heard: Heard) -> None:
        receipt = receipt_for(home, heard, None)
        agent.say(topics.receipt("omega", DOOR, "manual"), receipt[:-4] + "AAAA")
        agent.say(topics.receipt("omega", "lamp", "manual"), receipt)
        agent.say(topics.receipt("omega", DOOR, "manual"), receipt, retained=True)

    agent.answer(forge)
    assert ask(sender, wait=0.5, patience=0.5).ending is Ending.NO_ANSWER


def test_a_command_expires_at_the_broker_when_its_sender_waits_no_longer(home: Home) -> None:
    observer = home.wire()
    agent = says_online(home)
    ask(home.sender(), wait=0.2, patience=7)
    expiry = observer.wait_for(topics.command("omega", DOOR)).expiry
    assert expiry is not None
    assert 6 <= expiry <= 7
    claims = parse_claims(split(agent.wait_for(topics.command("omega", DOOR)).payload).payload)
    assert claims["until"] in {7, 8}


def test_the_same_message_heard_twice_is_one_command_also_when_the_agent_went_away(home: Home) -> None:
    agent, sender = says_online(home), home.sender(connect_seconds=0.3)
    jti = "derived-from-a-message-id"
    said = {"agent": "omega", "device": DOOR, "action": "unlock", "sub": "manual:test", "jti": jti}
    assert sender.ask(**said, wait=0.2, patience=20).ending is Ending.NO_ANSWER  # type: ignore[arg-type]
    agent.publish(ONLINE, "offline", retained=True)
    wait_until(lambda: not sender._agents.is_online("omega"), "the sender knows")
    assert ask(sender).ending is Ending.NOBODY_LISTENING
    assert sender.ask(**said, wait=0.2).ending is Ending.NO_ANSWER  # type: ignore[arg-type]
    agent.publish(topics.receipt("omega", DOOR, "manual"), receipt_for(home, agent.commands()[0], None))
    assert sender.ask(**said, wait=5).ending is Ending.DONE  # type: ignore[arg-type]
    assert sender.ask(**said).ending is Ending.DONE  # type: ignore[arg-type]
    assert len(agent.commands()) == 1


# ------------------------------------------------------------------------------ stale, once again


def refuse_first(home: Home, agent: Wire, nonce: str = "BBBBBBBBBBBBBBBBBBBBBB") -> None:
    """Answers the first command with stale-nonce and the current nonce, and the second with done."""

    def answer(heard: Heard) -> None:
        first = len(agent.commands()) == 1
        more = {"nonce": nonce, "age": 300 if nonce == NONCE else 0} if first else {}
        receipt = receipt_for(home, heard, Cause.STALE_NONCE if first else None, **more)
        agent.say(topics.receipt("omega", DOOR, "manual"), receipt)

    agent.answer(answer)


def test_a_stale_command_is_tried_once_again_over_the_nonce_that_the_refusal_names(home: Home) -> None:
    agent, sender = says_online(home), home.sender()
    refuse_first(home, agent)
    assert ask(sender).ending is Ending.DONE
    first, second = (parse_claims(split(heard.payload).payload) for heard in agent.commands())
    assert (first["jti"], first["nonce"], second["nonce"]) == (second["jti"], NONCE, "BBBBBBBBBBBBBBBBBBBBBB")


def test_a_stale_toggle_is_not_tried_again(home: Home) -> None:
    agent, sender = says_online(home), home.sender()
    refuse_first(home, agent)
    answer = ask(sender, "toggle")
    assert (answer.ending, answer.cause, answer.happened) == (Ending.REFUSED, Cause.STALE_NONCE, Happened.NO)
    assert len(agent.commands()) == 1


def test_a_stale_command_is_not_tried_again_over_the_same_nonce(home: Home) -> None:
    agent, sender = says_online(home), home.sender()
    refuse_first(home, agent, NONCE)
    answer = ask(sender, patience=1)
    assert (answer.ending, answer.cause) == (Ending.REFUSED, Cause.STALE_NONCE)
    agent.publish(topics.nonce("omega"), nonce_text("CCCCCCCCCCCCCCCCCCCCCC"), retained=True)
    ask(sender, "status", wait=0.3, patience=0.3)
    actions = [parse_claims(split(heard.payload).payload)["act"] for heard in agent.commands()]
    assert actions == ["unlock", "status"]  # and not once more after the person was told


def test_a_stale_command_waits_for_another_nonce_while_its_sender_does(home: Home) -> None:
    agent, sender = says_online(home), home.sender()
    refuse_first(home, agent, NONCE)
    answers: list[Answer] = []
    thread = threading.Thread(target=lambda: answers.append(ask(sender, patience=8)))
    thread.start()
    agent.wait_for(topics.command("omega", DOOR))
    agent.publish(topics.nonce("omega"), nonce_text("CCCCCCCCCCCCCCCCCCCCCC"), retained=True)
    thread.join(10)
    assert [answer.ending for answer in answers] == [Ending.DONE]


def test_a_nonce_that_came_before_the_refusal_is_another_one_too(home: Home) -> None:
    agent, sender = says_online(home), home.sender()
    observer = home.wire(filters=(topics.nonce("omega"),))

    def answer(heard: Heard) -> None:
        if len(agent.commands()) == 1:
            agent.say(topics.nonce("omega"), nonce_text("C" * 22), retained=True)
            refusal = receipt_for(home, heard, Cause.STALE_NONCE, nonce=NONCE, age=300)
            agent.say(topics.receipt("omega", DOOR, "manual"), refusal)
        else:
            agent.say(topics.receipt("omega", DOOR, "manual"), receipt_for(home, heard, None))

    agent.answer(answer)
    assert ask(sender, patience=8).ending is Ending.DONE
    wait_until(lambda: b"CCCC" in observer.on(topics.nonce("omega"))[-1].payload, "the other nonce was published")


def test_a_second_refusal_that_may_be_a_copy_of_the_first_is_not_believed(home: Home) -> None:
    agent, sender = says_online(home), home.sender()
    agent.answer(
        lambda heard: agent.say(
            topics.receipt("omega", DOOR, "manual"),
            receipt_for(home, heard, Cause.STALE_NONCE, nonce="B" * 22, age=0),
        )
    )
    answer = ask(sender, patience=1)
    assert answer.ending is Ending.NO_ANSWER
    assert len(agent.commands()) == 2
