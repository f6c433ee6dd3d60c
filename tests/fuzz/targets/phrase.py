"""A WhatsApp text: never a fault, and an action only where every word of it says so.

The first line is the text; the others say whose home it is written in: ``lock front-door door,front door``, ``switch
ac``, ``may lock,status``, ``word ignore bitte``. Without any it is the home of the sample phrases.
"""

import re
import unicodedata
from typing import Final

from latchwire.model import STATUS, Kind
from latchwire_whatsapp_webhook import vocabulary as v
from latchwire_whatsapp_webhook.words import Command, Device, Phrasebook, Unclear, remarks

LONGEST: Final = 700

_EVERY: Final = frozenset((*Kind.LOCK.actions, *Kind.SWITCH.actions))
HOME: Final = (
    Device("front-door", Kind.LOCK, ("door", "front door"), _EVERY),
    Device("ac", Kind.SWITCH, (), _EVERY),
    Device("light", Kind.SWITCH, (), _EVERY),
)
_APOSTROPHES: Final = "’‘‛ʼʻ＇`´′"  # noqa: RUF001  # what telephones write for one
_KNOWN: Final = frozenset[str]().union(
    v.VERBS, v.CARRIERS, v.DETERMINERS, v.FILLERS, v.ECHOES, v.ASKERS, v.ASKED, v.QUESTION_WORDS, v.STATES,
    v.QUESTION_FILLERS, v.STATUS_FILLERS, (v.PRONOUN,), *map(str.split, v.STATUS_WORDS),
)  # fmt: skip


def one_input(data: bytes) -> None:
    """Understands the text in its home."""
    text, *lines = _decoded(data).split("\n")
    devices, added = _home(lines)
    book = Phrasebook(devices, added)
    meaning = book.understand(text)
    remarks(devices, added)
    said = _words(text)
    if any(word in v.NEGATIONS or word.endswith("n't") for word in said):
        assert isinstance(meaning, Unclear), "a no is a no"
    if isinstance(meaning, Command):
        _is_meant(meaning, said, devices, added)
        unknown = "xqzvk"
        if unknown not in "".join(lines):
            assert isinstance(book.understand(f"{text} {unknown}"), Unclear), "a word too many"
            assert isinstance(book.understand(f"{text} not"), Unclear), "a no at the end"
    elif isinstance(meaning, Unclear):
        _works(meaning, devices, added)


def _decoded(data: bytes) -> str:
    """Half characters are let through where that is all that is wrong: JSON can bring them."""
    try:
        return data.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return data.decode("utf-8", "replace")


def _home(lines: list[str]) -> tuple[tuple[Device, ...], dict[str, list[str]]]:
    devices: dict[str, Device] = {}
    added: dict[str, list[str]] = {}
    may = _EVERY
    for line in lines:
        match line.split(" ", 2):
            case ["may", actions]:
                may = frozenset(actions.split(","))
            case ["lock" | "switch" as kind, name, *aliases]:
                names = tuple(alias for text in aliases for alias in text.split(","))
                devices[name] = Device(name, Kind(kind), names, may)
            case ["word", meaning, word]:
                added.setdefault(meaning, []).append(word)
    return tuple(devices.values()) or HOME, added


def _is_meant(meaning: Command, said: list[str], devices: tuple[Device, ...], added: dict[str, list[str]]) -> None:
    device = next(device for device in devices if device.name == meaning.device)
    assert meaning.action in device.kind.actions
    names = {word for device in devices for name in (device.name, *device.names) for word in _words(name)}
    extra = {meaning: {word for text in texts for word in _words(text)} for meaning, texts in added.items()}
    assert {*said} <= _KNOWN | names | frozenset().union(*extra.values()), "every word is known"
    if meaning.action != STATUS:
        verbs = {word for word, action in v.VERBS.items() if action == meaning.action}
        assert {*said} & (verbs | extra.get(meaning.action, set())), "the action's own word is there"
        assert "?" not in said or {*said} & v.ASKERS, "a question is no order"


def _works(meaning: Unclear, devices: tuple[Device, ...], added: dict[str, list[str]]) -> None:
    if meaning.example != "help":
        again = Phrasebook(devices, added).understand(meaning.example)
        assert isinstance(again, Command)
        assert again.action in next(device for device in devices if device.name == again.device).may


def _words(text: str) -> list[str]:
    """The words and signs that a reader sees, found in another way than ``spelling`` does."""
    unseen = re.compile("[\U0001f3fb-\U0001f3ff\ufe0e\ufe0f]")  # the colour of an emoji, and how it is drawn
    seen = "".join("'" if c in _APOSTROPHES else c for c in unseen.sub("", text) if unicodedata.category(c) != "Cf")
    seen = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", seen).casefold())
    cut = "".join(c if unicodedata.category(c)[0] in "LMN" or c == "'" else f" {c} " for c in seen)
    signs = set(".,;:-_*()‐‑‒–—―¡、。،।·")  # noqa: RUF001  # what ``spelling`` drops as well
    return [stripped for word in cut.split() if word not in signs and (stripped := word.strip("'"))]
