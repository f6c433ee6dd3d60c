"""The agent's rolling nonce, and what it remembers of the commands that were signed over it.

An agent makes 128 random bits at its start and again whenever they are used up. A command names the nonce that it was
signed over, so a command from before the start, or one that somebody held back, is refused with nothing stored on
flash and no clock compared with another's. ACME's replay nonce (RFC 8555 section 6.5) and DPoP's server-provided
nonce (RFC 9449 section 8) are the same idea.

At most four windows are kept: the current and the previous nonce act, the older two only answer. All times are seconds
of one clock that never jumps and goes on while the machine sleeps (``CLOCK_BOOTTIME``); it comes in as an argument.
"""

import math
from typing import Final, NamedTuple

KEPT: Final = 4
"""Windows that are kept; older nonces are unknown."""
ACTING: Final = 2
"""Windows whose commands act: the current one and the previous one."""
CAPACITY: Final = 1024
"""Commands remembered since the last roll after which the nonce rolls, whatever its age."""

LIFETIME_LEAST, LIFETIME_MOST, LIFETIME_DEFAULT = 5, 300, 30
"""Seconds after which a nonce is followed by a new one."""


class Nonce(NamedTuple):
    """A nonce and when it was made."""

    value: str
    made_at: float

    def age(self, now: float) -> float:
        """Seconds since it was made."""
        return now - self.made_at


class Answered(NamedTuple):
    """The receipt that a command got: the device whose receipt topic it was published on, and the token."""

    device: str
    token: str


class Windows:
    """The nonces that are kept, newest first, and every well-signed fresh command since, with its receipt.

    Args:
        lifetime: seconds, 5 to 300.
        nonce: the first one, 22 characters of base64url.
        now: seconds.
    """

    def __init__(self, *, lifetime: int, nonce: str, now: float) -> None:
        self.lifetime = lifetime
        self._nonces = [Nonce(nonce, now)]
        self._commands: list[dict[tuple[str, str], Answered | None]] = [{}]

    @property
    def current(self) -> Nonce:
        """What the next command is to be signed over."""
        return self._nonces[0]

    def kept(self, value: str) -> Nonce | None:
        """The nonce of that value, if its window is still kept."""
        for nonce in self._nonces:
            if nonce.value == value:
                return nonce
        return None

    def acts(self, nonce: Nonce) -> bool:
        """Whether commands over it still act: it is the current or the previous one."""
        return nonce in self._nonces[:ACTING]

    def due(self, now: float) -> bool:
        """Whether it is time for a new nonce: this one is old, or the memory since it is full."""
        return self.current.age(now) >= self.lifetime or len(self._commands[0]) >= CAPACITY

    def roll(self, nonce: str, now: float) -> None:
        """Makes ``nonce`` the current one, and forgets the oldest window if there were four."""
        self._nonces.insert(0, Nonce(nonce, now))
        self._commands.insert(0, {})
        del self._nonces[KEPT:]
        del self._commands[KEPT:]

    def knows(self, issuer: str, jti: str) -> bool:
        """Whether that issuer's command was remembered, over whichever kept nonce."""
        return self._window(issuer, jti) is not None

    def answer_to(self, issuer: str, jti: str) -> Answered | None:
        """The receipt that a remembered command got; ``None`` while it is still being done."""
        window = self._window(issuer, jti)
        return None if window is None else window[issuer, jti]

    def remember(self, issuer: str, jti: str) -> None:
        """Notes a fresh command, to be forgotten with the nonce that is the current one now.

        The current one, not the one it was signed over: so it stays known for as long as any window that it could
        be heard again in is kept, and the count since the last roll is the number of all commands since.
        """
        self._commands[0][issuer, jti] = None

    def answered(self, issuer: str, jti: str, answer: Answered) -> None:
        """Keeps the receipt of a remembered command; one that was forgotten meanwhile stays forgotten."""
        window = self._window(issuer, jti)
        if window is not None:
            window[issuer, jti] = answer

    def forget(self, issuer: str, jti: str) -> None:
        """Takes back a remembered command that was never begun, because it had waited too long.

        It is like one that was stale when it came: it can never act, and its sender's second try, which has the same
        jti over another nonce, is a fresh command.
        """
        window = self._window(issuer, jti)
        if window is not None:
            del window[issuer, jti]

    def _window(self, issuer: str, jti: str) -> dict[tuple[str, str], Answered | None] | None:
        command = issuer, jti
        for commands in self._commands:
            if command in commands:
                return commands
        return None


def whole_age(nonce: Nonce, now: float) -> int:
    """A nonce's age in whole seconds, rounded up, as a receipt tells it."""
    return max(0, math.ceil(nonce.age(now)))
