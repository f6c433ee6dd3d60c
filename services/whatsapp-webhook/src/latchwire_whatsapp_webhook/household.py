"""The seams filled with the real thing: the people of the configuration in force, and the kit that asks."""

from collections.abc import Mapping, Sequence
from typing import Final

from latchwire.kit.ingress import Answer, Config, Ingress, Question
from latchwire_whatsapp_webhook.seams import OnLate, Person
from latchwire_whatsapp_webhook.words import Device, Phrasebook

WAIT_SECONDS: Final = 7.0
"""How long a receipt is waited for; connecting and finding the agent may take four more."""

_Usable = Mapping[str, tuple[str, ...]]


class Household:
    """Who is who, and what they ask for. A change of the configuration counts at the next word."""

    def __init__(self, ingress: Ingress) -> None:
        self._ingress = ingress
        self._books: tuple[Config | None, dict[str, tuple[_Usable, Phrasebook]]] = (None, {})

    def who(self, identities: Sequence[str]) -> Person | None:
        """The person of these identities; nobody if they belong to two people."""
        found = {identity: self._ingress.who(identity) for identity in identities}
        people = {person.name: person for person in found.values() if person is not None}
        if len(people) != 1:
            return None
        (person,) = people.values()
        identity = next(identity for identity, owner in found.items() if owner is not None)
        return Person(person.name, identity, self._book(person.name, self._ingress.usable(person)))

    def _book(self, name: str, usable: _Usable) -> Phrasebook:
        """The one that was made for this person, while the configuration and what they may are the same."""
        config = self._ingress.config
        of, books = self._books
        if of is not config:
            self._books = of, books = config, {}
        known, book = books.get(name, ({}, None))
        if book is None or known != usable:
            devices = [
                Device(each, config.devices[each].kind, config.devices[each].names, frozenset(actions))
                for each, actions in usable.items()
                if each in config.devices
            ]
            book = Phrasebook(devices, config.words)
            books[name] = usable, book
        return book

    def ask(self, *, identity: str, device: str, action: str, message_id: str, on_late: OnLate | None) -> Answer:
        """Asks the agent of the device, if this identity may."""
        return self._ingress.ask(
            identity=identity, device=device, action=action, jti=message_id, wait=WAIT_SECONDS, on_late=on_late
        )

    def question(self, *, identity: str, device: str, action: str) -> Question | Answer | None:
        """Opens a question, if the action takes a confirmation."""
        return self._ingress.question(identity=identity, device=device, action=action)

    def pending(self, identity: str) -> Question | None:
        """What this person was asked last and did not answer."""
        return self._ingress.pending(identity)

    def cancel(self, question: Question) -> bool:
        """Ends the question; whether it was open."""
        return self._ingress.cancel(question)

    def confirm(self, question: Question, *, pin: str, message_id: str, on_late: OnLate | None) -> Answer:
        """Asks the agent of the device, if the answer is good and its person still may."""
        return self._ingress.confirm(question, pin=pin, jti=message_id, wait=WAIT_SECONDS, on_late=on_late)
