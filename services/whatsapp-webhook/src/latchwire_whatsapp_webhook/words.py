"""What a message means, or that it is unclear: no guess ever opens a door.

A message is cut into tokens, the names of devices in it are found (the longest wins), and then every token
left must be known and stand where it may stand. One word too many, and the answer is :class:`Unclear` with an
example that works. The order of the functions below is the order in which they look: negation, a whole
phrase, the question "is … locked?", a device alone or its status, a command. The words themselves are in
``vocabulary.py``.
"""

import enum
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from latchwire.model import STATUS, Kind
from latchwire_whatsapp_webhook import vocabulary as v
from latchwire_whatsapp_webhook.spelling import tokens

LONGEST: Final = 400
"""Characters; whoever writes more is not giving an order to a door."""


class Device(NamedTuple):
    """A device that the writer may use.

    Attributes:
        name: as in the configuration, ``front-door``.
        kind: it gives the actions that the device knows.
        names: what people call it besides.
        may: the actions that this person is allowed; used for examples only, the kit decides.
    """

    name: str
    kind: Kind
    names: tuple[str, ...] = ()
    may: frozenset[str] = frozenset()


class Command(NamedTuple):
    """Do this action (``status`` among them) with this device."""

    device: str
    action: str


class Wish(enum.Enum):
    """What can be wished for that names no device."""

    LIST = "list"
    STATUS_ALL = "status"
    HELP = "help"


class Unclear(NamedTuple):
    """Nothing is done; ``example`` is a message that would work for this person."""

    example: str


Meaning = Command | Wish | Unclear

Words = Mapping[str, Iterable[str]]
"""Of the configuration: an action, or ``yes``, ``list``, ``help``, ``ignore`` → words of other languages for it."""


class _Named(NamedTuple):
    """The place in a message where devices are named; more than one only if they share that name."""

    devices: tuple[Device, ...]


_Part = _Named | str

_Known = Mapping[str, Sequence[tuple[tuple[str, ...], _Part]]]
"""What devices are called, and added words: by their first token, the longest first, what they stand for."""

_BUILT_IN: Final = frozenset[str]().union(
    *(v.VERBS, v.CARRIERS, v.DETERMINERS, v.FILLERS, v.ECHOES, v.ASKERS, v.ASKED, v.QUESTION_WORDS),
    *(v.STATES, v.QUESTION_FILLERS, v.STATUS_WORDS, v.STATUS_FILLERS, v.NEGATIONS),
    *((v.PRONOUN, "list", "devices", "help"), v.YES_WORDS),
)
_ADDABLE: Final = frozenset((*v.VERBS.values(), *(wish.value for wish in Wish), v.YES, v.IGNORE))
_PHRASES: Final = {phrase: Wish(wish) for wish, phrases in v.PHRASES.items() for phrase in phrases}
_SPOKEN: Final = {"on": "turn on the {}", "off": "turn off the {}"}


class Phrasebook:
    """What the devices that one person may use are called, and which words mean what; never raises, whatever the text.

    Making it takes longer than asking it, so it is kept while nothing of it changes.

    Args:
        devices: those that this person may use, and no others.
        words: of other languages, from the configuration.
    """

    def __init__(self, devices: Sequence[Device] = (), words: Words | None = None) -> None:
        self.devices = tuple(devices)
        self._known = _known(self.devices, words)

    def understand(self, text: str) -> Meaning:
        """Says what the text means to that person."""
        if len(text) > LONGEST:
            return Unclear(self.example())
        known, said = self._known, tokens(text)
        meaning = _meaning(said, self.devices, known)
        return meaning or Unclear(_example(self.devices, _parts(said, known), known))

    def is_yes(self, text: str) -> bool:
        """Whether the text says yes and nothing else."""
        parts = _parts(tokens(text), self._known) if len(text) <= LONGEST else ()
        left = _without(parts, v.FILLERS)
        return len(left) == 1 and isinstance(left[0], str) and left[0] in v.YES_WORDS

    def example(self) -> str:
        """Words that would work for that person; ``help`` where nothing would."""
        return _example(self.devices, (), self._known)


def is_no(text: str) -> bool:
    """Whether the text says no and nothing else."""
    left = [word for word in tokens(text[:LONGEST]) if word not in v.FILLERS]
    return bool(left) and all(word in v.NEGATIONS for word in left)


def digits(text: str) -> str:
    """The digits, if the text is nothing else; else ""."""
    said = "".join(tokens(text)) if len(text) <= LONGEST else ""
    return said if said.isascii() and said.isdecimal() else ""


def remarks(devices: Iterable[Device], words: Words) -> list[str]:
    """What in the configuration cannot be heard as it is written: a sentence each, for the log."""
    told = []
    for device in devices:
        for name in device.names:
            if _refuses(tokens(name)):
                told.append(f"The name {name!r} of {device.name} is never heard: it says no, or nothing.")
            elif _hidden(tokens(name)):
                told.append(f'The name {name!r} of {device.name} is heard as "the {name}" only: alone it means else.')
    for meaning, word in ((meaning, word) for meaning, added in words.items() for word in added):
        if not _addable(word, meaning):
            told.append(f"The word {word!r} of `words` is left out: it has a meaning already, or {meaning!r} is none.")
    return told


def _meaning(said: Sequence[str], devices: Sequence[Device], known: _Known) -> Meaning | None:
    if said and _refuses(said):
        return None
    parts = _parts(said, known)
    return _phrase(parts) or _question(parts, devices) or _status(parts) or _command(parts, devices)


def _refuses(said: Sequence[str]) -> bool:
    """Negation anywhere, a leading ``!`` (it means "not" to some), or nothing at all."""
    return not said or said[0] == "!" or any(word in v.NEGATIONS or word.endswith("n't") for word in said)


def _phrase(parts: Sequence[_Part]) -> Wish | None:
    left = _without(parts, v.FILLERS | {v.QUESTION_MARK})
    return _PHRASES.get(" ".join(map(str, left))) if not _names(left) else None


def _question(parts: Sequence[_Part], devices: Sequence[Device]) -> Command | None:
    """Is … on, off, open, locked?"""
    left = _without(parts, v.QUESTION_FILLERS | {v.QUESTION_MARK})
    if len(left) < 3 or left[0] not in v.QUESTION_WORDS:
        return None
    subject, *asked = left[1:]
    if isinstance(subject, str) and subject != v.PRONOUN:
        return None
    if not all(isinstance(word, str) and word in v.STATES for word in asked):
        return None
    meant = devices if isinstance(subject, str) else subject.devices
    return _only((d for d in meant if all(v.STATES[str(word)] in d.kind.actions for word in asked)), STATUS)


def _status(parts: Sequence[_Part]) -> Command | None:
    """A device and nothing else, or "status of" it."""
    left = _without(parts, v.STATUS_FILLERS)
    names = _names(left)
    if len(names) != 1 or " ".join(part for part in left if isinstance(part, str)) not in v.STATUS_WORDS:
        return None
    return _only(names[0].devices, STATUS)


def _command(parts: Sequence[_Part], devices: Sequence[Device]) -> Command | None:
    """One verb, at most one device, and beside them nothing but words that mean nothing."""
    request = _request(parts)
    if request is None:
        return None
    verbs = [place for place, part in enumerate(request) if isinstance(part, str) and part in v.VERBS]
    names = [place for place, part in enumerate(request) if isinstance(part, _Named)]
    if len(verbs) != 1 or len(names) > 1:
        return None
    verb = verbs[0]
    action = v.VERBS[str(request[verb])]
    if request[verb] in v.ALSO_A_STATE and names and names[0] < verb:
        return None
    if not all(_may_stand(request, place, verb) for place in range(len(request))):
        return None
    if sum(part in v.CARRIERS for part in request if isinstance(part, str)) > 1:
        return None
    named = request[names[0]] if names else None
    meant = named.devices if isinstance(named, _Named) else devices
    return _only((d for d in meant if action in d.kind.actions), action)


def _may_stand(parts: Sequence[_Part], place: int, verb: int) -> bool:
    """Whether the part at ``place`` may stand there in a command whose verb is at ``verb``."""
    part = parts[place]
    action = v.VERBS[str(parts[verb])]
    if isinstance(part, _Named) or place == verb or part in v.FILLERS:
        return True
    if part in v.DETERMINERS:
        return place + 1 < len(parts) and isinstance(parts[place + 1], _Named)
    if part in v.CARRIERS:
        return place < verb and action in {"on", "off"}
    return v.ECHOES.get(part) == action


def _request(parts: Sequence[_Part]) -> Sequence[_Part] | None:
    """The parts without "could you" and its question mark; ``None`` if it is a question."""
    left = [part for part in parts if part != v.QUESTION_MARK]
    opening = [part for part in left if isinstance(part, _Named) or part not in v.FILLERS][:2]
    asked = len(opening) == 2 and opening[0] in v.ASKERS and opening[1] in v.ASKED
    if asked and any(part in v.PLEASE for part in left if isinstance(part, str)):
        for word in opening:
            left.remove(word)
        return left
    return left if len(left) == len(parts) else None


def _parts(said: Sequence[str], known: _Known) -> tuple[_Part, ...]:
    """The tokens, with names of devices and added words replaced by what they stand for; the longest wins."""
    parts: list[_Part] = []
    place = 0
    while place < len(said):
        for heard, part in known.get(said[place], ()):
            if tuple(said[place : place + len(heard)]) == heard:
                place += len(heard)
                if part != v.IGNORE:
                    parts.append(part)
                break
        else:
            parts.append(said[place])
            place += 1
    return tuple(parts)


def _known(devices: Sequence[Device], words: Words | None) -> _Known:
    meant = _added(words or {}) | _called(devices)
    known: dict[str, list[tuple[tuple[str, ...], _Part]]] = {}
    for heard in sorted(meant, key=len, reverse=True):
        known.setdefault(heard[0], []).append((heard, meant[heard]))
    return known


def _called(devices: Sequence[Device]) -> dict[tuple[str, ...], _Part]:
    """What the devices are called, in tokens."""
    called: dict[tuple[str, ...], tuple[Device, ...]] = {}
    for device in devices:
        for name in dict.fromkeys(map(tokens, (device.name, *device.names))):
            if not name:
                continue
            for heard in [(determiner, *name) for determiner in v.DETERMINERS] if _hidden(name) else [name]:
                called[heard] = (*called.get(heard, ()), device)
    return {name: _Named(meant) for name, meant in called.items()}


def _hidden(name: Sequence[str]) -> bool:
    """A word of the grammar as a name ("lock") is heard behind "the" only; alone it keeps its meaning."""
    return len(name) == 1 and name[0] in _BUILT_IN


def _added(words: Words) -> dict[tuple[str, ...], _Part]:
    every = [(meaning, word) for meaning, added in words.items() for word in added]
    return {tokens(word): meaning for meaning, word in every if _addable(word, meaning)}


def _addable(word: str, meaning: str) -> bool:
    """Whether the word has no meaning yet: nothing makes "lock" mean "unlock", or hides a "no"."""
    said = tokens(word)
    return meaning in _ADDABLE and not _refuses(said) and not all(token in _BUILT_IN for token in said)


def _without(parts: Sequence[_Part], dropped: frozenset[str]) -> list[_Part]:
    return [part for part in parts if isinstance(part, _Named) or part not in dropped]


def _names(parts: Sequence[_Part]) -> list[_Named]:
    return [part for part in parts if isinstance(part, _Named)]


def _only(devices: Iterable[Device], action: str) -> Command | None:
    """The command, if exactly one device can be meant."""
    meant = tuple(devices)
    return Command(meant[0].name, action) if len(meant) == 1 else None


def _example(devices: Sequence[Device], parts: Sequence[_Part], known: _Known) -> str:
    """Words near to what was said that were tried and would work; ``help`` where nothing would."""
    said = [v.VERBS[part] for part in parts if isinstance(part, str) and part in v.VERBS]
    near = (*(device for named in _names(parts) for device in named.devices), *devices)
    wishes = [(device, action) for action in said for device in near]
    wishes += [(device, action) for device in near for action in device.kind.actions]
    for device, action in wishes:
        for name in (*device.names, device.name.replace("-", " ")):
            text = _SPOKEN.get(action, action + " the {}").format(name)
            if action in device.may and _meaning(tokens(text), devices, known) == Command(device.name, action):
                return text
    return Wish.HELP.value
