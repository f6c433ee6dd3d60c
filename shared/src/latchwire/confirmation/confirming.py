"""What an ingress has that can ask back: it opens a question, and judges what is said to it.

Every way out of here that is not ``None`` is a refusal with its cause: nothing is done unless all of it was right at
the moment of the answer.
"""

from collections.abc import Callable
from typing import Final

from latchwire.config.home import Confirm, Device
from latchwire.confirmation.hashes import FORM
from latchwire.confirmation.pending import SECONDS, Pending, Question
from latchwire.confirmation.pins import Pins
from latchwire.confirmation.tries import TriesError
from latchwire.errors import ConfigurationError
from latchwire.health import Health
from latchwire.model import Cause
from latchwire.sender import Answer
from latchwire.sender.answer import refused_here
from latchwire.waiting import now


class Confirming:
    """Opens questions and judges answers; may be used from several threads.

    Args:
        pins: the PINs of the state folder.
        clock: seconds since boot.
    """

    def __init__(self, pins: Pins, *, clock: Callable[[], float] = now) -> None:
        self._pins = pins
        self._pending: Final = Pending()
        self._clock = clock

    def ask(self, *, identity: str, person: str, device: Device, action: str) -> Question | Answer:
        """Opens a question with this identity, in place of an earlier one; or the refusal that says why not."""
        by = self._what_confirms(person, device, action)
        if isinstance(by, Answer):
            return by
        return self._pending.ask(Question(identity, person, device.name, action, by, self._clock() + SECONDS, 0))

    def pending(self, identity: str) -> Question | None:
        """What this identity was asked last and has not answered; it may be too late for it."""
        return self._pending.of(identity)

    def is_late(self, question: Question) -> bool:
        """Whether its minute is over."""
        return self._clock() > question.ends_at

    def cancel(self, question: Question) -> bool:
        """Ends the question; whether it was open."""
        return self._pending.take(question) and not self.is_late(question)

    def accept(self, question: Question, *, person: str, device: Device, pin: str) -> Answer | None:
        """Judges an answer to this question: ``None`` if it is confirmed, which ends the question.

        Args:
            question: the one that was answered.
            person: who has its identity now.
            device: as it is configured now.
            pin: what was given as a PIN; "" if a YES was said.
        """
        device_name, action = question.device, question.action
        if self._pending.of(question.identity) != question:
            return refused_here(device_name, action, Cause.NOT_ASKED)
        refusal = self._against(question, person, device)
        if refusal is None and question.by is Confirm.PIN:
            refusal = self._judge(question, pin)
        if refusal is not None and refusal.cause is Cause.WRONG_PIN:
            return refusal  # the question stays open for another try
        if not self._pending.take(question) and refusal is None:
            return refused_here(device_name, action, Cause.NOT_ASKED)  # something else was said at the same time
        return refusal

    def health(self) -> Health:
        """What the owner has to know."""
        return self._pins.health()

    def _what_confirms(self, person: str, device: Device, action: str) -> Confirm | Answer:
        try:
            if self._pins.has(person):
                seconds = self._pins.locked_seconds(person)
                if seconds:
                    return refused_here(device.name, action, Cause.LOCKED_OUT)._replace(wait=seconds)
                return Confirm.PIN
        except (ConfigurationError, TriesError) as error:
            return refused_here(device.name, action, Cause.NO_PINS, str(error))
        if device.confirm.get(action) is Confirm.PIN:
            return refused_here(device.name, action, Cause.NO_PIN)
        return Confirm.YES

    def _against(self, question: Question, person: str, device: Device) -> Answer | None:
        """What speaks against any answer to this question, whatever it is."""
        if self.is_late(question):
            return refused_here(question.device, question.action, Cause.TOO_LATE)
        by = self._what_confirms(person, device, question.action)
        if isinstance(by, Answer):
            return by
        if person != question.person or by is not question.by:
            return refused_here(question.device, question.action, Cause.NOT_ASKED, "config.json or the PIN changed")
        return None

    def _judge(self, question: Question, pin: str) -> Answer | None:
        device, action = question.device, question.action
        if not FORM.match(pin):  # no PIN looks so; it was no try
            return refused_here(device, action, Cause.WRONG_PIN)
        try:
            judged = self._pins.judge(question.person, pin)
        except (ConfigurationError, TriesError) as error:
            return refused_here(device, action, Cause.NO_PINS, str(error))
        if judged.right:
            return None
        if judged.locked_seconds:
            return refused_here(device, action, Cause.LOCKED_OUT)._replace(wait=judged.locked_seconds)
        return refused_here(device, action, Cause.WRONG_PIN)._replace(tries=judged.tries)
