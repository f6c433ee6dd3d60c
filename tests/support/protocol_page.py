"""What tests read from ``docs/protocol.md``: its shell blocks, what they print, its vectors, and its table of causes.

A block that is run has a name in a comment before it (``<!-- run: NAME -->``), and what it prints stands after
``<!-- prints: NAME -->``.
"""

import re
from pathlib import Path
from typing import Final

from latchwire.model import Again, Cause, Where

PAGE: Final = Path(__file__).parents[2] / "docs" / "protocol.md"


def text() -> str:
    """The page."""
    return PAGE.read_text(encoding="utf-8")


def block(kind: str, name: str) -> str:
    """The fenced block after that comment."""
    found = re.search(rf"<!-- {kind}: {name} -->\n+```\w*\n(.*?)```\n", text(), re.DOTALL)
    if found is None:
        raise AssertionError(f"docs/protocol.md has no block <!-- {kind}: {name} -->")
    return found[1]


def vectors() -> list[tuple[str, str, str]]:
    """What is wrong with it, the token, and what is said of it: ``accepted`` or a cause."""
    return [
        (what, token, said)
        for what, said, token in re.findall(r"^(\S.*): \*\*([a-z-]+)\*\*\n\n    (\S+)$", text(), re.MULTILINE)
    ]


def cause_table() -> str:
    """The causes as the page has to show them."""
    lines = ["| cause | told by | happened | again? | what it means | what to do |", "|---|---|---|---|---|---|"]
    for cause in Cause:
        if cause is not Cause.UNRECOGNISED:
            told = "the sender itself" if cause.where is Where.SENDER else cause.where.value
            if cause is Cause.MALFORMED:
                told = "refused; alert before the signature"
            alert = cause.where is Where.ALERT
            happened, again = ("", "") if alert else (cause.happened.value, _AGAIN[cause.again])
            lines.append(f"| `{cause.wire}` | {told} | {happened} | {again} | {cause.sentence} | {cause.remedy} |")
    return "\n".join(lines)


_AGAIN: Final = {
    Again.NEVER: "no",
    Again.BY_ITSELF: "once by itself",
    Again.PERSON: "a person decides",
    Again.NOW: "yes",
    Again.LATER: "later",
}
