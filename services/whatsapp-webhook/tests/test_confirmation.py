"""Confirmations in the chat: signed requests to the real server, the real kit, a real broker, a lock in memory.

What is typed is what people type; every test that opens the door also says what would not have opened it.
"""

import copy
import http.client
import logging
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any
from urllib.parse import urlencode

import pytest

from latchwire.config.environment import environment
from latchwire.confirmation import Confirming, Pins, hashes
from latchwire.kit.ingress import Ingress
from latchwire_whatsapp_webhook import replies
from latchwire_whatsapp_webhook.app import Signing, create_app
from latchwire_whatsapp_webhook.asking import Asking
from latchwire_whatsapp_webhook.conversation import Conversation
from latchwire_whatsapp_webhook.household import Household
from latchwire_whatsapp_webhook.journal import Journal
from latchwire_whatsapp_webhook.limits import RateLimit
from latchwire_whatsapp_webhook.say import form, signed, words_of
from latchwire_whatsapp_webhook.server import Server, listen
from support.broker import wait_until
from support.handlers import Bolt, Lamp
from support.home import CONFIG, DOOR, Home

TOKEN, PUBLIC = "a token of these tests", "https://door.example.com"
JOHN, JANE = "+15555550100", "+15555550101"
ASKED = "Reply YES within a minute to unlock the front door."
ASKED_PIN = "Reply with your PIN within a minute to unlock the front door, and then delete that message."
CANCELLED = "Cancelled: I did not unlock the front door."
DONE = "Done: the front door is unlocked."


class Clock:
    time = 100.0

    def __call__(self) -> float:
        return self.time


class Chat:
    """A home with a webhook in it, and who writes to it."""

    def __init__(self, make_home: Callable[..., Home], stack: ExitStack) -> None:
        self.document = copy.deepcopy(dict(CONFIG))
        self.document["devices"][DOOR]["confirm"] = ["unlock"]
        self.document["people"]["john"]["may"] = "*"
        self.document["people"]["jane"] = {"whatsapp": JANE, "may": "*"}
        self.document["words"] = {"yes": ["ja", "aber sicher"], "ignore": ["bitte"]}
        self.home, self.stack = make_home(document=self.document), stack
        self.bolt, self.clock = Bolt(), Clock()
        self.limit: RateLimit | None = None
        self.home.actuator({DOOR: self.bolt, "lamp": Lamp()})
        self.start()

    def start(self) -> None:
        """Starts the webhook, as a new process would."""
        places, running = self.home.places, ExitStack()
        self.running = self.stack.enter_context(running)
        variables = environment(places.state)
        self.ingress = Ingress(issuer="whatsapp", service="test", places=places, variables=variables, asks_back=True)
        self.ingress._confirming = Confirming(Pins(places), clock=self.clock)
        household, journal = Household(self.ingress), Journal(path=places.data / "whatsapp.sqlite3")
        asking = Asking(ask=household.ask)
        conversation = Conversation(journal=journal, who=household.who, asking=asking, ask_back=household,
                                    limit=self.limit)  # fmt: skip
        app = create_app(conversation=conversation, signing=Signing(TOKEN, "", PUBLIC))
        self.server = Server(app, listener=listen("127.0.0.1", 0))
        self.ingress.start()
        self.server.start()
        for end in (self.ingress.stop, journal.close, asking.stop, self.server.stop):
            running.callback(end)
        wait_until(lambda: self.ingress.health().ok, "the ingress is ready")

    def restart(self) -> None:
        self.running.close()
        self.start()

    def post(self, fields: dict[str, str]) -> str:
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=20)
        try:
            headers = signed(fields, url=f"{PUBLIC}/whatsapp", token=TOKEN)
            connection.request("POST", "/whatsapp", urlencode(fields).encode(), headers)
            response = connection.getresponse()
            assert response.status == 200
            return words_of(response.read().decode())
        finally:
            connection.close()

    def says(self, text: str, sender: str = JOHN) -> str:
        return self.post(form(text, sender=sender))

    def change(self, change: Callable[[dict[str, Any]], object]) -> None:
        change(self.document)
        self.home.write_config(self.document)

    def pin(self, **pins: str) -> None:
        self.home.places.pins.touch(0o600)
        written = {person: hashes.hashed(pin, cost=(2, 8, 1)) for person, pin in pins.items()}
        self.home.places.pins.write_text(hashes.written(written))

    @property
    def opened(self) -> int:
        return self.bolt.count("unlock")


@pytest.fixture
def chat(make_home: Callable[..., Home]) -> Iterator[Chat]:
    with ExitStack() as stack:
        yield Chat(make_home, stack)


# ------------------------------------------------------------------------------------------------------------- YES


@pytest.mark.parametrize("yes", ["YES", "yes", "Yes!", "y", "yes please 🙏", "ja", "Ja bitte!", "Aber sicher"])
def test_a_yes_opens_the_door_that_was_asked_about(chat: Chat, yes: str) -> None:
    assert chat.says("unlock the front door") == ASKED
    assert chat.opened == 0
    assert chat.says(yes) == DONE
    assert chat.says(yes) == replies.NOTHING_TO_CONFIRM
    assert chat.opened == 1


@pytest.mark.parametrize("no", ["ok", "👍", "yes?", "yes or no", "yes no", "yesterday", "oui", "yes lamp", "1", ""])
def test_what_is_no_clear_yes_opens_nothing_and_ends_the_question(chat: Chat, no: str) -> None:
    chat.says("unlock the front door")
    assert chat.says(no).startswith(CANCELLED)
    assert chat.says("yes") == replies.NOTHING_TO_CONFIRM
    assert chat.opened == 0


@pytest.mark.parametrize("no", ["no", "No!", "stop", "cancel", "nein"])
def test_a_no_is_answered_by_nothing_more_than_that_it_is_off(chat: Chat, no: str) -> None:
    chat.says("unlock the front door")
    assert chat.says(no) == CANCELLED
    assert chat.opened == 0


def test_a_toggle_is_no_way_around_and_locking_takes_no_confirmation(chat: Chat) -> None:
    assert chat.says("toggle the front door") == "Reply YES within a minute to toggle the front door."
    assert chat.says("lock the front door") == (
        "Cancelled: I did not toggle the front door. Done: the front door is locked."
    )
    assert chat.opened == 0


def test_another_command_takes_the_place_of_the_question_and_says_so(chat: Chat) -> None:
    chat.says("unlock the front door")
    assert chat.says("turn on the lamp") == f"{CANCELLED} Done: the lamp is on."
    assert chat.says("yes") == replies.NOTHING_TO_CONFIRM
    chat.says("unlock the front door")
    assert chat.says("toggle the door") == f"{CANCELLED} Reply YES within a minute to toggle the front door."
    assert chat.says("unlock the front door") == f"Cancelled: I did not toggle the front door. {ASKED}"
    assert chat.says("unlock the front door") == ASKED, "the same again is asked again"
    assert chat.opened == 0
    assert chat.says("yes") == DONE


def test_after_a_minute_a_yes_is_too_late(chat: Chat) -> None:
    chat.says("unlock the front door")
    chat.clock.time += 61
    assert chat.says("yes") == (
        "That came more than a minute after I asked, so I did nothing. Say again what you want."
    )
    assert chat.says("yes") == replies.NOTHING_TO_CONFIRM
    assert chat.opened == 0


def test_each_person_confirms_their_own_question_alone(chat: Chat) -> None:
    assert chat.says("unlock the front door") == ASKED
    assert chat.says("yes", JANE) == replies.NOTHING_TO_CONFIRM
    assert chat.says("unlock the front door", JANE) == ASKED
    assert chat.says("no", JANE) == CANCELLED
    assert chat.says("yes", "+15555550199") == "", "a stranger learns nothing"
    assert chat.opened == 0
    assert chat.says("yes") == DONE


def test_a_forwarded_yes_and_a_picture_do_not_count_and_end_the_question(chat: Chat) -> None:
    for more in ({"Forwarded": "true"}, {"NumMedia": "1", "Body": ""}):
        chat.says("unlock the front door")
        assert chat.post(form("yes", sender=JOHN) | more).startswith(CANCELLED)
        assert chat.says("yes") == replies.NOTHING_TO_CONFIRM
    assert chat.opened == 0


def test_a_repeated_question_opens_no_second_one_and_a_repeated_yes_does_nothing_twice(chat: Chat) -> None:
    question, yes = form("unlock the front door", sender=JOHN), form("yes", sender=JOHN)
    assert chat.post(question) == ASKED
    assert chat.post(yes) == DONE
    assert chat.post(yes) == DONE, "the first answer, from memory"
    assert chat.says("lock the door").startswith("Done")
    assert chat.post(question) == ASKED
    assert chat.says("yes") == replies.NOTHING_TO_CONFIRM, "the repeated request asked for nothing"
    assert chat.post(yes) == DONE
    assert chat.opened == 1


def test_a_repeated_question_does_not_end_the_one_that_is_open_nor_begin_its_minute_anew(chat: Chat) -> None:
    question = form("unlock the front door", sender=JOHN)
    chat.post(question)
    chat.clock.time += 50
    assert chat.post(question) == ASKED
    chat.clock.time += 11
    assert chat.says("yes").startswith("That came more than a minute")
    assert chat.opened == 0


def test_ten_yes_at_once_are_one(chat: Chat) -> None:
    chat.says("unlock the front door")
    with ThreadPoolExecutor(10) as pool:
        said = list(pool.map(lambda _: chat.says("yes"), range(10)))
    assert sorted(said) == sorted([DONE, *[replies.NOTHING_TO_CONFIRM] * 9])
    assert chat.opened == 1


def test_many_messages_of_one_person_at_once_open_no_more_than_was_asked_and_confirmed(chat: Chat) -> None:
    said = ["unlock the front door", "yes", "no", "yes"] * 2
    with ThreadPoolExecutor(len(said)) as pool:
        replied = list(pool.map(chat.says, said))
    done = sum(reply.startswith("Done: the front door is unlocked") for reply in replied)
    asked = sum(reply.endswith(ASKED) for reply in replied)
    assert asked == 2
    assert chat.opened == done <= asked
    chat.says("no")
    assert chat.says("yes") == replies.NOTHING_TO_CONFIRM


def test_a_restart_forgets_the_question(chat: Chat) -> None:
    chat.says("unlock the front door")
    chat.restart()
    assert chat.says("yes") == replies.NOTHING_TO_CONFIRM
    assert chat.opened == 0


def test_who_was_suspended_between_question_and_yes_opens_nothing_then_or_later(chat: Chat) -> None:
    chat.says("unlock the front door")
    chat.change(lambda it: it["people"]["john"].update(suspended=True))
    assert chat.says("yes") == f"{CANCELLED} {replies.NOTHING_TO_USE}"
    chat.change(lambda it: it["people"]["john"].update(suspended=False))
    assert chat.says("yes") == replies.NOTHING_TO_CONFIRM
    assert chat.opened == 0


def test_who_was_taken_out_between_question_and_yes_is_a_stranger(chat: Chat) -> None:
    chat.says("unlock the front door")
    chat.change(lambda it: it["people"].pop("john"))
    assert chat.says("yes") == ""
    assert chat.opened == 0


def test_a_message_that_could_not_be_written_down_ends_the_question_too(chat: Chat) -> None:
    memory = chat.home.places.data / "whatsapp.sqlite3"
    assert chat.says("unlock the front door") == ASKED
    memory.rename(memory.with_suffix(".kept"))
    assert chat.says("no") == replies.NOT_WRITTEN_DOWN
    memory.with_suffix(".kept").rename(memory)
    assert chat.says("yes") == replies.NOTHING_TO_CONFIRM
    assert chat.opened == 0


def test_too_many_messages_end_the_question_too(chat: Chat) -> None:
    chat.limit = RateLimit(burst=1, every=3600)
    chat.restart()
    assert chat.says("unlock the front door") == ASKED
    assert chat.says("status") == replies.TOO_MUCH
    assert chat.ingress.pending(f"whatsapp:{JOHN}") is None


# ------------------------------------------------------------------------------------------------------------- PIN


def test_who_has_a_pin_is_asked_for_it_and_a_yes_is_none(chat: Chat) -> None:
    chat.pin(john="4711")
    assert chat.says("unlock the front door") == ASKED_PIN
    assert chat.says("yes") == f"{CANCELLED} {replies.NOT_YES}"
    assert chat.says("4711") == replies.NOTHING_TO_CONFIRM
    assert chat.opened == 0
    chat.says("unlock the front door")
    assert chat.says("47 11") == DONE
    assert chat.says("unlock the front door", JANE) == ASKED


def test_a_wrong_pin_may_be_corrected_and_the_third_locks_out_over_a_restart(
    chat: Chat, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    chat.pin(john="4711583916")
    chat.says("unlock the front door")
    assert chat.says("4712583916") == "That is not your PIN, so I did nothing. You have 2 tries left in this minute."
    assert chat.says("4711583916") == DONE
    chat.says("unlock the front door")
    chat.says("9042583916")
    assert chat.says("9043583916") == "That is not your PIN, so I did nothing. You have one try left in this minute."
    locked = (
        "There were too many wrong PINs, so I did nothing. The owner can give you a new one. Try again in 15 minutes."
    )
    assert chat.says("9044583916") == locked
    assert chat.says("unlock the front door") == locked
    assert chat.says("lock the front door").startswith("Done"), "what takes no confirmation is done"
    chat.restart()
    assert chat.says("unlock the front door") == locked
    assert chat.opened == 1
    chat.pin(john="2580583916")
    chat.says("unlock the front door")
    assert chat.says("2580583916").startswith("Done")
    memory = b"".join(path.read_bytes() for path in chat.home.places.data.iterdir())
    logged = caplog.text + "".join(str(getattr(record, "fields", "")) for record in caplog.records)
    for pin in ("4711583916", "4712583916", "9042583916", "9044583916", "2580583916"):
        assert pin.encode() not in memory
        assert pin not in logged
    assert "'cause': 'locked-out'" in logged


def test_a_repeated_wrong_pin_is_one_try(chat: Chat) -> None:
    chat.pin(john="4711")
    chat.says("unlock the front door")
    wrong = form("9042", sender=JOHN)
    assert len({chat.post(wrong) for _ in range(4)}) == 1
    assert chat.says("4711") == DONE


def test_who_has_no_pin_is_told_whom_to_ask_where_a_pin_is_a_must(chat: Chat) -> None:
    chat.change(lambda it: it["devices"][DOOR].update(confirm={"unlock": "pin"}))
    assert chat.says("unlock the front door") == (
        "That takes a PIN, and you have none, so I did nothing. The owner can give you one."
    )
    assert chat.opened == 0


# ----------------------------------------------------------------------------------------------------------- limits


def test_too_many_actions_are_told_once_with_the_time_to_wait(chat: Chat) -> None:
    chat.change(lambda it: it["devices"]["lamp"].update(limit={"actions": 2, "seconds": 40}))
    for text in ("lamp on", "lamp off"):
        assert chat.says(text).startswith("Done")
    told = chat.says("lamp on")
    assert told.startswith("That is too often for one device, so I did nothing. Try again in ")
    assert told.endswith(" seconds.")
    assert chat.says("lamp on") == ""
    assert chat.says("is the lamp on?") == "The lamp is off."
    assert chat.says("lamp on", JANE) == "Done: the lamp is on."
