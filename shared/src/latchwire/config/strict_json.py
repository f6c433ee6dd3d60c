"""Reads JSON that a person, or somebody hostile, wrote: bytes in, plain values out, or what is wrong.

Stricter than ``json.loads``: one size and one depth for all, UTF-8 without a byte order mark, no name twice
in an object, no NaN, no half of a surrogate pair (such a string could not be written to a log). It is used
for the user's config.json and for an agent's own file, so it imports only what the Omega's Python has.
"""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from latchwire.errors import ConfigurationError

LIMIT: Final = 1_000_000
"""Bytes. A real configuration has a few thousand."""
DEPTH: Final = 20
"""Levels of nesting. A real configuration has five."""


def read(path: Path, place: str, *, cure: str = "look at its name") -> bytes:
    """Reads at most :data:`LIMIT` bytes of a file; ``cure`` says what to do where there is none.

    Raises:
        ConfigurationError: it cannot be read, or is larger.
    """
    try:
        with path.open("rb") as file:
            content = file.read(LIMIT + 1)
    except FileNotFoundError:
        raise ConfigurationError(f"{place}: there is no such file: {path}; {cure}") from None
    except (OSError, ValueError) as error:
        cause = (error.strerror if isinstance(error, OSError) else None) or str(error)
        raise ConfigurationError(f"{place}: {path} cannot be read: {cause}") from None
    if len(content) > LIMIT:
        raise ConfigurationError(f"{place}: larger than {LIMIT} bytes; that is no configuration")
    return content


def parse(content: bytes, place: str) -> tuple[Any, list[str]]:
    """Parses a JSON text.

    Returns:
        The value, and the problems that leave it readable (a name twice in one object), so that all of a
        file's problems can be told at once.

    Raises:
        ConfigurationError: there is no value to go on with.
    """
    if len(content) > LIMIT:
        raise ConfigurationError(f"{place}: larger than {LIMIT} bytes; that is no configuration")
    problems: list[str] = []
    try:
        value = json.loads(
            _text(content, place),
            object_pairs_hook=_no_name_twice(place, problems),
            parse_constant=_no_constant,
        )
    except json.JSONDecodeError as error:
        hint = "; a comma after the last entry is not allowed" if _after_comma(error) else ""
        raise ConfigurationError(f"{place}: line {error.lineno}, column {error.colno}: {error.msg}{hint}") from None
    except RecursionError:
        raise ConfigurationError(f"{place}: nested deeper than {DEPTH} levels") from None
    except ValueError as error:  # NaN, or a number of thousands of digits
        raise ConfigurationError(f"{place}: not JSON: {error}") from None
    _check(value, place, 0)
    return value, problems


def _text(content: bytes, place: str) -> str:
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise ConfigurationError(f"{place}: saved as UTF-16; save it as UTF-8")
    if content.startswith(b"\xef\xbb\xbf"):
        raise ConfigurationError(f"{place}: starts with a byte order mark; save it as UTF-8 without BOM")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ConfigurationError(f"{place}: line {line}: not UTF-8; save it as UTF-8") from None


def _after_comma(error: json.JSONDecodeError) -> bool:
    return error.doc[: error.pos].rstrip().endswith(",") and error.doc[error.pos :].lstrip()[:1] in ("}", "]")


def _no_name_twice(place: str, problems: list[str]) -> Callable[[list[tuple[str, Any]]], dict[str, Any]]:
    def hook(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        value: dict[str, Any] = {}
        for name, item in pairs:
            if name in value:
                problems.append(f"{place}: {quoted(name)} stands twice in the same object; keep one")
            value[name] = item
        return value

    return hook


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON number")


def _check(value: object, place: str, depth: int) -> None:
    if depth > DEPTH:
        raise ConfigurationError(f"{place}: nested deeper than {DEPTH} levels")
    if isinstance(value, dict):
        for name, item in value.items():
            _check(name, place, depth + 1)
            _check(item, place, depth + 1)
    elif isinstance(value, list):
        for item in value:
            _check(item, place, depth + 1)
    elif isinstance(value, float) and value in (float("inf"), float("-inf")):
        raise ConfigurationError(f"{place}: 1e999 and the like are too large for a number")
    elif isinstance(value, str) and not value.isascii() and any("\ud800" <= c <= "\udfff" for c in value):
        raise ConfigurationError(f"{place}: {quoted(value)} holds half a character (a lone surrogate)")


def quoted(value: object) -> str:
    """A value as JSON on one printable line, shortened: safe in an error and in a log."""
    text = printable(json.dumps(value, ensure_ascii=False, default=repr)[:80])
    return text if len(text) < 80 else text[:76] + "…"


def printable(text: str) -> str:
    """The text on one line, with an escape for each character that could confuse a terminal or a log."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in text)


def digest(document: object) -> str:
    """Twelve hex digits that change when the content does; spaces and the order of keys do not matter."""
    text = json.dumps(document, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:12]
