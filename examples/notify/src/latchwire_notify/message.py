"""One thing to tell the owner, and how several are put into one."""

import time
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

MOST_BYTES: Final = 3000
"""Bytes of a text. ntfy makes a file of what has more than 4096 in all (docs.ntfy.sh/publish, "Limitations")."""
LATE_SECONDS: Final = 60.0
"""What is told later than this after it happened says when it happened."""


class Message(NamedTuple):
    """One thing to tell.

    Attributes:
        title: a few words.
        text: a sentence or two.
        priority: 1 (least) to 5, as ntfy counts; 3 is usual, and 5 makes a phone ring for long.
        tags: ntfy's short codes of pictures, like ``unlock`` (docs.ntfy.sh/emojis).
        at: when it happened, in seconds since 1970.
        times: how often.
    """

    title: str
    text: str
    priority: int
    tags: tuple[str, ...]
    at: float
    times: int = 1

    @classmethod
    def remembered(cls, document: Any) -> "Message | None":
        """One that was kept as JSON over a restart; ``None`` if it is none."""
        match document:
            case [str(title), str(text), int(priority), [*tags], int() | float() as at, int(times)]:
                return cls(title, text, priority, tuple(map(str, tags)), float(at), times)
        return None


def bundle(messages: Sequence[Message], now: float) -> Message:
    """Several as one: a line each, as loud as the loudest."""
    late = any(now - message.at > LATE_SECONDS for message in messages)
    if len(messages) == 1:
        only = messages[0]
        return only._replace(text=_cut(_line(only, with_time=late)), times=1)
    lines = [_line(message, with_time=True) for message in messages]
    tags = tuple(dict.fromkeys(tag for message in messages for tag in message.tags))[:3]
    priority = max(message.priority for message in messages)
    return Message(f"Latchwire: {len(messages)} messages", _cut("\n".join(lines)), priority, tags, messages[0].at)


def _line(message: Message, *, with_time: bool) -> str:
    line = time.strftime("%a %H:%M  ", time.localtime(message.at)) if with_time else ""
    return line + message.text + (f" ({message.times} times)" if message.times > 1 else "")


def _cut(text: str) -> str:
    raw = text.encode()
    return text if len(raw) <= MOST_BYTES else raw[:MOST_BYTES].decode(errors="ignore") + " …"
