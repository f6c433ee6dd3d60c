"""The seams filled with the real thing: the people of the configuration in force, and the kit that asks."""

from collections.abc import Sequence
from typing import Final

from latchwire.kit.ingress import Answer, Ingress, Question
from latchwire_whatsapp_webhook.seams import OnLate, Person
from latchwire_whatsapp_webhook.words import Device

WAIT_SECONDS: Final = 7.0
"""How long a receipt is waited for; connecting and finding the agent may take four more."""


class Household:
    """Who is who, and what they ask for. A change of the configuration counts at the next word."""

    def __init__(self, ingress: Ingress) -> None:
        self._ingress = ingress

    def who(self, identities: Sequence[str]) -> Person | None:
        """The person of these identities; nobody if they belong to two people."""
        found = {identity: self._ingress.who(identity) for identity in identities}
        people = {person.name: person for person in found.values() if person is not None}
        if len(people) != 1:
            return None
        (person,) = people.values()
        config = self._ingress.config
        devices = tuple(
            Device(name, config.devices[name].kind, config.devices[name].names, frozenset(actions))
            for name, actions in self._ingress.usable(person).items()
            if name in config.devices
        )
        identity = next(identity for identity, owner in found.items() if owner is not None)
        return Person(person.name, identity, devices, config.words)

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
