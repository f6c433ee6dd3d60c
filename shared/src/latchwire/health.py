"""How a service is: what troubles it, and what it merely lacks.

A service that lacks credentials is idle and healthy, and says what to set; one whose broker or hardware does not
answer is not.
"""

from typing import NamedTuple

__all__ = ["Health"]


class Health(NamedTuple):
    """The troubles and the notes of a service, each a sentence with its remedy; no troubles means healthy."""

    troubles: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether nothing troubles it."""
        return not self.troubles

    @property
    def word(self) -> str:
        """``ok`` or ``trouble``."""
        return "ok" if self.ok else "trouble"
