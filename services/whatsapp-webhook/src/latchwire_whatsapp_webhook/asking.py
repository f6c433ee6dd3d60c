"""Asks one device on the caller's own thread, and several at the same time.

The kit ends each question within about ten seconds, whatever happens: Twilio waits 15, and a person at a door less. So
whoever asks one device needs nothing here. Several share a pool of threads; what has not begun there when the time is
over is taken back, so that it certainly does not happen.
"""

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from functools import partial
from typing import Final, NamedTuple

from latchwire.kit.ingress import Answer, Ending
from latchwire.model import Cause, Happened
from latchwire_whatsapp_webhook.seams import Ask, OnLate

SECONDS: Final = 12.0
"""What is left of Twilio's 15 for the network and for us."""
THREADS: Final = 96
"""Questions at once; a thread that only waits costs some ten kilobytes."""


class Question(NamedTuple):
    """What one device is asked."""

    device: str
    action: str
    message_id: str


class Asking:
    """Who asks.

    Args:
        ask: the kit.
        seconds: after which several have an answer, whether they were asked or not.
        threads: how many of them are asked at once.
    """

    def __init__(self, *, ask: Ask, seconds: float = SECONDS, threads: int = THREADS) -> None:
        self._ask = ask
        self._seconds = seconds
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="asking")

    def ask(self, questions: Sequence[Question], *, identity: str, on_late: OnLate | None) -> list[Answer]:
        """An answer to each question, in their order."""
        calls = [
            partial(
                self._ask,
                identity=identity,
                device=question.device,
                action=question.action,
                message_id=question.message_id,
                on_late=on_late,
            )
            for question in questions
        ]
        if len(calls) == 1:
            return [calls[0]()]
        asked = [self._pool.submit(call) for call in calls]
        wait(asked, timeout=self._seconds)
        return [_answer(*both) for both in zip(questions, asked, strict=True)]

    def stop(self) -> None:
        """Begins nothing any more."""
        self._pool.shutdown(wait=False, cancel_futures=True)


def _answer(question: Question, asked: "Future[Answer]") -> Answer:
    if asked.cancel():
        return Answer(Ending.REFUSED, question.device, question.action, cause=Cause.BUSY, happened=Happened.NO)
    if asked.done():
        return asked.result()
    return Answer(Ending.NO_ANSWER, question.device, question.action, happened=Happened.MAYBE)
