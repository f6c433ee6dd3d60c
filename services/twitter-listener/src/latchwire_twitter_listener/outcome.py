"""How asking ended, in a sentence for the person who posted. It may be read by everybody, so it is short."""

from latchwire.kit.ingress import Answer, Ending, waiting
from latchwire.model import Happened


def sentence(answer: Answer) -> str:
    """What is posted about this answer; "" if the same was told a moment ago."""
    if answer.told_before:
        return ""
    simulated = " (simulated)" if answer.simulated else ""
    if answer.ending is Ending.DONE:
        again = f", locks in {answer.locks_in} seconds" if answer.locks_in is not None else ""
        return f"{answer.device}: {answer.state}{again}{simulated}"
    if answer.ending is Ending.NO_ANSWER:
        seconds = int(answer.until or 0)
        return f"{answer.device}: no answer; it may have happened, or may still within {seconds} seconds. Look at it."
    if answer.ending is Ending.NOBODY_LISTENING:
        return f"{answer.device}: nobody is listening there; nothing was done, and nothing will be."
    why = answer.cause.sentence if answer.cause else ""
    done = "it may have happened" if answer.happened is Happened.MAYBE else "nothing was done"
    again = f" Try again in {waiting(answer)}." if answer.wait else ""
    return f"{answer.device}: {done}. {why}{again}{simulated}".strip()
