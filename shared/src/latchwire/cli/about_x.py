"""How an ingress that listens to X is, in a line, from the ``x`` part of its status topic.

The part is made by the Twitter listener; what is in it came over the broker, so nothing in it is trusted to be there
or to be printable.
"""

from collections.abc import Mapping

from latchwire.cli.words import printable


def x_line(status: Mapping[str, object]) -> str:
    """Connected since, last post, last error, next try, posts billed today, protected accounts; "" without ``x``."""
    part = status.get("x")
    if not isinstance(part, dict):
        return ""
    said = [_text(part, "health", "unknown")]
    if part.get("connectedSince"):
        said[0] = f"listening by {_text(part, 'source', '?')} since {_text(part, 'connectedSince')}"
    else:
        said[0] += f": {_text(part, 'message')}" if part.get("message") else ""
    said += [
        f"{words} {_text(part, name)}"
        for name, words in (("nextTry", "next try"), ("lastPost", "last post"))
        if part.get(name)
    ]
    if part.get("lastError"):
        said.append(f"last error {_text(part, 'lastErrorAt', 'at an unknown time')}: {_text(part, 'lastError')}")
    said.append(f"posts billed today: {_text(part, 'billedToday', '0')}")
    protected = part.get("protected")
    if isinstance(protected, list) and protected:
        names = ", ".join(f"@{printable(str(name))}" for name in protected)
        said.append(f"protected, never heard: {names}")
    return "; ".join(text.rstrip(".") for text in said)


def _text(part: Mapping[str, object], name: str, default: str = "") -> str:
    return printable(str(part.get(name, default)))
