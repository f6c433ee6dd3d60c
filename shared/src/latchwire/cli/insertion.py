"""Writes a new entry into config.json as a careful person would: all that is there stays as it is written.

A section's new entry comes after its last one; a section that is not there yet comes last in the file. The file was
found to be valid before.
"""

import json
import re
from typing import Any, Final, NamedTuple

_SPACE: Final = re.compile(r"[ \t\r\n]*")
_INDENT: Final = "  "


class _Member(NamedTuple):
    name: str
    start: int
    end: int


def insert(text: str, section: str, name: str, entry: dict[str, Any]) -> str:
    """The text with that entry in that section.

    Args:
        text: a JSON object, whose section is an object without this entry.
        section: its name at the top.
        name: the entry's name.
        entry: what it holds; written on one line.
    """
    line = f"{json.dumps(name)}: {_dump(entry)}"
    found = next((member for member in _members(text, 0) if member.name == section), None)
    if found is None:
        return _append(text, 0, f"{json.dumps(section)}: {{\n{2 * _INDENT}{line}\n{_INDENT}}}", _INDENT)
    return _append(text, found.start, line, 2 * _INDENT)


def _dump(entry: Any) -> str:
    """JSON on one line."""
    return json.dumps(entry, ensure_ascii=False)


def _append(text: str, start: int, line: str, indent: str) -> str:
    """Adds a member to the object that begins at ``start``, after its last."""
    members = _members(text, start)
    if not members:
        end = text.index("}", start)
        return f"{text[: start + 1].rstrip()}\n{indent}{line}\n{indent[: -len(_INDENT)]}{text[end:]}"
    end = members[-1].end
    return f"{text[:end]},\n{indent}{line}{text[end:]}"


def _members(text: str, start: int) -> list[_Member]:
    """The members of the object that begins at ``start`` or, with a space before it, after that: where values stand."""
    decoder, found = json.JSONDecoder(), []
    place = _after(text, text.index("{", start) + 1)
    while text[place] != "}":
        name, place = decoder.raw_decode(text, place)
        place = _after(text, _after(text, place) + 1)  # the colon
        _, end = decoder.raw_decode(text, place)
        found.append(_Member(name, place, end))
        place = _after(text, end)
        if text[place] == ",":
            place = _after(text, place + 1)
    return found


def _after(text: str, place: int) -> int:
    match = _SPACE.match(text, place)
    return match.end() if match else place
