"""Asks devices, and has an answer in time: Twilio waits 15 seconds, and a person at a door less.

Each question runs in a thread of its own pool. One that has not begun when the time is over is taken back, so that it
certainly does not happen; one that has begun may still happen, and its answer is sent later.
"""

import time
from collections.abc import Callable, Sequence
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
    """The pool that asks.

    Args:
        ask: the kit.
        seconds: after which there is an answer, whatever happens.
        threads: questions at once.
    """

    def __init__(self, *, ask: Ask, seconds: float = SECONDS, threads: int = THREADS) -> None:
        self._ask = ask
        self._seconds = seconds
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="asking")

    def ask(self, questions: Sequence[Question], *, identity: str, on_late: OnLate | None) -> list[Answer]:
        """An answer to each question, in their order; all are asked at the same time."""
        return self._all(
            [
                (
                    question.device,
                    question.action,
                    partial(
                        self._ask,
                        identity=identity,
                        device=question.device,
                        action=question.action,
                        message_id=question.message_id,
                        on_late=on_late,
                    ),
                )
                for question in questions
            ],
            on_late,
        )

    def call(self, device: str, action: str, call: Callable[[], Answer], *, on_late: OnLate | None) -> Answer:
        """The answer of this call, in the same time; device and action are what it is about."""
        return self._all([(device, action, call)], on_late)[0]

    def _all(self, calls: Sequence[tuple[str, str, Callable[[], Answer]]], on_late: OnLate | None) -> list[Answer]:
        end = time.monotonic() + self._seconds
        asked = [(device, action, self._pool.submit(call)) for device, action, call in calls]
        wait([future for *_, future in asked], timeout=max(0.0, end - time.monotonic()))
        return [self._answer(device, action, future, on_late) for device, action, future in asked]

    def stop(self) -> None:
        """Begins nothing any more."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    @staticmethod
    def _answer(device: str, action: str, future: "Future[Answer]", on_late: OnLate | None) -> Answer:
        if future.cancel():
            return Answer(Ending.REFUSED, device, action, cause=Cause.BUSY, happened=Happened.NO)
        if future.done():
            return future.result()
        if on_late is not None:
            future.add_done_callback(lambda done: _tell(done, on_late))
        return Answer(Ending.NO_ANSWER, device, action, happened=Happened.MAYBE)


def _tell(done: "Future[Answer]", on_late: OnLate) -> None:
    if done.exception() is None and done.result().ending is not Ending.NO_ANSWER:
        on_late(done.result())
