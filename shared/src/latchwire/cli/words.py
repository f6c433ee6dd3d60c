"""How the command line speaks: sentences for what happened, and colour on a terminal only."""

import os
import sys
from typing import Final, TextIO

from latchwire.model import Again, Happened, State
from latchwire.sender import Answer, Ending
from latchwire.sender.answer import waiting

_COLOURS: Final = {"green": "32", "red": "31", "yellow": "33", "dim": "2", "bold": "1"}

_AGAIN: Final = {
    Again.NOW: "You may say it again.",
    Again.LATER: "Say it again later.",
    Again.PERSON: "Look first, then decide whether to say it again.",
    Again.BY_ITSELF: "Say it again.",
}


def colour(text: str, name: str, stream: TextIO | None = None) -> str:
    """The text in that colour if the stream (standard output) is a terminal that wants it (no-color.org)."""
    stream = stream or sys.stdout
    if not stream.isatty() or os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return text
    return f"\033[{_COLOURS[name]}m{text}\033[0m"


def printable(text: str) -> str:
    """The text without escape codes and line ends: what came from outside must not steer a terminal."""
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)[:500]


def state(value: State, *, simulated: bool = False) -> str:
    """A state, loud; what is simulated says so."""
    return value.value.upper() + (" (simulated)" if simulated else "")


def sentences(answer: Answer) -> list[str]:
    """What a person is told, a sentence or two a line."""
    if answer.ending is Ending.DONE:
        return [_done(answer)]
    if answer.ending is Ending.NO_ANSWER:
        return _no_answer(answer)
    cause = answer.cause
    head = {
        Ending.REFUSED: f"Refused: {answer.device} {answer.action}.",
        Ending.FAILED: f"Failed: {answer.device} {answer.action}.",
        Ending.NOBODY_LISTENING: f"Nobody is listening: nothing was done to {answer.device}, and nothing will be.",
    }[answer.ending]
    lines = [head]
    if cause is not None:
        lines.append(cause.sentence + (f" ({answer.detail})" if answer.detail else ""))
    if answer.ending is not Ending.NOBODY_LISTENING:
        maybe = answer.happened is Happened.MAYBE
        lines.append("It may have happened all the same." if maybe else "Nothing was done.")
    if answer.state is not State.UNKNOWN:
        lines.append(f"{answer.device} is {state(answer.state, simulated=answer.simulated)}.")
    if cause is not None:
        lines.append(cause.remedy)
        if answer.wait is not None:
            lines.append(f"Try again in {waiting(answer)}.")
        elif answer.tries is not None:
            lines.append(f"Wrong PINs left until a lock-out: {answer.tries}.")
        elif cause.again in _AGAIN and _AGAIN[cause.again] not in cause.remedy:
            lines.append(_AGAIN[cause.again])
    return lines


def _done(answer: Answer) -> str:
    text = f"{answer.device} is {state(answer.state, simulated=answer.simulated)}"
    if answer.changed is False:
        text += " already, nothing was changed"
    if answer.locks_in is not None:
        text += f", and locks in {answer.locks_in} s"
    return text + "."


def _no_answer(answer: Answer) -> list[str]:
    lines = [f"No answer: it may have happened. Look at {answer.device}."]
    if answer.detail:
        lines.append(f"({answer.detail})")
    if answer.until:
        lines.append(f"It may still happen within the next {max(1, round(answer.until))} s, and not after that.")
    else:
        lines.append("If it has not happened by now, it will not any more.")
    return lines
