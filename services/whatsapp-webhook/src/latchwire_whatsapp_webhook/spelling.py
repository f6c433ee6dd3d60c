"""Text as people's telephones write it, brought into one spelling and cut into tokens.

A token is a word, or a single sign that may mean something (``?``, ``~``, an emoji). What a telephone adds by
itself and nobody sees or means (zero-width characters, marks of direction, the colour of an emoji) is
dropped; so are the signs of ordinary writing (``.,;:-``). Nothing else is dropped: a sign that is not listed
here stays as a token that no vocabulary knows, and an unknown token never becomes a command. Letters that
only look alike stay different.

Texts and the names of devices go through the same function, so that a name in any language is found again.
"""

# ruff: noqa: RUF001  (the look-alike letters are what this file is about)

import re
import unicodedata
from functools import lru_cache
from typing import Final

_UNSEEN: Final = dict.fromkeys(
    (
        *(0x00AD, 0x200B, 0x200C, 0x200D, 0x2060, 0xFEFF),  # soft hyphen, zero width
        *(
            0x061C,
            0x200E,
            0x200F,
            *range(0x2066, 0x206A),
        ),  # direction; WhatsApp sets some around copied names
        *(0xFE0E, 0xFE0F),  # text or picture
        *range(0x1F3FB, 0x1F400),  # skin tones
    ),
)
"""Dropped. The overrides of direction (U+202D, U+202E) are not here: with them a text is not what it looks
like."""

_APOSTROPHES: Final = dict.fromkeys(map(ord, "’‘‛ʼʻ＇`´′"), "'")
"""Replaced before normalising, which would turn some of them into a blank and a mark."""

_QUESTION_MARKS: Final = dict.fromkeys(map(ord, "？؟¿⸮‽❓❔\u037e⁇⁈⁉﹖՞፧"), " ? ")
"""Replaced before normalising, which would turn the Greek one into a semicolon."""

_PUNCTUATION: Final = frozenset(".,;:-_*()‐‑‒–—―¡、。،।·")
"""Signs of ordinary writing; between words they mean no more than a blank. ``*`` and ``_`` are WhatsApp's
bold."""

_ASCII: Final = re.compile(f"[a-z0-9]+(?:'[a-z0-9]+)*|[^\\s{re.escape(''.join(_PUNCTUATION))}]")
"""A token, where all of the text is ASCII, as most is: the same as one character after the other finds, and quicker."""


@lru_cache(maxsize=32)  # one message is looked at several times
def tokens(text: str) -> tuple[str, ...]:
    """Cuts the text into tokens, in NFKC and without case; for any text whatever, and never raises."""
    spelled = _spelled(text)
    return tuple(_ASCII.findall(spelled)) if spelled.isascii() else _tokens(spelled)


def _tokens(spelled: str) -> tuple[str, ...]:
    """One character after the other."""
    found: list[str] = []
    word = ""
    for place, char in enumerate(spelled):
        if _in_word(char) or (char == "'" and word and _in_word(spelled[place + 1 : place + 2])):
            word += char
            continue
        if word:
            found.append(word)
            word = ""
        if not char.isspace() and char not in _PUNCTUATION:
            found.append(char)
    if word:
        found.append(word)
    return tuple(found)


def _spelled(text: str) -> str:
    text = text.translate(_UNSEEN).translate(_APOSTROPHES).translate(_QUESTION_MARKS)
    text = unicodedata.normalize("NFKC", text).casefold()
    return unicodedata.normalize("NFKC", text)


def _in_word(char: str) -> bool:
    """Letters, digits, and marks set on them: a letter that is struck through is not that letter."""
    return bool(char) and unicodedata.category(char)[0] in "LMN"
