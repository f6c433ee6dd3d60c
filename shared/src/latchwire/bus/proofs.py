"""Which subscriptions of a connection were proved to deliver.

Mosquitto grants a SUBSCRIBE that its access list denies, so what a SUBACK says proves nothing. A message to
itself does. Where it does not come, the SUBSCRIBE is tried again: the access list may be mended meanwhile, and a
cluster that chooses a new leader (NATS takes ten seconds for that) loses both.
"""

import os
from collections.abc import Sequence
from typing import Final

from latchwire.bus.words import Proof, Subscription

PROOF_SECONDS: Final = 5.0
"""How long a message to itself may take before a subscription counts as denied."""
AGAIN_SECONDS: Final = 30.0
"""How often one that is denied is tried again; at first sooner."""


class Proofs:
    """The proofs of one bus; times are seconds of any clock that never jumps."""

    def __init__(self, subscriptions: Sequence[Subscription]) -> None:
        self.canary = os.urandom(16).hex().encode()
        self.due: float | None = None
        """When to look next whether something is missing."""
        self._all = frozenset(item for item in subscriptions if item.proof is not Proof.NONE)
        self._canary_topics = frozenset(item.proof_topic for item in subscriptions if item.proof is Proof.CANARY)
        self._missing: set[Subscription] = set()
        self._pause = PROOF_SECONDS

    @property
    def missing(self) -> list[str]:
        """The filters that nothing was heard on yet."""
        return sorted(item.filter for item in self._missing)

    def begin(self) -> None:
        """A new connection has proved nothing."""
        self._missing, self.due = set(self._all), None
        self._pause = PROOF_SECONDS

    def answered(self, now: float) -> None:
        """The broker has answered the SUBSCRIBE; from now on messages to itself can arrive."""
        if self.due is None:
            self.due = now + PROOF_SECONDS

    def topics(self) -> list[str]:
        """Where to send canaries now."""
        return [item.proof_topic for item in self._missing if item.proof is Proof.CANARY]

    def is_canary(self, topic: str) -> bool:
        """Whether a topic is only for canaries."""
        return topic in self._canary_topics

    def heard(self, topic: str, payload: bytes) -> bool:
        """Notes a live message; whether it was the proof that was missing last."""
        before = len(self._missing)
        for item in tuple(self._missing):
            if item.proof_topic == topic and (item.proof is Proof.OWN or payload == self.canary):
                self._missing.discard(item)
        return before > 0 and not self._missing

    def overdue(self, now: float) -> bool:
        """Whether something is missing although there was time enough; said again only after a while."""
        if self.due is None or now < self.due:
            return False
        self.due = now + min(self._pause, AGAIN_SECONDS) if self._missing else None
        self._pause *= 2
        return bool(self._missing)
