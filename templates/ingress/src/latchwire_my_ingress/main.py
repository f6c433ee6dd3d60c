"""Hears lines in a pipe, ``state/run/my-ingress.pipe``, as a keypad would say them: WHO DEVICE ACTION.

It says who that was, what they want and of which device. Whether they may, the signature, waiting for the receipt,
reload, health and shutdown are not here: they come from ``latchwire.kit.ingress``.
"""

import logging
import os
import select

from latchwire.kit.ingress import Answer, Ending, Ingress, run
from latchwire.log import event

WAIT_SECONDS = 10.0
"""How long somebody stands there and waits."""

_log = logging.getLogger("latchwire.my-ingress")


class MyIngress:
    """Hears the pipe."""

    def __init__(self, ingress: Ingress) -> None:
        """Makes the pipe, for its owner alone: who may write to it may say who they are."""
        self._ingress = ingress
        self._path = ingress.run_folder / "my-ingress.pipe"
        self._path.unlink(missing_ok=True)
        os.mkfifo(self._path, 0o600)

    def listen(self) -> None:
        """Runs in a thread of its own, until ``stopping`` is set."""
        # Opened for both, so that it does not end with whoever wrote a line.
        with os.fdopen(os.open(self._path, os.O_RDWR | os.O_NONBLOCK), errors="replace") as pipe:
            while not self._ingress.stopping.is_set():
                if select.select([pipe], [], [], 0.5)[0]:
                    for line in pipe:
                        self._heard(line)

    def _heard(self, line: str) -> None:
        words = line.split()
        if len(words) != 3:
            event(_log, logging.WARNING, "Not understood: write WHO DEVICE ACTION.")
            return
        who, device, action = words
        answer = self._ingress.ask(
            identity=f"{self._ingress.issuer}:{who}", device=device, action=action, wait=WAIT_SECONDS
        )
        event(_log, logging.INFO, said(answer), device=device, action=action)


def said(answer: Answer) -> str:
    """The outcome in words: there are five, and a person wants to know which."""
    match answer.ending:
        case Ending.DONE:
            return f"{answer.device} is {answer.state} now."
        case Ending.REFUSED:
            return "This is not allowed." if answer.cause is None else answer.cause.sentence
        case Ending.FAILED:
            return "It could not be done." if answer.cause is None else answer.cause.sentence
        case Ending.NOBODY_LISTENING:
            return "Nobody is listening: nothing was done, and nothing will be."
        case Ending.NO_ANSWER:
            return "No answer: it may have happened. Look at it."


def main() -> int:
    """Runs the service."""
    return run(MyIngress, name="my-ingress")
