"""What is watched for as long as it lasts: unlocked locks, services that are away, what troubles a service.

An agent of config.json is expected always, another service once it was there. While the connection to the broker is
gone, nothing is known, so nothing is told but that.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from latchwire.kit.observer import AvailabilitySeen, Config, StateSeen, StatusSeen
from latchwire.model import Kind, State
from latchwire_notify.lasting import Lasting, Long, duration
from latchwire_notify.message import Message
from latchwire_notify.settings import Told

BROKER: Final = "the broker"
TROUBLE_SECONDS: Final = 60.0
"""What passes sooner was no trouble."""
MOST_TROUBLES: Final = 20
"""Of one service."""
_LONGEST: Final = 300
"""Characters that are told of what a service says."""


class Watch:
    """All that lasts.

    Args:
        told: what the owner wants to know.
        name: our own login.
        remembered: what :meth:`to_remember` gave.
        now: seconds since 1970.
    """

    def __init__(self, told: Told, *, name: str, remembered: Mapping[str, Any], now: float) -> None:
        at = remembered.get("at")
        absent = now - at if isinstance(at, (int, float)) and at <= now else 0.0
        made = [
            Lasting(seconds, remembered=_mapping(remembered.get(what)), now=now, absent=absent)
            for what, seconds in (
                ("unlocked", told.unlocked_seconds),
                ("away", told.away_seconds),
                ("troubles", TROUBLE_SECONDS),
            )
        ]
        self._unlocked, self._away, self._troubles = made
        known = remembered.get("known")
        self._known = set(map(str, known)) if isinstance(known, list) else set()
        self._name = name
        self._online: set[str] = set()
        self._texts: dict[str, str] = {}
        self.connected = False

    def to_remember(self, now: float) -> dict[str, Any]:
        """What is kept over a restart, as JSON."""
        lasting = {"unlocked": self._unlocked, "away": self._away, "troubles": self._troubles}
        kept = {what: one.to_remember() for what, one in lasting.items()}
        return {**kept, "known": sorted(self._known), "at": now}

    def shift(self, seconds: float) -> None:
        """The clock was put forward by so much."""
        for one in (self._unlocked, self._away, self._troubles):
            one.shift(seconds)

    def connection(self, trouble: str, config: Config, now: float) -> Iterator[Message]:
        """The connection to the broker came or went."""
        was_connected, self.connected = self.connected, not trouble
        if trouble:
            self._online.clear()
            if was_connected:  # its wills are the last that a broker says
                self._away.forget_untold()
            self._away.begin(BROKER, now)
            return
        if long := self._away.end(BROKER, now):
            yield _back(long, now)
        for name in self._expected(config) - self._online:
            self._away.begin(name, now)

    def availability(self, seen: AvailabilitySeen, config: Config, now: float) -> Iterator[Message]:
        """A service came or went."""
        if seen.name not in self._services(config):
            return
        if not seen.online:
            self._online.discard(seen.name)
            self._away.begin(seen.name, now)
            return
        self._known.add(seen.name)
        self._online.add(seen.name)
        if long := self._away.end(seen.name, now):
            yield _back(long, now)

    def state(self, seen: StateSeen, config: Config, now: float) -> Iterator[Message]:
        """A device's state. Of one that nobody can read, nothing is known to have ended."""
        device = config.devices.get(seen.device)
        if device is None or device.kind is not Kind.LOCK or device.agent != seen.agent:
            return
        if seen.state is State.UNLOCKED:
            self._unlocked.begin(seen.device, now)
        elif seen.state is State.LOCKED and (long := self._unlocked.end(seen.device, now)):
            text = f"{seen.device} is locked again, after {duration(long.seconds)}."
            yield Message(f"{seen.device}: locked again", text, 3, ("lock",), now)

    def status(self, seen: StatusSeen, config: Config, now: float) -> Iterator[Message]:
        """What troubles a service, and what does not any more."""
        if seen.name not in self._services(config):
            return
        ours, ended = f"{seen.name}\t", False
        there = {ours + _without_numbers(text): text for text in sentences(seen, "troubles")[:MOST_TROUBLES]}
        for key, text in there.items():
            self._texts[key] = text
            self._troubles.begin(key, now)
        for key in self._troubles:
            if key.startswith(ours) and key not in there:
                ended = self._troubles.end(key, now) is not None or ended
                self._texts.pop(key, None)
        if ended and not there:
            yield Message(f"{seen.name}: well again", f"{seen.name} is well again.", 3, ("white_check_mark",), now)

    def too_long(self, config: Config, now: float) -> Iterator[Message]:
        """What has lasted too long by now, each told once."""
        for name in self._away:
            if name not in (BROKER, *self._expected(config)):
                self._away.end(name, now)  # it was taken out of config.json
        for name in self._unlocked:
            if name not in config.devices:
                self._unlocked.end(name, now)
        for long in self._away.too_long(now):
            text = f"{long.name} has been away for {duration(long.seconds)}. Look at its power, its network, its log."
            yield Message(f"{long.name}: away", text, 4, ("electric_plug",), now)
        if not self.connected:
            return
        for long in self._unlocked.too_long(now):
            text = f"{long.name} has been unlocked for {duration(long.seconds)}."
            yield Message(f"{long.name}: still unlocked", text, 4, ("unlock", "warning"), now)
        for name, _ in self._troubles.too_long(now):
            service = name.partition("\t")[0]
            yield Message(f"{service}: trouble", f"{service}: {self._texts.get(name, name)}", 4, ("warning",), now)

    def _services(self, config: Config) -> set[str]:
        return {*config.agents, *config.issuers(), *config.observers} - {self._name}

    def _expected(self, config: Config) -> set[str]:
        return {*config.agents, *(self._known & self._services(config))}


def sentences(seen: StatusSeen, what: str) -> list[str]:
    """The sentences of a status, whoever wrote it: each of a bounded length, in one line."""
    found = seen.status.get(what)
    texts = [text for text in found if isinstance(text, str)] if isinstance(found, list) else []
    return ["".join(character if character.isprintable() else " " for character in text[:_LONGEST]) for text in texts]


def _back(long: Long, now: float) -> Message:
    text = f"{long.name} is back, after {duration(long.seconds)}."
    return Message(f"{long.name}: back", text, 3, ("white_check_mark",), now)


def _without_numbers(text: str) -> str:
    """The same for a sentence that counts."""
    return re.sub(r"\d+", "", text)


def _mapping(found: object) -> Mapping[str, Any]:
    return found if isinstance(found, dict) else {}
