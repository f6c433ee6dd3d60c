"""People and permissions: who said it, and may they do that.

Asked by every ingress before anything is signed. Who is in nobody's list may do nothing; ``"*"`` must be
written; ``until`` and ``suspended`` count at the moment of asking. An answer of *no* carries the reason for
the owner's log; a stranger is told nothing. The actuator has a last word of its own (``obeys``).
"""

import datetime as dt
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from latchwire.config.agent import ALL
from latchwire.config.home import Config, Person
from latchwire.model import STATUS

_NOBODY: Final[Mapping[str, str]] = MappingProxyType({})


class Allowed(NamedTuple):
    """They may."""

    person: Person


class NotAllowed(NamedTuple):
    """They may not.

    Attributes:
        reason: a sentence for the log, not for the one who asked.
        person: who it is, ``None`` for a stranger.
    """

    reason: str
    person: Person | None = None


class Access:
    """The people of one configuration, found by stable identity in constant time.

    Args:
        config: a new one needs a new ``Access``; making it is cheap.
        x_ids: the ids of X accounts that were given by name alone, by lower-case name without ``@``: what the
            ingress looked up. Nobody is found by a name, for a name can change hands.
    """

    def __init__(self, config: Config, *, x_ids: Mapping[str, str] = _NOBODY) -> None:
        self._config = config
        self._granted: dict[str, dict[str, tuple[str, ...]]] = {}
        self._places = {device: place for place, device in enumerate(config.devices)}
        self._people: dict[str, Person] = {}
        self._clashing: set[str] = set()
        self._anybody_by_hand: Person | None = None
        for person in config.people.values():
            if person.manual is True:
                self._anybody_by_hand = person
            for identity in _identities(person, x_ids):
                if self._people.setdefault(identity, person) is not person:
                    self._clashing.add(identity)
        for identity in self._clashing:  # two names are one account: nobody, rather than the wrong one
            del self._people[identity]

    def who(self, identity: str) -> Person | None:
        """The person of an identity: ``whatsapp:+15555550100``, ``twitter:12345``, ``manual:<Unix user>``."""
        found = self._people.get(identity)
        if found is None and identity.startswith("manual:"):
            return self._anybody_by_hand
        return found

    def decide(self, identity: str, device: str, action: str, *, now: dt.datetime) -> Allowed | NotAllowed:
        """Whether this identity may do this now.

        Args:
            identity: as in :meth:`who`.
            device: its name in the configuration.
            action: its name.
            now: an aware time.
        """
        person = self.who(identity)
        if person is None:
            if identity in self._clashing:
                return NotAllowed(f"two people in config.json turned out to be one account: {identity}")
            return NotAllowed("nobody in config.json has this identity")
        reason = self._against(person, device, action, now)
        return Allowed(person) if reason is None else NotAllowed(reason, person)

    def _against(self, person: Person, device: str, action: str, now: dt.datetime) -> str | None:
        if person.suspended:
            return f"{person.name} is suspended"
        if _is_over(person.until, now):
            return f"the rights of {person.name} ended with {person.until}"
        if device not in self._config.devices:
            return "there is no such device"
        if action not in self._config.devices[device].kind.actions:
            return f"a {self._config.devices[device].kind} does not know this action"
        if action not in self._actions(person, device):
            return f"{person.name} may not do this"
        return None

    def usable(self, person: Person, *, now: dt.datetime) -> dict[str, tuple[str, ...]]:
        """What the person may do now: by device the actions, ``status`` last; no device without any."""
        if person.suspended or _is_over(person.until, now):
            return {}
        if person is not self._config.people.get(person.name):
            return self._grants(person)  # of an older configuration
        granted = self._granted.get(person.name)
        if granted is None:  # asked at each word, and it takes the longer the more devices there are
            self._granted[person.name] = granted = self._grants(person)
        return granted.copy()

    def _grants(self, person: Person) -> dict[str, tuple[str, ...]]:
        devices, may = self._config.devices, person.may
        # A big house has devices that this person may not use.
        names = devices if isinstance(may, str) else sorted(devices.keys() & may.keys(), key=self._places.__getitem__)
        found = {device: self._actions(person, device) for device in names}
        return {device: actions for device, actions in found.items() if actions}

    def _actions(self, person: Person, device: str) -> tuple[str, ...]:
        known = self._config.devices[device].kind.actions
        granted = person.may if isinstance(person.may, str) else person.may.get(device, ())
        if granted == ALL:
            return known
        allowed = tuple(action for action in known if action in granted)
        return allowed if not allowed or STATUS in allowed else (*allowed, STATUS)


def _identities(person: Person, x_ids: Mapping[str, str]) -> list[str]:
    found = [f"whatsapp:{sender}" for sender in person.whatsapp] + list(person.identities)
    if isinstance(person.manual, str) and person.manual:
        found.append(f"manual:{person.manual}")
    if person.twitter is not None:
        number = person.twitter.id or x_ids.get(person.twitter.name.lower(), "")
        if number:
            found.append(f"twitter:{number}")
    return found


def _is_over(until: dt.date | None, now: dt.datetime) -> bool:
    """Whether that day is over here. Its end is that of the local day: ``TZ``, or the machine's own zone.

    Compared are dates of one zone, so that no day is lost or won where a clock is put forward or back.
    """
    if now.tzinfo is None:
        raise ValueError("a time without a zone decides nothing")
    return until is not None and now.astimezone().date() > until
