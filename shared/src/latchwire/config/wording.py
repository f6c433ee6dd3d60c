"""Small helpers for the sentences about a configuration, and the one form in which names are compared."""

import difflib
import unicodedata
from collections.abc import Iterable
from typing import Final

from latchwire.config.strict_json import quoted

_SHOWN: Final = 12


def spoken(text: str) -> str:
    """The form in which names and words are compared: case, dashes and spaces do not matter."""
    plain = unicodedata.normalize("NFKC", text).casefold()
    return " ".join(plain.replace("-", " ").replace("_", " ").split())


def listed(names: Iterable[str]) -> str:
    """Names in a row, the first dozen; ``none`` if there are none."""
    every = list(names)
    more = f" and {len(every) - _SHOWN} more" if len(every) > _SHOWN else ""
    return ", ".join(every[:_SHOWN]) + more if every else "none"


def meant(word: object, names: Iterable[str]) -> str:
    """``; did you mean "x"?`` if one of the names is close, or nothing."""
    if not isinstance(word, str) or len(word) > 64:
        return ""
    written = {name.casefold(): name for name in names}
    close = difflib.get_close_matches(word.casefold(), list(written), n=1, cutoff=0.6)
    return f"; did you mean {quoted(written[close[0]])}?" if close else ""


def place(path: Iterable[str | int]) -> str:
    """A place inside the file as a person reads it: ``devices.ac.names[0]``."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            plain = part.isprintable() and part and len(part) <= 64 and not set(part) & set(' ."[]')
            text += ("." if text else "") + (part if plain else quoted(part))
    return text
