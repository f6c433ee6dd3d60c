"""Small helpers for the sentences about a configuration, and the one form in which names are compared."""

import difflib
import re
import unicodedata
from collections.abc import Iterable
from typing import Final

from latchwire.config.strict_json import quoted

_SHOWN: Final = 12
_WORD: Final = re.compile(r"\w+\Z")
_AROUND: Final = re.compile(r"\A[#\s]+|\s+\Z")


def spoken(text: str) -> str:
    """The form in which names and words are compared: case, dashes and spaces do not matter."""
    plain = unicodedata.normalize("NFKC", text).casefold()
    return " ".join(plain.replace("-", " ").replace("_", " ").split())


def hashtag(text: str) -> str:
    """The form in which hashtags are compared: without ``#``, without regard to case or to how a letter is composed.

    What this gives it gives again of itself, so a configured and a posted hashtag meet wherever it is asked for.
    """
    plain = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return _AROUND.sub("", plain)  # only now: a small or a wide sign has become a plain one


def is_hashtag(text: str) -> bool:
    """Whether it can be listened for at X: letters, digits and ``_`` alone, after a ``#`` or without."""
    return not any(map(str.isspace, text)) and _WORD.match(hashtag(text)) is not None


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
