"""What the conversation needs from the rest: who is that, and please do this. Tests put small fakes here."""

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from latchwire.kit.ingress import Answer, Question
from latchwire_whatsapp_webhook.words import Device, Phrasebook


class Person(NamedTuple):
    """Somebody whom the configuration knows.

    Attributes:
        name: in the configuration, for logs.
        identity: the one by which this person was found, ``whatsapp:+15555550100``.
        book: what this person may use now, and how it is called.
    """

    name: str
    identity: str
    book: Phrasebook

    @property
    def devices(self) -> tuple[Device, ...]:
        """What this person may use now."""
        return self.book.devices


Who = Callable[[Sequence[str]], Person | None]
"""The person behind identities in normal form; ``None`` for a stranger. Asked anew for each message."""

OnLate = Callable[[Answer], None]

Send = Callable[[str, str, str], None]
"""Sends a message by itself: to whom, from which of our numbers, the text. Does not raise."""


class Ask(Protocol):
    """Asks the device: may they, sign, publish, wait for the verified receipt."""

    def __call__(self, *, identity: str, device: str, action: str, message_id: str, on_late: OnLate | None) -> Answer:
        """Ends within about ten seconds, whatever happens; ``on_late`` gets the truth if it comes later."""


class AskBack(Protocol):
    """Asks people to confirm. The kit decides what takes a confirmation, what counts as one, and for how long."""

    def question(self, *, identity: str, device: str, action: str) -> Question | Answer | None:
        """What to ask, in place of what was asked before; or a refusal; or ``None`` if there is nothing to confirm."""

    def pending(self, identity: str) -> Question | None:
        """What this person was asked last and did not answer."""

    def cancel(self, question: Question) -> bool:
        """Ends the question; whether it was open."""

    def confirm(self, question: Question, *, pin: str, message_id: str, on_late: OnLate | None) -> Answer:
        """Does what was asked about, if the answer is good; ends within about ten seconds, as :class:`Ask` does."""
