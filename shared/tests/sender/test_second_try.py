"""The second try inside a sender: never after its person was told something, never answered for by the first."""

from collections.abc import Callable, Iterator

import pytest

from latchwire import topics
from latchwire.bus import Endpoint, Login, Message
from latchwire.model import Cause
from latchwire.protocol.claims import Command, parse_command
from latchwire.protocol.keys import Keyring
from latchwire.protocol.token import parse_claims, split
from latchwire.sender import Answer, Ending, Sender
from latchwire.sender.open_command import OpenCommand
from support.counting import instructions
from support.tokens import CLAIMS, HEADER, KEY, NONCE, compact, token

JTI = str(CLAIMS["jti"])
NEXT, LATER = "n" * 22, "o" * 22


class OneSender(Sender):
    """A sender that keeps what it would publish; ``connected_now`` false is a connection that has just been lost."""

    def __init__(self) -> None:
        super().__init__(
            issuer="whatsapp", keyring=Keyring([KEY]), endpoint=Endpoint("127.0.0.1", 1), login=Login("whatsapp", "")
        )
        self.sent: list[Command] = []
        self.connected_now = True

    def _send(self, command: OpenCommand, token: str) -> bool:
        del command
        if self.connected_now:
            self.sent.append(parse_command(parse_claims(split(token.encode()).payload), issuer="whatsapp"))
        return self.connected_now

    def open(self, *, on_late: Callable[[Answer], None] | None = None) -> OpenCommand:
        """A command whose first try was published just now."""
        self.hear_nonce(NONCE)
        command = OpenCommand(
            key=KEY, agent="omega", device="front-door", action="unlock", sub=str(CLAIMS["sub"]), jti=JTI,
            patience=20.0, on_late=on_late,
        )  # fmt: skip
        self._memory.add(command)
        nonce = self._agents.nonce("omega")
        assert nonce is not None
        assert self._publish(command, nonce)
        return command

    def hear_nonce(self, nonce: str) -> None:
        said = compact({"protocol": 1, "nonce": nonce, "lifetime": 30})
        self.heard(Message(topics.nonce("omega"), said, retained=False, duplicate=False))

    def hear_stale(self, *, nonce: str, age: int, over: str = NONCE) -> None:
        claims = {
            "iss": "omega/front-door", "aud": "whatsapp", "re": JTI, "sub": CLAIMS["sub"], "act": "unlock",
            "outcome": "refused", "state": "locked", "cause": "stale-nonce", "happened": "no", "nonce": nonce,
            "age": age, "over": over,
        }  # fmt: skip
        said = token(claims, header={**HEADER, "typ": "receipt+jwt"})
        self.heard(Message(topics.receipt("omega", "front-door", "whatsapp"), said, retained=False, duplicate=False))

    def told(self, command: OpenCommand) -> Answer:
        """What its person is told when the waiting is over now."""
        return self._wait(command, 0.0)


@pytest.fixture
def sender() -> Iterator[OneSender]:
    made = OneSender()
    yield made
    made.stop()


def test_it_is_tried_again_over_the_nonce_of_the_refusal(sender: OneSender) -> None:
    sender.open()
    sender.hear_stale(nonce=NEXT, age=1)
    assert [(sent.nonce, sent.jti) for sent in sender.sent] == [(NONCE, JTI), (NEXT, JTI)]


def test_it_waits_for_another_nonce_if_the_refusal_names_the_same(sender: OneSender) -> None:
    sender.open()
    sender.hear_stale(nonce=NONCE, age=70)
    assert len(sender.sent) == 1
    sender.hear_nonce(NEXT)
    assert [sent.nonce for sent in sender.sent] == [NONCE, NEXT]


def test_if_no_other_nonce_comes_the_refusal_is_the_answer(sender: OneSender) -> None:
    command = sender.open()
    sender.hear_stale(nonce=NONCE, age=70)
    assert (sender.told(command).ending, sender.told(command).cause) == (Ending.REFUSED, Cause.STALE_NONCE)


def test_after_its_person_was_told_nothing_was_done_it_is_not_tried_again(sender: OneSender) -> None:
    command = sender.open()
    sender.hear_stale(nonce=NONCE, age=70)
    waiting = dict(sender._memory._open)
    assert sender.told(command).ending is Ending.REFUSED
    sender._memory._open.update(waiting)  # the bus's thread was already on its way to it
    sender.hear_nonce(NEXT)
    sender.hear_stale(nonce=NEXT, age=1)
    assert len(sender.sent) == 1


def test_after_its_person_was_told_no_answer_it_is_not_tried_again(sender: OneSender) -> None:
    late: list[Answer] = []
    command = sender.open(on_late=late.append)
    assert sender.told(command).ending is Ending.NO_ANSWER
    sender.hear_stale(nonce=NEXT, age=1)
    assert len(sender.sent) == 1
    assert command.answer is not None
    assert command.answer.ending is Ending.REFUSED


@pytest.mark.parametrize("again", [False, True], ids=["a copy of it", "made again after a roll"])
def test_the_first_tries_refusal_does_not_answer_for_the_second(sender: OneSender, *, again: bool) -> None:
    command = sender.open()
    sender.hear_stale(nonce=NONCE, age=70)
    sender.hear_stale(nonce=NEXT, age=1)  # the broker delivered the first try once more, and the nonce had rolled
    assert [sent.nonce for sent in sender.sent] == [NONCE, NEXT]
    sender.hear_stale(nonce=LATER if again else NONCE, age=70)
    assert sender.told(command).ending is Ending.NO_ANSWER, "it may be done at this moment"


def test_the_second_tries_own_refusal_is_believed(sender: OneSender) -> None:
    command = sender.open()
    sender.hear_stale(nonce=NEXT, age=1)
    sender.hear_stale(nonce=LATER, age=1, over=NEXT)
    assert (sender.told(command).ending, sender.told(command).cause) == (Ending.REFUSED, Cause.STALE_NONCE)


def test_a_second_try_that_cannot_be_sent_leaves_the_refusal_as_the_answer(sender: OneSender) -> None:
    command = sender.open()
    sender.connected_now = False
    sender.hear_stale(nonce=NEXT, age=1)
    assert sender.told(command).ending is Ending.REFUSED


def test_a_receipt_costs_no_more_while_a_thousand_commands_are_kept(sender: OneSender) -> None:
    """They are kept for a minute after their end; whoever asks often would wait longer and longer."""
    first = sender.open()
    before = instructions(lambda: sender.hear_stale(nonce=NONCE, age=1, over=LATER))
    for number in range(1000):
        sender._memory._open[f"{number:022}"] = first
    assert instructions(lambda: sender.hear_stale(nonce=NONCE, age=1, over=LATER)) <= before


def test_a_receipt_by_a_key_that_left_meanwhile_is_still_believed(sender: OneSender) -> None:
    command = sender.open()
    sender.use(Keyring())
    sender.hear_stale(nonce=NEXT, age=0)
    assert sender.told(command).cause in {Cause.STALE_NONCE, Cause.NO_NONCE, None}
    assert len(sender.sent) == 2
