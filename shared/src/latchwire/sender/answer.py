"""What the asking side ends with: exactly one of five endings, and no sixth."""

import enum
from typing import NamedTuple

from latchwire.model import Cause, Happened, Outcome, State
from latchwire.protocol.claims import Receipt


class Ending(enum.StrEnum):
    """How asking ended."""

    DONE = "done"
    REFUSED = "refused"
    FAILED = "failed"
    NOBODY_LISTENING = "nobody-listening"
    NO_ANSWER = "no-answer"


class Answer(NamedTuple):
    """What a person is told.

    Attributes:
        ending: one of the five.
        device: which.
        action: what was asked for.
        state: read back from the hardware after acting; ``unknown`` where nobody said.
        cause: why it was not done.
        happened: whether something may have happened although it was not done.
        changed: whether it changed anything, where that says something.
        locks_in: seconds until the lock locks by itself.
        simulated: whether there is no hardware behind it.
        until: no answer only: seconds from now after which it will not happen any more.
        detail: for a log: what is known beyond the cause.
        wait: seconds until it may be said again, where it was said too often.
        tries: how many wrong PINs are left before a lock-out.
        told_before: whether the person was told the same a moment ago, so that a chat may be silent now.
    """

    ending: Ending
    device: str
    action: str
    state: State = State.UNKNOWN
    cause: Cause | None = None
    happened: Happened | None = None
    changed: bool | None = None
    locks_in: int | None = None
    simulated: bool = False
    until: float | None = None
    detail: str = ""
    wait: int | None = None
    tries: int | None = None
    told_before: bool = False


_ENDINGS = {
    Outcome.DONE: Ending.DONE,
    Outcome.REFUSED: Ending.REFUSED,
    Outcome.FAILED: Ending.FAILED,
}


def from_receipt(receipt: Receipt, device: str, action: str) -> Answer:
    """What a verified receipt says."""
    return Answer(
        _ENDINGS[receipt.outcome],
        device,
        action,
        receipt.state,
        receipt.cause,
        receipt.happened,
        receipt.changed,
        receipt.locks_in,
        receipt.simulated,
    )


def nobody_listening(device: str, action: str, cause: Cause, detail: str = "") -> Answer:
    """Nothing was published: nothing was done, and nothing will be."""
    return Answer(Ending.NOBODY_LISTENING, device, action, cause=cause, happened=cause.happened, detail=detail)


def refused_here(device: str, action: str, cause: Cause, detail: str = "") -> Answer:
    """The asking side itself says no; nothing was published."""
    return Answer(Ending.REFUSED, device, action, cause=cause, happened=Happened.NO, detail=detail)


def waiting(answer: Answer) -> str:
    """How long to wait before it is said again, as a person says it: "37 seconds", "15 minutes"; "" if not at all."""
    if answer.wait is None:
        return ""
    number, unit = (answer.wait, "second") if answer.wait <= 90 else (-(-answer.wait // 60), "minute")
    return f"{number} {unit}" if number == 1 else f"{number} {unit}s"


def no_answer(device: str, action: str, until: float, detail: str = "") -> Answer:
    """It was published and no receipt came yet: it may have happened, or may still, for ``until`` seconds."""
    return Answer(Ending.NO_ANSWER, device, action, happened=Happened.MAYBE, until=max(0.0, until), detail=detail)
