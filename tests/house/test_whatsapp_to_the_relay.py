"""From a message on WhatsApp to the relay's register and back: the real programs, a real broker, a simulated board.

The relay of ``front-door`` is released while the door is locked, so a closed relay is an unlocked door.
"""

import json
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from latchwire import topics
from latchwire.model import Outcome, State
from latchwire.protocol.claims import Command, Receipt, parse_command
from latchwire.protocol.token import COMMAND, RECEIPT, encode_part, parse_claims, sign, split
from latchwire_whatsapp_webhook.say import EXAMPLE_ACCOUNT, form
from support.broker import wait_until
from support.home import DOOR
from support.house import JANE, TOKEN, TWILIO_SECONDS, House, Reply, crowd, example
from support.twilio_rest import FakeTwilio
from support.wire import Heard, Wire

CROWD = 64
DONE = "Done: the front door is unlocked (simulated)."
READY = "Connected, and ready to ask"
COMMANDS = topics.command("omega", DOOR)


def document() -> dict[str, Any]:
    config = example()
    config["devices"] |= {
        "shed": {"agent": "omega", "kind": "lock", "channel": 1, "locked": "released", "toggleSeconds": 1,
                 "relockAfterSeconds": 2, "names": ["Schuppen"]},
    }  # fmt: skip
    config["people"]["john"]["may"]["shed"] = "*"
    config["words"] = {"unlock": ["öffne"], "ignore": ["bitte", "den"], "help": ["hilfe"], "list": ["liste"]}
    return config


@pytest.fixture(scope="module")
def twilio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FakeTwilio]:
    with FakeTwilio(folder=tmp_path_factory.mktemp("twilio"), account=EXAMPLE_ACCOUNT, token=TOKEN) as fake:
        yield fake


@pytest.fixture(scope="module")
def numbers() -> Iterator[str]:
    """Telephones of people who may work the front door; each test takes its own, for there is a limit to each."""
    return iter(crowd(document(), CROWD))


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, twilio: FakeTwilio) -> Iterator[House]:
    config = document()
    crowd(config, CROWD)
    house = House(
        folder=tmp_path_factory.mktemp("house"), document=config, variables={"TWILIO_ACCOUNT_SID": EXAMPLE_ACCOUNT}
    )
    try:
        house.start("relay-agent")
        house.start("whatsapp-webhook", **twilio.environment)
        yield house
    finally:
        house.close()


@pytest.fixture
def house(running: House) -> House:
    """The house, its door locked."""
    if running.relay_is_closed():
        assert running.command_line("send", "front-door", "lock").returncode == 0
    assert not running.relay_is_closed()
    return running


def test_unlock_the_front_door_flips_the_register_and_the_reply_says_what_was_read_back(
    house: House, numbers: Iterator[str]
) -> None:
    john = next(numbers)
    assert house.whatsapp("Unlock the front door", john).words == DONE
    assert house.relay_is_closed()
    assert house.whatsapp("is the door locked?", john).words == "The front door is unlocked (simulated)."
    assert house.whatsapp("lock the door!", john).words == "Done: the front door is locked (simulated)."
    assert not house.relay_is_closed()


def test_a_message_without_a_good_signature_gets_403_and_moves_nothing(house: House, numbers: Iterator[str]) -> None:
    body = "&".join(f"{name}={value}" for name, value in form("unlock", sender=next(numbers)).items()).encode()
    for headers in ({}, {"X-Twilio-Signature": "AAAAAAAAAAAAAAAAAAAAAAAAAAA="}):
        request = urllib.request.Request(house.webhook, body, headers)  # noqa: S310 - our own
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(request, timeout=15)  # noqa: S310 - our own
        refused.value.close()
        assert refused.value.code == 403
    assert not house.relay_is_closed()


def test_a_stranger_learns_nothing_and_the_log_has_the_line_that_would_let_them_in(house: House) -> None:
    reply = house.whatsapp("unlock the front door", "+15555559999")
    assert reply.words == ""
    assert "<Message" not in reply.twiml
    house.wait_for_log("whatsapp-webhook", r'"somebody": {"whatsapp": "\+15555559999"')
    assert not house.relay_is_closed()


def test_who_may_only_lock_cannot_unlock(house: House) -> None:
    assert "This is not allowed." in house.whatsapp("unlock the front door", JANE).words
    assert not house.relay_is_closed()


def test_an_unlock_with_a_relock_tells_when_it_locks_and_it_does(house: House) -> None:
    assert house.whatsapp("unlock the shed").words == (
        "Done: the shed is unlocked (simulated). It locks again in 2 seconds."
    )
    assert house.relay_is_closed(1)
    house.wait_for_relay(closed=False, channel=1)
    assert house.whatsapp("toggle the shed").words == (
        "Done: the shed is unlocked (simulated). It locks again in 1 second."
    )
    house.wait_for_relay(closed=False, channel=1)


def test_words_of_another_language_come_from_the_configuration(house: House) -> None:
    assert house.whatsapp("Öffne bitte den Schuppen").words.startswith("Done: the shed is unlocked")
    assert house.whatsapp("hilfe").words.startswith("Write what you want")
    assert house.whatsapp("Liste").words.startswith("You may use:")
    assert "I did nothing" in house.whatsapp("Öffne nicht den Schuppen").words
    house.wait_for_relay(closed=False, channel=1)


def test_the_same_request_moves_nothing_again_and_gets_the_first_answer_whoever_was_restarted(
    house: House, numbers: Iterator[str], twilio: FakeTwilio
) -> None:
    john = next(numbers)
    request = form("Unlock the front door", sender=john)
    first = house.post(request)
    assert first.words == DONE
    house.whatsapp("lock", john)

    def again() -> None:
        observer = house.wire()
        assert house.post(request).twiml == first.twiml
        assert observer.commands() == []
        assert not house.relay_is_closed()
        observer.close()

    again()
    house.kill("whatsapp-webhook")
    house.start("whatsapp-webhook", **twilio.environment)
    again()
    for program in ("whatsapp-webhook", "relay-agent"):
        house.kill(program)
    house.broker.kill()
    house.broker.start()
    house.start("relay-agent")
    house.start("whatsapp-webhook", **twilio.environment)
    again()
    assert house.whatsapp("Unlock the front door", john).words == DONE


def test_who_was_taken_out_of_the_file_is_refused_within_seconds(house: House, numbers: Iterator[str]) -> None:
    john = next(numbers)
    before = json.loads(house.places.config.read_text("utf-8"))
    assert house.whatsapp("is the door locked?", john).words == "The front door is locked (simulated)."
    after = json.loads(json.dumps(before))
    del after["people"][f"n{john[1:]}"]
    house.write_config(after)  # by renaming, as editors do
    try:
        wait_until(lambda: house.whatsapp("is the door locked?", john).words == "", "a stranger now", 5)
        assert house.whatsapp("unlock the front door", john).words == ""
        assert not house.relay_is_closed()
    finally:
        house.write_config(before)
    wait_until(lambda: house.whatsapp("lock", john).words != "", "let in again", 5)


def test_a_broken_file_is_told_and_the_old_people_stay(house: House, numbers: Iterator[str]) -> None:
    john = next(numbers)
    before = house.places.config.read_text("utf-8")
    house.write_config(before[:-20])
    try:
        house.wait_for_log("whatsapp-webhook", r"config\.json: line [0-9]+, column [0-9]+: ")  # though nobody writes
        assert house.whatsapp("Unlock the front door", john).words == DONE
    finally:
        house.write_config(before)


def test_a_new_token_counts_within_seconds_and_the_old_one_no_more(house: House, numbers: Iterator[str]) -> None:
    john, new = next(numbers), "demo-token-after-the-change"
    before = house.places.env.read_text("utf-8")
    starts = house.log("whatsapp-webhook").count(READY)
    house.places.env.write_text(before.replace(TOKEN, new), "utf-8")
    try:
        house.wait_for_log("whatsapp-webhook", READY, times=starts + 1)
        with pytest.raises(urllib.error.HTTPError) as refused:
            house.whatsapp("Unlock the front door", john)
        refused.value.close()
        assert house.post(form("is it locked?", sender=john), token=new).words.startswith("The front door is locked")
    finally:
        house.places.env.write_text(before, "utf-8")
        house.reload("whatsapp-webhook")
        house.wait_for_log("whatsapp-webhook", READY, times=starts + 2)


# ------------------------------------------------------------------------------------ what the agent does not say


class FalseAgent:
    """A process at the broker with the agent's login, as its owner could run one; answers as a test wants."""

    def __init__(self, house: House, answer: Callable[["FalseAgent", Command], list[tuple[str, str]]]) -> None:
        self.house = house
        self.heard: list[Command] = []
        self._answer = answer
        self._wire: Wire = house.wire("omega", filters=("latchwire/omega/+/command",))
        self._wire.answer(self._on_command)
        nonce = {"protocol": 1, "nonce": "A" * 22, "lifetime": 30}
        self._wire.publish(topics.nonce("omega"), json.dumps(nonce), retained=True)
        self._wire.publish(topics.availability("omega"), "online", retained=True)

    def _on_command(self, heard: Heard) -> None:
        if heard.topic == COMMANDS:
            command = parse_command(parse_claims(split(heard.payload).payload), issuer="whatsapp")
            self.heard.append(command)
            for topic, payload in self._answer(self, command):
                self._wire.say(topic, payload)

    def leave(self) -> None:
        self._wire.publish(topics.availability("omega"), "offline", retained=True)
        self._wire.close()

    def receipt(self, command: Command, *, typ: str = RECEIPT, issuer: str = "whatsapp", **claims: Any) -> str:
        """A receipt that says done, signed with the key that ``issuer`` and the agent share."""
        said = Receipt(command.aud, "whatsapp", command.jti, command.sub, command.act, Outcome.DONE, State.UNLOCKED)
        key = self.house.key(issuer)
        return sign(said._replace(**claims).to_claims(), typ=typ, kid=key.kid, secret=key.secret)


def forgeries(agent: FalseAgent, command: Command) -> list[tuple[str, str]]:
    """Everything that somebody without the key, or with another one, could say."""
    here = topics.receipt("omega", DOOR, "whatsapp")
    good = agent.receipt(command)
    header, claims, signature = good.split(".")
    unsigned = encode_part(b'{"alg":"none","typ":"receipt+jwt","kid":"whatsapp/1"}').decode()
    wrong_key = sign(
        parse_claims(split(good.encode()).payload), typ=RECEIPT, kid="whatsapp/1", secret=b"another key that is long"
    )
    return [
        (here, f"{header}.{claims}."),
        (here, f"{unsigned}.{claims}.{signature}"),
        (here, f"{header}.{claims}.{signature[::-1]}"),
        (here, wrong_key),
        (here, agent.receipt(command, typ=COMMAND)),
        (here, agent.receipt(command, issuer="manual")),
        (here, agent.receipt(command, re="somebody-elses-command")),
        (here, agent.receipt(command, aud="manual")),
        (here, agent.receipt(command, iss="omega/shed")),
        (topics.receipt("omega", "shed", "whatsapp"), good),
        (here, "unlocked"),
        (here, '{"outcome":"done","state":"unlocked"}'),
        (topics.state("omega", DOOR), '{"state":"unlocked"}'),
    ]


def test_a_forged_receipt_and_a_withheld_one_are_no_done(
    house: House, numbers: Iterator[str], twilio: FakeTwilio
) -> None:
    john, jim = next(numbers), next(numbers)
    house.end("relay-agent")
    agent = FalseAgent(house, forgeries)
    try:
        reply = house.whatsapp("Unlock the front door", john)
        assert len(agent.heard) == 1, house.log("whatsapp-webhook")
        assert "unlocked" not in reply.words
        assert reply.words.startswith("I passed it on, but no answer came yet. It may have happened, or may still")
        assert reply.seconds < TWILIO_SECONDS
        # One line for each cause in ten seconds: no key, no good signature, malformed, and not for its topic.
        assert house.log("whatsapp-webhook").count("A receipt was not believed.") >= 4
        assert twilio.told(john) == []
        agent._answer = lambda agent, command: [
            *forgeries(agent, command),
            (topics.receipt("omega", DOOR, "whatsapp"), agent.receipt(command, state=State.UNLOCKED)),
        ]
        assert house.whatsapp("Unlock the front door", jim).words == "Done: the front door is unlocked."
    finally:
        agent.leave()
        house.start("relay-agent")


def test_sixty_four_people_at_once_are_told_in_time_while_the_agent_is_dead(house: House) -> None:
    house.kill("relay-agent")
    try:
        replies = at_once(house, "Unlock the front door")
        assert {reply.words for reply in replies} == {
            (
                "Nothing was done, and nothing will be: nobody is listening. The agent that works this device is not "
                "connected. Start it, or look at its power and its network."
            )
        }
        assert max(reply.seconds for reply in replies) < TWILIO_SECONDS
    finally:
        house.start("relay-agent")
    assert not house.relay_is_closed()


def test_sixty_four_people_at_once_are_told_in_time_while_the_agent_hangs_and_the_truth_follows(
    house: House, twilio: FakeTwilio
) -> None:
    told_before = len(twilio.sent)
    house.pause("relay-agent")
    try:
        replies = at_once(house, "Unlock the front door")
    finally:
        house.resume("relay-agent")
    for reply in replies:
        assert reply.seconds < TWILIO_SECONDS
        assert reply.words.startswith("I passed it on, but no answer came yet. It may have happened, or may still")
        assert reply.words.endswith("I write again when the answer comes.")
    wait_until(lambda: len(twilio.sent) - told_before == len(replies), "the truth follows, to everybody", 15)
    news = [form["Body"].removeprefix("Later news of “unlock front door”: ") for form in twilio.sent[told_before:]]
    done = [text for text in news if text.startswith("Done: the front door is unlocked")]
    refused = [text for text in news if "it was refused. The device has too much to do" in text]
    assert len(done) >= 1  # a door's queue is short: who came behind it is told so, and the door is open all the same
    assert len(done) + len(refused) == len(replies)
    assert house.relay_is_closed()


def test_an_agent_that_is_killed_before_its_receipt_leaves_a_maybe_and_a_locked_door(
    house: House, numbers: Iterator[str]
) -> None:
    john = next(numbers)
    observer = house.wire()
    house.pause("relay-agent")
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(house.whatsapp, "Unlock the front door", john)
        wait_until(lambda: bool(observer.commands()), "the command was published")
        house.kill("relay-agent")
        reply = asked.result(TWILIO_SECONDS)
    assert "may have happened" in reply.words
    assert "unlocked" not in reply.words
    house.start("relay-agent")
    assert house.whatsapp("is the door locked?", john).words == "The front door is locked (simulated)."
    assert not house.relay_is_closed()


def test_without_a_broker_the_answer_is_honest_and_afterwards_all_goes_on_by_itself(
    house: House, numbers: Iterator[str]
) -> None:
    john = next(numbers)
    house.broker.stop()
    try:
        reply = house.whatsapp("Unlock the front door", john)
        assert reply.words.startswith("Nothing was done, and nothing will be: nobody is listening. The broker cannot")
        healthy, told = house.healthy("whatsapp-webhook")
        assert not healthy
        assert "No connection to the broker" in told
    finally:
        house.broker.start()
    assert not house.relay_is_closed()
    wait_until(lambda: house.whatsapp("is it locked?", john).words == "The front door is locked (simulated).", "on", 20)
    assert not house.relay_is_closed()


def test_a_memory_that_cannot_be_written_opens_no_door_and_says_so(house: House, numbers: Iterator[str]) -> None:
    john = next(numbers)
    memory = house.places.data / "whatsapp.sqlite3"
    kept = memory.with_suffix(".kept")
    memory.rename(kept)
    try:
        assert house.whatsapp("Unlock the front door", john).words.startswith("I did nothing: I cannot write down")
        assert not house.relay_is_closed()
    finally:
        kept.rename(memory)
    assert house.whatsapp("Unlock the front door", john).words == DONE


def at_once(house: House, text: str) -> list[Reply]:
    """All of the crowd write this at the same moment."""
    people = crowd(document(), CROWD)
    with ThreadPoolExecutor(CROWD) as pool:
        return list(pool.map(lambda number: house.whatsapp(text, number), people))
