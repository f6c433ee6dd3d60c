"""Two processes under one agent's name: the younger one stands aside.

Each process hears its own nonce and status topics. A nonce there, live, that it did not make means that somebody else
runs under its name; it then publishes how long it has been up. Who hears of an older one keeps silent for ten minutes
and looks again; who hears of a younger one publishes all of its own again, over what the other has left. Neither topic
is signed: whoever owns the broker can silence an agent that way, as it can by dropping.
"""

import enum
import json
import os
from collections import deque
from typing import Final, NamedTuple

ASIDE_SECONDS: Final = 600.0
"""After so long the one that stands aside looks again."""
ASSERT_SECONDS: Final = 1.0
"""At most so often a process answers what is strange."""
TOGETHER_SECONDS: Final = 5.0
"""Two that began so close together are told apart by their random names: a message takes a time that nobody knows."""
_OWN_NONCES: Final = 16
_OLDEST: Final = 1e10
"""Seconds; no process is older. Compared before it is made a float, which a number of 4000 digits cannot be."""


class Rank(NamedTuple):
    """How old a process is: seconds up, and its random name, since no two may be equal."""

    up: float
    instance: str

    def is_older_than(self, other: "Rank") -> bool:
        """Whether it stays where the other stands aside; with two ages from both ends never true of neither."""
        if abs(self.up - other.up) < TOGETHER_SECONDS:
            return self.instance > other.instance
        return self.up > other.up


class Peer(enum.Enum):
    """What a status tells."""

    NOBODY = "it is this process's own, or none"
    YOUNGER = "another one is there, and has to stand aside"
    OLDER = "another one is there, and this one has to stand aside from now on"


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
        self._told = self._asserted = self._seen = -ASIDE_SECONDS

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
        """Whether a live nonce is strange, so that this process should tell how old it is."""
        nonce = _member(payload, "nonce")
        if not isinstance(nonce, str) or nonce in self._own:
            return False
        self._seen = now
        if self.is_aside or now - self._told < ASSERT_SECONDS:
            return False
        self._told = now
        return True

    def heard_status(self, payload: bytes, now: float) -> Peer:
        """Whose a live status is; of a younger process it is said at most once a second."""
        up, instance = _member(payload, "up"), _member(payload, "instance")
        if not isinstance(up, (int, float)) or isinstance(up, bool) or not 0 <= up <= _OLDEST:
            return Peer.NOBODY
        if not isinstance(instance, str) or _is_nearly(instance, self.instance):
            return Peer.NOBODY
        self._seen = now
        if self.is_aside:
            return Peer.NOBODY
        if Rank(up, instance).is_older_than(self.rank(now)):
            self.aside_since = now
            return Peer.OLDER
        if now - self._asserted < ASSERT_SECONDS:
            return Peer.NOBODY
        self._asserted = now
        return Peer.YOUNGER

    def look_again(self, now: float, *, quiet: float) -> bool:
        """Whether the other has been silent for ``quiet`` seconds, so that this process goes on."""
        if now - self._seen < quiet:
            return False
        self.aside_since = None
        return True


def _is_nearly(instance: str, own: str) -> bool:
    """Whether it is that name, or was until a bit was damaged on the way; random ones differ in nearly every letter."""
    return len(instance) == len(own) and sum(a != b for a, b in zip(instance, own, strict=True)) <= 2


def _member(payload: bytes, name: str) -> object:
    try:
        document = json.loads(payload)
    except (ValueError, RecursionError):
        return None
    return document.get(name) if isinstance(document, dict) else None
