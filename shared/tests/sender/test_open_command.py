"""One command's tries: when a second one is made, which receipts are believed, and when it can act at the latest."""

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from latchwire.model import Cause, Outcome, State
from latchwire.protocol.claims import Command, Receipt, parse_command
from latchwire.protocol.nonce import Windows, whole_age
from latchwire.protocol.token import parse_claims, split
from latchwire.protocol.verdict import Accepted, Delivery, Refused, judge
from latchwire.sender.agents import HeardNonce
from latchwire.sender.open_command import OpenCommand
from support.tokens import KEY, NONCE, rules

JTI = "hB2c9QmT7uXe4LwZ1sKd0g"
OTHER = "o" * 22


class Clock:
    """The sender's clock, or the agent's with its own zero; both go equally fast."""

    def __init__(self) -> None:
        self.time = 0.0

    def __call__(self) -> float:
        return self.time


def opened(clock: Clock, *, action: str = "unlock", patience: float = 35.0) -> OpenCommand:
    return OpenCommand(
        key=KEY, agent="omega", device="front-door", action=action, sub="whatsapp:+15555550100", jti=JTI,
        patience=patience, on_late=None, clock=clock,
    )  # fmt: skip


def heard(nonce: str = NONCE, *, seen: float = 0.0, lifetime: int = 30) -> HeardNonce:
    return HeardNonce(nonce, lifetime, seen)


def refusal(cause: Cause = Cause.STALE_NONCE, **changes: Any) -> Receipt:
    said = Receipt(
        "omega/front-door", "whatsapp", JTI, "whatsapp:+15555550100", "unlock", cause.outcome, State.LOCKED,
        cause=cause, happened=cause.happened, nonce=OTHER, age=3, over=NONCE,
    )  # fmt: skip
    return said._replace(**changes)


def read(token: str) -> Command:
    return parse_command(parse_claims(split(token.encode()).payload), issuer="whatsapp")


# ---------------------------------------------------------------------------------- the second try


def test_a_stale_first_try_is_made_again_over_the_nonce_of_its_refusal_with_the_same_id() -> None:
    clock = Clock()
    command = opened(clock)
    first = read(command.sign_over(heard()))
    assert command.believes(refusal())
    assert command.may_try_again(refusal())
    nonce = command.nonce_of(refusal(), lifetime=30)
    assert nonce is not None
    second = read(command.sign_over(nonce))
    assert (first.jti, first.nonce) == (second.jti, NONCE)
    assert second.nonce == OTHER


@pytest.mark.parametrize("cause", [cause for cause in Cause if cause is not Cause.STALE_NONCE])
def test_no_other_refusal_is_tried_again(cause: Cause) -> None:
    command = opened(Clock())
    command.sign_over(heard())
    assert not command.may_try_again(refusal(cause))


def test_a_toggle_is_never_tried_again() -> None:
    command = opened(Clock(), action="toggle")
    command.sign_over(heard())
    assert not command.may_try_again(refusal())


def test_there_is_no_third_try() -> None:
    command = opened(Clock())
    command.sign_over(heard())
    command.sign_over(heard(OTHER))
    assert not command.may_try_again(refusal(over=OTHER, nonce="p" * 22))


def test_it_is_not_tried_again_after_the_waiting_time() -> None:
    clock = Clock()
    command = opened(clock, patience=10.0)
    command.sign_over(heard())
    clock.time = 9.8
    assert command.may_try_again(refusal())
    clock.time = 10.0
    assert not command.may_try_again(refusal())


@pytest.mark.parametrize("told", ["is_late", "is_over"])
def test_it_is_not_tried_again_once_its_person_was_told_something(told: str) -> None:
    command = opened(Clock())
    command.sign_over(heard())
    setattr(command, told, True)
    assert not command.may_try_again(refusal())


@pytest.mark.parametrize(("age", "made_after"), [(0, 50.0), (1, 50.0), (3, 48.0)])
def test_the_nonce_of_a_refusal_counts_as_heard_no_earlier_than_it_was_made(age: int, made_after: float) -> None:
    clock = Clock()
    command = opened(clock)
    command.sign_over(heard())
    clock.time = 50.0
    nonce = command.nonce_of(refusal(age=age), lifetime=30)
    assert nonce is not None
    assert nonce.seen == made_after, "a whole age of 3 may be 2.001"


def test_it_is_not_tried_again_over_the_same_nonce() -> None:
    command = opened(Clock())
    command.sign_over(heard())
    assert command.nonce_of(refusal(nonce=NONCE, age=40), lifetime=30) is None


# ------------------------------------------------------------------------------ what is believed


def second_try() -> OpenCommand:
    command = opened(Clock())
    command.sign_over(heard())
    command.sign_over(heard(OTHER))
    return command


@pytest.mark.parametrize(
    "receipt",
    [
        refusal(),
        refusal(age=5),
        refusal(age=500),
        refusal(nonce="p" * 22, age=1),
        refusal(over=None),
        refusal(over=None, age=500),
        refusal(Cause.UNKNOWN_NONCE),
    ],
    ids=["the first one's again", "made again later", "made again much later", "made again after a roll",
         "one that does not say of what", "an old one that does not say of what", "its nonce is forgotten by now"],
)  # fmt: skip
def test_a_refusal_of_the_first_try_never_ends_the_second(receipt: Receipt) -> None:
    assert not second_try().believes(receipt)


def test_a_refusal_of_the_second_try_ends_it() -> None:
    assert second_try().believes(refusal(over=OTHER, nonce="p" * 22))
    assert second_try().believes(refusal(over=OTHER, nonce=OTHER, age=61))
    assert second_try().believes(refusal(Cause.UNKNOWN_NONCE, over=OTHER))


def test_a_refusal_that_contradicts_itself_ends_nothing() -> None:
    assert not second_try().believes(refusal(over=OTHER, nonce=OTHER, age=3)), "three seconds are not too old"


@pytest.mark.parametrize("cause", [None, Cause.BUSY, Cause.HARDWARE, Cause.FORBIDDEN])
def test_every_other_receipt_of_the_command_is_believed(cause: Cause | None) -> None:
    outcome = Outcome.DONE if cause is None else cause.outcome
    assert second_try().believes(refusal()._replace(cause=cause, outcome=outcome, nonce=None, age=None, over=None))


def test_a_refusal_of_the_same_words_signed_by_an_earlier_process_ends_nothing() -> None:
    command = opened(Clock())
    command.sign_over(heard(OTHER))
    assert not command.believes(refusal(over=NONCE))


# ------------------------------------------------------------- against a real agent's windows


class Agent:
    """An agent's windows, and the stale refusals that it makes; its clock has another zero than the sender's."""

    def __init__(self, clock: Clock, *, zero: float, lifetime: int) -> None:
        self.clock, self.zero = clock, zero
        self.told = [NONCE]
        self.windows = Windows(lifetime=lifetime, nonce=NONCE, now=self.now)

    @property
    def now(self) -> float:
        return self.clock.time + self.zero

    def roll(self) -> None:
        self.told.append(f"{len(self.told):022d}")
        self.windows.roll(self.told[-1], self.now)

    def hear(self, token: str) -> Accepted | Receipt | None:
        verdict = judge(Delivery("front-door", token.encode()), rules(), self.windows, self.now)
        if isinstance(verdict, Accepted):
            return verdict
        if isinstance(verdict, Refused) and verdict.cause is Cause.STALE_NONCE:
            current = self.windows.current
            return refusal(nonce=current.value, age=whole_age(current, self.now), over=verdict.nonce)
        return None


SECONDS = st.floats(0, 70) | st.sampled_from([0.0, 0.999, 1.0, 1.001, 5.0, 29.999, 30.0, 35.0, 60.0])
LIFETIMES = st.sampled_from([5, 30, 300])


@given(
    lifetime=LIFETIMES,
    until_seen=SECONDS,
    until_asked=SECONDS,
    patience=st.floats(0.5, 100),
    delays=st.lists(SECONDS, max_size=4),
    zero=st.floats(-1e6, 1e6),
)
@example(lifetime=30, until_seen=20.0, until_asked=0.0, patience=35.0, delays=[34.9], zero=0.0)
def test_no_try_acts_later_than_the_moment_that_was_promised(
    *, lifetime: int, until_seen: float, until_asked: float, patience: float, delays: list[float], zero: float
) -> None:
    clock = Clock()
    agent = Agent(clock, zero=zero, lifetime=lifetime)
    clock.time += until_seen
    seen = clock.time
    clock.time += until_asked
    command = opened(clock, patience=patience)
    tokens = [command.sign_over(heard(seen=seen, lifetime=lifetime))]
    for delay in delays:
        clock.time += delay
        if agent.windows.due(agent.now):
            agent.roll()
        for token in tuple(tokens):
            said = agent.hear(token)
            if isinstance(said, Accepted):
                assert clock.time <= command.latest + 1e-6
                assert said.expires - zero <= command.latest + 1e-6, "nor is it begun later, if it has to wait"
            elif said and len(tokens) == 1 and (nonce := command.nonce_of(said, lifetime=lifetime)):
                clock.time += delay / 10  # the receipt's way
                tokens.append(command.sign_over(nonce))


@given(
    st.integers(1, 3), st.floats(1, 60), st.floats(1, 60),
    st.lists(st.sampled_from(["ours", "theirs", "roll"]) | st.floats(0.1, 40), max_size=14),
)  # fmt: skip
def test_once_a_stale_refusal_is_believed_the_try_has_not_acted_and_never_will(
    between: int, patience: float, other_patience: float, events: list[str | float]
) -> None:
    """``theirs`` is the same jti over an earlier nonce: a first try, or an earlier process, kept back by the broker."""
    clock = Clock()
    agent = Agent(clock, zero=0.0, lifetime=30)
    theirs = opened(clock, patience=other_patience).sign_over(heard())
    for _ in range(between):
        agent.roll()
    command = opened(clock, patience=patience)
    tokens = {"ours": command.sign_over(heard(agent.windows.current.value)), "theirs": theirs}
    acted = believed = False
    for event in events:
        if isinstance(event, float):
            clock.time += event
        elif event == "roll":
            agent.roll()
        else:
            said = agent.hear(tokens[event])
            acted = acted or (isinstance(said, Accepted) and event == "ours")
            believed = believed or (isinstance(said, Receipt) and command.believes(said))
            assert not (acted and believed)


@given(st.floats(0, 1e6), st.integers(5, 300), st.floats(0.5, 700))
def test_until_is_always_one_that_the_agent_takes(age: float, lifetime: int, patience: float) -> None:
    clock = Clock()
    clock.time = age
    command = opened(clock, patience=patience)
    signed = read(command.sign_over(heard(lifetime=lifetime)))
    assert 1 <= signed.until <= 2 * lifetime


def test_a_nonce_heard_just_now_serves_for_the_whole_patience() -> None:
    clock = Clock()
    clock.time = 12.0
    command = opened(clock, patience=35.0)
    assert read(command.sign_over(heard(seen=12.0))).until == 35
    assert command.latest == 47.0
