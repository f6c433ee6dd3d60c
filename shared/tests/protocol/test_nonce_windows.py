"""The rolling nonce: which commands act, which only get their answer again, and what is forgotten when."""

import pytest

from latchwire.model import Cause
from latchwire.protocol.nonce import ACTING, CAPACITY, KEPT, Answered, Nonce, Windows, whole_age
from latchwire.protocol.verdict import Accepted, Alert, Refused, Repeated, Verdict
from support.tokens import KEY, LIFETIME, NONCE, command, judged


def value(number: int) -> str:
    return f"{number:022d}"


def rolled(times: int) -> Windows:
    """Windows whose first nonce is NONCE, rolled so often; each nonce is one second old when the next is made."""
    state = Windows(lifetime=LIFETIME, nonce=NONCE, now=0.0)
    for number in range(times):
        state.roll(value(number), number + 1.0)
    return state


def said(verdict: Verdict) -> Cause | type[Verdict]:
    return verdict.cause if isinstance(verdict, (Alert, Refused)) else type(verdict)


@pytest.mark.parametrize(
    ("rolls", "told"),
    [
        (0, Accepted),
        (1, Accepted),
        (2, Cause.STALE_NONCE),
        (3, Cause.STALE_NONCE),
        (4, Cause.UNKNOWN_NONCE),
        (5, Cause.UNKNOWN_NONCE),
    ],
)
def test_two_nonces_act_two_more_only_answer_and_older_ones_are_unknown(rolls: int, told: object) -> None:
    assert (ACTING, KEPT) == (2, 4)
    assert said(judged(command(until=60), to=rolled(rolls), now=6.0)) is told


@pytest.mark.parametrize(
    ("rolls", "told"), [(0, Repeated), (1, Repeated), (2, Repeated), (3, Repeated), (4, Cause.UNKNOWN_NONCE)]
)
def test_a_replay_never_acts_again_however_often_the_nonce_rolled(rolls: int, told: object) -> None:
    state = rolled(0)
    assert said(judged(command(until=60), to=state)) is Accepted
    for number in range(rolls):
        state.roll(value(number), 1.0)
    assert said(judged(command(until=60), to=state, now=2.0)) is told


@pytest.mark.parametrize("later", [0, 1, 2, 3])
def test_the_same_jti_over_another_nonce_is_the_same_command(later: int) -> None:
    state = rolled(0)
    assert said(judged(command(until=60), to=state)) is Accepted
    for number in range(later):
        state.roll(value(number), 1.0)
    again = command(until=60, nonce=state.current.value)
    assert said(judged(again, to=state, now=2.0)) is Repeated


def test_a_command_is_remembered_with_the_nonce_that_is_current_when_it_comes() -> None:
    state = rolled(1)
    assert said(judged(command(until=60), to=state, now=2.0)) is Accepted, "over the previous nonce"
    for number in range(1, 4):
        state.roll(value(number), 3.0)
    assert state.kept(NONCE) is None
    assert state.knows("whatsapp", "hB2c9QmT7uXe4LwZ1sKd0g"), "its nonce is forgotten, and it is not"


def test_two_issuers_may_use_the_same_jti() -> None:
    state = rolled(0)
    state.remember("twitter", "hB2c9QmT7uXe4LwZ1sKd0g")
    assert said(judged(command(), to=state)) is Accepted


def test_the_nonce_is_due_when_it_is_a_lifetime_old() -> None:
    state = rolled(0)
    assert not state.due(LIFETIME - 0.001)
    assert state.due(float(LIFETIME))
    state.roll(value(1), float(LIFETIME))
    assert not state.due(LIFETIME + 0.001)


def test_the_nonce_is_due_after_1024_commands_whatever_nonce_they_came_over() -> None:
    state = rolled(1)
    for number in range(CAPACITY):
        assert not state.due(2.0)
        nonce = NONCE if number % 2 else state.current.value
        assert said(judged(command(jti=f"command-{number:09d}", nonce=nonce), to=state, now=2.0)) is Accepted
    assert state.due(2.0)
    state.roll(value(7), 2.0)
    assert not state.due(2.0)


@pytest.mark.parametrize(
    "payload",
    [command()[:-2] + b"AA", b"x" * 300, command(act="X"), command(aud="omega/other"), command(nonce="A" * 22)],
    ids=["forged", "no token", "malformed", "elsewhere", "unknown nonce"],
)
def test_nobody_turns_the_windows_by_what_is_not_a_fresh_command(payload: bytes) -> None:
    state = rolled(0)
    for _ in range(CAPACITY + 1):
        judged(payload, to=state)
    assert not state.due(1.0)
    assert said(judged(command(), to=state)) is Accepted


def test_an_answer_to_a_forgotten_command_is_not_kept() -> None:
    state = rolled(0)
    judged(command(), to=state)
    for number in range(KEPT):
        state.roll(value(number), 1.0)
    state.answered(KEY.issuer, "hB2c9QmT7uXe4LwZ1sKd0g", Answered("front-door", "late"))
    assert not state.knows(KEY.issuer, "hB2c9QmT7uXe4LwZ1sKd0g")
    assert state.answer_to(KEY.issuer, "hB2c9QmT7uXe4LwZ1sKd0g") is None


def test_a_command_that_was_never_begun_leaves_room_for_its_second_try_and_does_not_act_itself() -> None:
    state = rolled(0)
    assert said(judged(command(until=5), to=state)) is Accepted
    state.forget("whatsapp", "hB2c9QmT7uXe4LwZ1sKd0g")  # it waited behind others for more than five seconds
    assert said(judged(command(until=5), to=state, now=6.0)) is Cause.STALE_NONCE
    state.roll(value(1), 6.0)
    assert said(judged(command(until=5, nonce=value(1)), to=state, now=7.0)) is Accepted
    assert said(judged(command(until=5), to=state, now=7.0)) is Repeated


@pytest.mark.parametrize(("age", "whole"), [(0.0, 0), (0.001, 1), (1.0, 1), (1.001, 2), (29.5, 30), (-0.5, 0)])
def test_an_age_is_told_in_whole_seconds_rounded_up(age: float, whole: int) -> None:
    assert whole_age(Nonce(NONCE, 100.0), 100.0 + age) == whole
