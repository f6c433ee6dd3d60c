"""What an asking side has heard of the agents: who is there, and what to sign the next command over.

Both topics are unsigned. A broker that lies in them can only cause refusals: a command over an invented nonce is
refused, and one that was not published does not happen.
"""

import json
from typing import NamedTuple

from latchwire.protocol.claims import NONCE
from latchwire.protocol.nonce import LIFETIME_LEAST, LIFETIME_MOST


class HeardNonce(NamedTuple):
    """An agent's nonce.

    Attributes:
        value: 22 characters.
        lifetime: seconds; twice that is the longest ``until``.
        seen: when this side first heard of it; its age is counted from then, which makes ``until`` stricter only.
    """

    value: str
    lifetime: int
    seen: float


class Agents:
    """The agents that this side has heard of since it connected; times are seconds of ``CLOCK_BOOTTIME``."""

    def __init__(self) -> None:
        self._online: dict[str, bool] = {}
        self._nonces: dict[str, HeardNonce] = {}
        self._current: set[str] = set()

    def forget(self) -> None:
        """After a lost connection: what was heard may not be true any more."""
        self._online.clear()
        self._current.clear()

    def heard_availability(self, agent: str, payload: bytes) -> None:
        """Notes whether the agent is connected."""
        self._online[agent] = payload == b"online"

    def heard_nonce(self, agent: str, payload: bytes, now: float) -> bool:
        """Notes the agent's nonce; whether it is one."""
        nonce = _parse(payload, now)
        if nonce is None:
            return False
        known = self._nonces.get(agent)
        if known is None or known.value != nonce.value:
            self._nonces[agent] = nonce
        self._current.add(agent)
        return True

    def is_known(self, agent: str) -> bool:
        """Whether anything was said about its availability."""
        return agent in self._online

    def has_told(self, agent: str) -> bool:
        """Whether it said that it is gone, or that it is there and over what to sign."""
        return agent in self._online and (not self._online[agent] or agent in self._current)

    def is_online(self, agent: str) -> bool:
        """Whether it said, or its last will did not deny, that it is connected."""
        return self._online.get(agent, False)

    def nonce(self, agent: str) -> HeardNonce | None:
        """What to sign the next command over."""
        return self._nonces.get(agent) if agent in self._current else None


def _parse(payload: bytes, now: float) -> HeardNonce | None:
    try:
        document = json.loads(payload)
    except (ValueError, RecursionError):
        return None
    if not isinstance(document, dict) or document.get("protocol") != 1:
        return None
    value, lifetime = document.get("nonce"), document.get("lifetime")
    if not isinstance(value, str) or not NONCE.match(value) or type(lifetime) is not int:
        return None
    if not LIFETIME_LEAST <= lifetime <= LIFETIME_MOST:
        return None
    return HeardNonce(value, lifetime, now)
