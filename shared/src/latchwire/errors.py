"""Every error that Latchwire raises, under one root.

LatchwireError
├── ConfigurationError    the user's file, a key file or environment variable is wrong: place, problem, cure
├── TokenError            a payload is no token of ours: malformed, unknown key, or a bad signature
├── ActionError           a device could not do it; a handler raises it and the kit turns it into a receipt
└── BusError              the connection to the broker could not be set up as asked

Whoever catches ``LatchwireError`` catches everything that is expected to go wrong. All else is a fault of the
program: the kits answer it with ``failed: internal`` and a line in the log. :class:`Anew` is neither.
"""

from collections.abc import Sequence

from latchwire.model import Cause

__all__ = ["ActionError", "Anew", "BusError", "ConfigurationError", "LatchwireError", "TokenError"]


class LatchwireError(Exception):
    """The root: something that is expected to go wrong went wrong."""


class ConfigurationError(LatchwireError):
    """What the user wrote is wrong; each problem names its place and its cure in one line."""

    def __init__(self, problems: Sequence[str] | str) -> None:
        self.problems: tuple[str, ...] = (problems,) if isinstance(problems, str) else tuple(problems)
        super().__init__("\n".join(self.problems))


class TokenError(LatchwireError):
    """A payload is no token of ours; ``cause`` says in which way, and the text says where."""

    def __init__(self, cause: Cause, detail: str) -> None:
        self.cause = cause
        self.detail = detail
        super().__init__(f"{cause.wire}: {detail}")


class ActionError(LatchwireError):
    """A device could not do what it was told.

    Args:
        cause: one whose outcome is ``failed``; it also says whether the action may have happened.
        detail: for the log: what the hardware or its cloud said, without secrets.
    """

    def __init__(self, cause: Cause, detail: str = "") -> None:
        self.cause = cause
        self.detail = detail
        super().__init__(f"{cause.wire}: {detail}" if detail else cause.wire)


class BusError(LatchwireError):
    """The connection to the broker could not be set up as asked."""


class Anew(BaseException):
    """The process is to begin anew: no error, and so not under the root, where somebody would catch it on its way."""
