"""Two processes under one agent's name: the younger one stands aside.

Each process hears its own nonce and status topics. A nonce there, live, that it did not make means that somebody else
runs under its name; both then publish how long they have been up, and the younger one keeps silent for ten minutes and
looks again. Neither topic is signed: whoever owns the broker can silence an agent that way, as it can by dropping.
"""

import json
import math
import os
from collections import deque
from typing import Final, NamedTuple

ASIDE_SECONDS: Final = 600.0
"""After so long the one that stands aside looks again."""
ASSERT_SECONDS: Final = 1.0
"""At most so often a process answers a strange nonce."""
TOGETHER_SECONDS: Final = 1.0
"""Processes that started nearer to each other than this have, for all they can know, started together."""
_OWN_NONCES: Final = 16


class Rank(NamedTuple):
    """Who is older: seconds up, then the instance's random name, so that no two are equal."""

    up: float
    instance: str


class Peers:
    """What one process knows of others under its name; times are seconds of ``CLOCK_BOOTTIME``.

    Args:
        started: when this process started.
    """

    def __init__(self, *, started: float) -> None:
        self.instance = os.urandom(8).hex()
        self.aside_since: float | None = None
        self._started = started
        self._own: deque[str] = deque(maxlen=_OWN_NONCES)
        self._asserted = self._seen = -ASIDE_SECONDS

    @property
    def is_aside(self) -> bool:
        """Whether this process stands aside for an older one."""
        return self.aside_since is not None

    def rank(self, now: float) -> Rank:
        """This process's own rank, to be published with its status."""
        return Rank(round(now - self._started, 3), self.instance)

    def made(self, nonce: str) -> None:
        """Notes a nonce as this process's own."""
        self._own.append(nonce)

    def heard_nonce(self, payload: bytes, now: float) -> bool:
        """Whether a live nonce is strange and this process should publish its status and its nonce."""
        nonce = _member(payload, "nonce")
        if not isinstance(nonce, str) or nonce in self._own:
            return False
        self._seen = now
        if self.is_aside or now - self._asserted < ASSERT_SECONDS:
            return False
        self._asserted = now
        return True

    def heard_status(self, payload: bytes, now: float) -> bool:
        """Whether a live status shows an older process, so that this one has to stand aside from now on."""
        up, instance = _member(payload, "up"), _member(payload, "instance")
        if not isinstance(up, (int, float)) or not math.isfinite(up) or not isinstance(instance, str):
            return False
        if instance == self.instance:
            return False
        self._seen = now
        if self.is_aside or not self._is_older(Rank(up, instance), now):
            return False
        self.aside_since = now
        return True

    def _is_older(self, other: Rank, now: float) -> bool:
        """Whether the other process stays, and this one stands aside.

        What the other told is a moment old, so of two that started together each would find itself the older one;
        between them the name decides alone. There is no case in which both stand aside.
        """
        own = self.rank(now)
        if abs(other.up - own.up) < TOGETHER_SECONDS:
            return other.instance > own.instance
        return other.up > own.up

    def look_again(self, now: float, *, quiet: float) -> bool:
        """Whether the other has been silent for ``quiet`` seconds, so that this process goes on."""
        if now - self._seen < quiet:
            return False
        self.aside_since = None
        return True


def _member(payload: bytes, name: str) -> object:
    try:
        document = json.loads(payload)
    except (ValueError, RecursionError):
        return None
    return document.get(name) if isinstance(document, dict) else None
