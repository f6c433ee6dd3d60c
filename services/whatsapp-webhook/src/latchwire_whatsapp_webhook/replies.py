"""What is written back: an outcome in plain words, never more than is known.

"Done" is said of a verified receipt alone, with the state that was read back. Whoever reads a reply knows whether the
door moved, may have moved, or did not, and what helps. Strangers get nothing at all.
"""

import math
from collections.abc import Iterable, Sequence
from typing import Final

from latchwire.kit.ingress import Answer, Confirm, Ending, Question, waiting
from latchwire.model import STATUS, TOGGLE, Cause, Happened, State
from latchwire_whatsapp_webhook.words import Device

NOTHING: Final = ""
"""No message is sent back: to strangers, and to whoever writes far too much."""

FORWARDED: Final = "That was forwarded, so I did nothing. Please write it yourself."
NO_WORDS: Final = "I read words only, no pictures, sounds or places. Write: help"
TOO_MUCH: Final = "That is too much at once; I did nothing. Please wait a minute."
BUSY: Final = "Too many people ask at once; I did nothing. Please say it again in a moment."
NOT_WRITTEN_DOWN: Final = (
    "I did nothing: I cannot write down that I heard you, so I could not be sure to do it only once. "
    "The owner finds the reason in the log of whatsapp-webhook."
)
HEARD_BEFORE: Final = (
    "I heard this very message before and cannot say how it ended. I did not do it again. "
    "Ask for the state, and write a new message if you still want it."
)
STILL_AT_IT: Final = "I heard this very message a moment ago and am still at it. I did not begin a second time."
OWN_FAULT: Final = (
    "I met a fault of my own and cannot say whether it happened. Please look at the device. "
    "The owner finds the fault in the log of whatsapp-webhook."
)
NOTHING_TO_CONFIRM: Final = "There is nothing to confirm, so I did nothing. Say first what you want."
NOT_YES: Final = "It takes your PIN, and not YES. Say again what you want, then send the PIN."
NOTHING_TO_USE: Final = "There is nothing here that you may use at present. The owner grants it in config.json."


_ORDERS: Final = {"on": "turn on the {}", "off": "turn off the {}"}

_REFUSED: Final = {
    Cause.NO_PIN: "That takes a PIN, and you have none, so I did nothing. The owner can give you one.",
    Cause.NOT_ASKED: NOTHING_TO_CONFIRM,
    Cause.TOO_LATE: "That came more than a minute after I asked, so I did nothing. Say again what you want.",
    Cause.WRONG_PIN: "That is not your PIN, so I did nothing.",
    Cause.LOCKED_OUT: "There were too many wrong PINs, so I did nothing. The owner can give you a new one.",
    Cause.TOO_OFTEN: "That is too often for one device, so I did nothing.",
    Cause.NO_PINS: "I cannot look up PINs at present, so I did nothing. The owner finds the reason in the status.",
}
"""What the webhook itself says no with: no agent was asked."""


def asks(question: Question) -> str:
    """What to reply to have it done."""
    if question.by is Confirm.PIN:
        return f"Reply with your PIN within a minute to {_order(question)}, and then delete that message."
    return f"Reply YES within a minute to {_order(question)}."


def cancelled(question: Question) -> str:
    """It will not be done."""
    return f"Cancelled: I did not {_order(question)}."


def outcome(answer: Answer, *, will_follow: bool = False) -> str:
    """The answer in plain words.

    Args:
        answer: of the kit.
        will_follow: whether the truth is sent as a second message when it comes later.
    """
    if answer.action == STATUS:
        return _read(answer)
    if answer.cause in _REFUSED:
        return _refused_here(answer)
    match answer.ending:
        case Ending.DONE:
            return _done(answer)
        case Ending.REFUSED:
            return f"Not done: it was refused. {_why(answer)}{_maybe(answer)}{_now(answer)}"
        case Ending.FAILED if answer.happened is not Happened.MAYBE:
            return f"That failed; nothing was done. {_why(answer)}{_now(answer)}"
        case Ending.FAILED:
            return f"That failed. {_why(answer)}{_maybe(answer)}{_now(answer)}"
        case Ending.NOBODY_LISTENING:
            return f"Nothing was done, and nothing will be: nobody is listening. {_why(answer)}"
        case Ending.NO_ANSWER:
            return f"I passed it on, but no answer came yet. {_until(answer)}{_follows(will_follow)}"


def late(answer: Answer) -> str:
    """The same, for an answer that came after the reply was sent."""
    return f"Later news of “{answer.action} {spoken(answer.device)}”: {outcome(answer)}"


def unclear(example: str) -> str:
    """Nothing was done, and this would work."""
    return f"I did not understand that, so I did nothing. This would work: {example}"


def devices(usable: Sequence[Device]) -> str:
    """What this person may use, and how; a line each."""
    lines = [f"{spoken(device.name)}: {', '.join(_allowed(device))}" for device in usable]
    return "\n".join(["You may use:", *lines])


def help_text(usable: Sequence[Device], example: str) -> str:
    """What can be written."""
    names = ", ".join(spoken(device.name) for device in usable)
    return (
        f"Write what you want, in one short sentence: {example}\n"
        f"You may use: {names}\n"
        "“status” tells how everything is, “list” what you may do."
    )


def states(answers: Iterable[Answer]) -> str:
    """One line for each device that was asked."""
    return "\n".join(_read(answer) for answer in answers)


def spoken(device: str) -> str:
    """The device's name as it is said."""
    return device.replace("-", " ")


def _order(question: Question) -> str:
    return _ORDERS.get(question.action, question.action + " the {}").format(spoken(question.device))


def _refused_here(answer: Answer) -> str:
    text = _REFUSED[answer.cause] if answer.cause else ""
    if answer.tries:
        text += f" You have {'one try' if answer.tries == 1 else f'{answer.tries} tries'} left in this minute."
    return text + (f" Try again in {waiting(answer)}." if answer.wait else "")


def _read(answer: Answer) -> str:
    """What a question for the state ended with; nothing can have been done by it."""
    if answer.ending is Ending.DONE and answer.state is not State.UNKNOWN:
        return f"The {spoken(answer.device)} is {answer.state}{_simulated(answer)}.{_again(answer)}"
    if answer.ending is Ending.NO_ANSWER:
        return f"The {spoken(answer.device)}: unknown, for no answer came."
    return f"The {spoken(answer.device)}: unknown{_simulated(answer)}. {_why(answer)}".rstrip()


def _done(answer: Answer) -> str:
    device = spoken(answer.device)
    if answer.changed is False and answer.action == TOGGLE:
        return f"Nothing was changed: the {device} was {answer.state} already{_simulated(answer)}.{_again(answer)}"
    already = " (it was before)" if answer.changed is False else ""
    return f"Done: the {device} is {answer.state}{already}{_simulated(answer)}.{_again(answer)}"


def _why(answer: Answer) -> str:
    cause = answer.cause
    if cause is None:
        return ""
    if cause is Cause.FORBIDDEN:  # the person who asks is rarely the one who owns config.json
        return f"{cause.sentence} The owner can grant it."
    return f"{cause.sentence} {cause.remedy}"


def _maybe(answer: Answer) -> str:
    return " It may have happened all the same." if answer.happened is Happened.MAYBE else ""


def _now(answer: Answer) -> str:
    if answer.state is State.UNKNOWN:
        return ""
    return f" The {spoken(answer.device)} is {answer.state} now{_simulated(answer)}."


def _until(answer: Answer) -> str:
    if answer.until is None:
        return "It may have happened, or may still happen; look at the device."
    if answer.until <= 0:
        return "It may have happened; it will not happen any more."
    return (
        f"It may have happened, or may still happen within the next {_seconds(answer.until)}; "
        "after that it will not happen any more."
    )


def _follows(will_follow: bool) -> str:  # noqa: FBT001 - a word in a sentence
    return " I write again when the answer comes." if will_follow else ' Ask me for the "status" then.'


def _again(answer: Answer) -> str:
    return f" It locks again in {_seconds(answer.locks_in)}." if answer.locks_in else ""


def _simulated(answer: Answer) -> str:
    return " (simulated)" if answer.simulated else ""


def _seconds(seconds: float) -> str:
    whole = math.ceil(seconds)
    return "1 second" if whole == 1 else f"{whole} seconds"


def _allowed(device: Device) -> list[str]:
    return [action for action in device.kind.actions if action in device.may]
