"""What is done with one message: remembered, judged, understood, asked, answered. Knows nothing of HTTP.

The order is the safety: the message is on the disk before anything else is decided, so that however it ends (too many,
a stranger, forwarded, unclear, a fault) the same request cannot be tried again under better conditions.

Where a confirmation was asked for, the very next message is the answer to it or ends it: a YES or a PIN never counts
for something that lies further back. Nothing here logs or remembers the words, for they may be a PIN.
"""

import logging
from collections.abc import Sequence
from typing import Final

from latchwire.kit.ingress import Answer, Confirm, Ending
from latchwire.kit.ingress import Question as Back
from latchwire.log import Seldom, event
from latchwire.model import STATUS
from latchwire_whatsapp_webhook import replies
from latchwire_whatsapp_webhook.asking import Asking, Question
from latchwire_whatsapp_webhook.incoming import Incoming
from latchwire_whatsapp_webhook.journal import Journal, JournalError, New, Repeated, message_id
from latchwire_whatsapp_webhook.limits import RateLimit
from latchwire_whatsapp_webhook.seams import AskBack, OnLate, Person, Send, Who
from latchwire_whatsapp_webhook.words import Command, Unclear, Wish, digits, is_no

_log: Final = logging.getLogger("latchwire.whatsapp")

BURST: Final = 12
EVERY: Final = 5.0
"""Seconds: a sender may write twelve messages at once, and one more each five seconds."""
LINES: Final = 10
"""A minute: so often the log tells that a message came again, or that one sender writes too much."""
MOST_AT_ONCE: Final = 24
"""Devices that "status" asks."""


class Conversation:
    """Hears messages.

    Args:
        journal: the memory.
        who: tells people from strangers.
        asking: asks the devices.
        send: sends what comes later than the reply; ``None`` if there are no credentials for that.
        limit: for each sender.
        ask_back: asks for confirmations; ``None`` if nothing takes one.
    """

    def __init__(
        self,
        *,
        journal: Journal,
        who: Who,
        asking: Asking,
        send: Send | None = None,
        limit: RateLimit | None = None,
        ask_back: AskBack | None = None,
    ) -> None:
        self._journal = journal
        self._who = who
        self._asking = asking
        self._send = send
        self._ask_back = ask_back
        self._limit = limit or RateLimit(burst=BURST, every=EVERY)
        self._told = RateLimit(burst=1, every=60.0)
        self._seldom = Seldom(most=LINES, seconds=60.0)

    def hear(self, message: Incoming) -> str:
        """Does what the message says, once; gives the text of the reply, "" for none."""
        message_key = message_id(message.account, message.sid)
        person = self._who(message.identities)
        try:
            heard = self._journal.hear(message_key)
        except JournalError as error:
            event(_log, logging.ERROR, f"Nothing was done. {error}", who=_name(person), command=message_key)
            self._cancel(self._pending(person))
            return replies.NOT_WRITTEN_DOWN if person else replies.NOTHING
        match heard:
            case New():
                return self._first_time(message, message_key, person)
            case Repeated(answer, under_way):
                # One kept request can be posted for ever, by whoever kept it.
                self._seldom.event(_log, logging.WARNING, "The same message came again; nothing was done again.",
                                   kind="again", who=_name(person), command=message_key)  # fmt: skip
                if answer is not None:
                    return answer
                if person is None:
                    return replies.NOTHING
                return replies.STILL_AT_IT if under_way else replies.HEARD_BEFORE

    def _first_time(self, message: Incoming, message_key: str, person: Person | None) -> str:
        reply = replies.OWN_FAULT if person else replies.NOTHING  # what a repetition gets if a fault ends this
        try:
            reply = self._reply(message, message_key, person)
        finally:
            try:
                self._journal.answered(message_key, reply)
            except JournalError as error:
                event(_log, logging.ERROR, f"An answer was not written down. {error}", command=message_key)
        return reply

    def _reply(self, message: Incoming, message_key: str, person: Person | None) -> str:
        asked = self._pending(person)
        if not self._limit.allows(message.sender):
            self._cancel(asked)
            self._seldom.event(_log, logging.WARNING, "Too many messages of one sender.", kind="too-many",
                               who=_name(person) or message.sender)  # fmt: skip
            return replies.TOO_MUCH if person and self._told.allows(message.sender) else replies.NOTHING
        if person is None:
            self._stranger(message)
            return replies.NOTHING
        if message.forwarded or message.wordless:
            event(_log, logging.INFO, "Forwarded, or without words; nothing was done.", who=person.name)
            return self._instead(asked, replies.FORWARDED if message.forwarded else replies.NO_WORDS)
        if not person.devices:
            event(_log, logging.INFO, "May not use anything at present; nothing was done.", who=person.name)
            return self._instead(asked, replies.NOTHING_TO_USE)
        yes = person.book.is_yes(message.text)
        if asked is not None and (yes if asked.by is Confirm.YES else digits(message.text)):
            return self._confirm(asked, message, message_key, person)
        if yes:
            return self._instead(asked, replies.NOT_YES if asked else replies.NOTHING_TO_CONFIRM)
        if is_no(message.text) and self._cancel(asked):
            return replies.cancelled(asked) if asked else replies.NOTHING
        return self._obey(asked, message, message_key, person)

    def _obey(self, asked: Back | None, message: Incoming, message_key: str, person: Person) -> str:
        match person.book.understand(message.text):
            case Command(device, action):
                return self._command(asked, Question(device, action, message_key), message, person)
            case Wish.STATUS_ALL:
                some = [device.name for device in person.devices][:MOST_AT_ONCE]
                questions = [Question(name, STATUS, message_id(message.account, message.sid, name)) for name in some]
                return self._instead(asked, replies.states(self._ask(questions, message, person)))
            case Wish.LIST:
                return self._instead(asked, replies.devices(person.devices))
            case Wish.HELP:
                return self._instead(asked, replies.help_text(person.devices, person.book.example()))
            case Unclear(would_work):
                event(_log, logging.INFO, "Not understood; nothing was done.", who=person.name, command=message_key)
                late = asked is None and digits(message.text)  # most likely a PIN
                return self._instead(asked, replies.NOTHING_TO_CONFIRM if late else replies.unclear(would_work))

    def _command(self, asked: Back | None, question: Question, message: Incoming, person: Person) -> str:
        """Does it, or asks back first; what was asked before is off."""
        device, action = question.device, question.action
        again = asked is not None and (asked.device, asked.action) == (device, action)
        off = "" if again and self._cancel(asked) else self._instead(asked, "")
        back = self._ask_back and self._ask_back.question(identity=person.identity, device=device, action=action)
        if isinstance(back, Back):
            return f"{off} {replies.asks(back)}".strip()
        answer = back or self._ask([question], message, person)[0]
        return f"{off} {self._said(answer)}".strip()

    def _confirm(self, asked: Back, message: Incoming, message_key: str, person: Person) -> str:
        """The answer to what was asked; the kit judges it."""
        if self._ask_back is None:
            return replies.NOTHING_TO_CONFIRM
        pin = digits(message.text) if asked.by is Confirm.PIN else ""
        late = self._late(message, person)
        return self._said(self._ask_back.confirm(asked, pin=pin, message_id=message_key, on_late=late))

    def _pending(self, person: Person | None) -> Back | None:
        return self._ask_back.pending(person.identity) if self._ask_back and person else None

    def _cancel(self, asked: Back | None) -> bool:
        """Ends what was asked; whether it was still open."""
        return asked is not None and self._ask_back is not None and self._ask_back.cancel(asked)

    def _instead(self, asked: Back | None, reply: str) -> str:
        """The reply to something else than an answer, which ends what was asked and says so."""
        off = replies.cancelled(asked) if asked and self._cancel(asked) else ""
        return f"{off} {reply}".strip()

    def _said(self, answer: Answer) -> str:
        """The outcome in words; nothing where the same was said a moment ago."""
        return replies.NOTHING if answer.told_before else replies.outcome(answer, will_follow=self._send is not None)

    def _ask(self, questions: Sequence[Question], message: Incoming, person: Person) -> list[Answer]:
        return self._asking.ask(questions, identity=person.identity, on_late=self._late(message, person))

    def _late(self, message: Incoming, person: Person) -> OnLate:
        """What becomes of an answer that comes after the reply."""
        send = self._send

        def late(answer: Answer) -> None:
            event(
                _log, logging.INFO, "An answer came late.", device=answer.device, action=answer.action,
                who=person.name, outcome=answer.ending, cause=answer.cause and answer.cause.wire,
            )  # fmt: skip
            if send is not None and answer.action != STATUS and answer.ending is not Ending.NO_ANSWER:
                send(message.sender, message.recipient, replies.late(answer))

        return late

    def _stranger(self, message: Incoming) -> None:
        """The owner gets the line to paste; the sender's form was checked, so nothing else can be in it."""
        sender = message.identities[0].removeprefix("whatsapp:")
        self._seldom.event(
            _log, logging.WARNING,
            "A stranger wrote; nothing was done or told. To let them in, add to `people` in config.json, with a name "
            f'and what they may: "somebody": {{"whatsapp": "{sender}", "may": {{"front-door": ["lock"]}}}}',
            kind="stranger", who=message.identities[0],
        )  # fmt: skip


def _name(person: Person | None) -> str | None:
    return person.name if person else None
