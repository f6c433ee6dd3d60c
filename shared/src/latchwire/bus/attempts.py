"""Attempts to connect: how long to wait for the next one, and why one came to nothing, in words for a person."""

import os
from typing import Final

PAUSES: Final = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0)
"""Seconds between attempts; each is drawn between half and one and a half of it, lest all come back at once."""


class Attempts:
    """One bus's."""

    def __init__(self) -> None:
        self._failed = 0

    def pause(self, *, was_connected: bool) -> float:
        """Seconds until the next one, after one that had connected or had not."""
        self._failed = 0 if was_connected else self._failed + 1
        return PAUSES[min(self._failed, len(PAUSES) - 1)] * (0.5 + int.from_bytes(os.urandom(2)) / 0xFFFF)


def why(error: Exception) -> str:
    """What is wrong with a certificate, or what the operating system says, or the error's own words."""
    of_certificate = getattr(error, "verify_message", "")
    if of_certificate:
        return f"its certificate is not good: {of_certificate}"
    return error.strerror if isinstance(error, OSError) and error.strerror else str(error)
