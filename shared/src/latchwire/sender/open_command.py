"""A command that was published and waits for its receipt: signed again once if it was stale, ended once.

Whether a receipt is believed is decided here and in :mod:`latchwire.sender.sender`; the rule for a second try is the
protocol's: only after ``stale-nonce``, once, within the waiting time, over a different nonce, never a ``toggle``.
"""

import math
import os
import time
from collections.abc import Callable

from latchwire.model import TOGGLE, Cause
from latchwire.protocol.claims import Command, Receipt
from latchwire.protocol.keys import Key
from latchwire.protocol.token import COMMAND, MAX_STRING, encode_part, sign
from latchwire.sender.agents import HeardNonce
from latchwire.sender.answer import Answer
from latchwire.sender.once import Once
from latchwire.waiting import now


class OpenCommand:
    """One command from its signing to its end.

    Args:
        key: the secret shared with the agent.
        agent: its name.
        device: its device.
        action: what to do.
        sub: who asked.
        jti: the command's id; the second try has the same one, so that it is one command.
        patience: seconds from now after which it must not be begun any more.
        on_late: told what came of it if a receipt comes after the person was told ``no answer``.
        clock: seconds of ``CLOCK_BOOTTIME``.
    """

    def __init__(
        self,
        *,
        key: Key,
        agent: str,
        device: str,
        action: str,
        sub: str,
        jti: str,
        patience: float,
        on_late: Callable[[Answer], None] | None,
        clock: Callable[[], float] = now,
    ) -> None:
        self._now = clock
        self.key, self.agent, self.device, self.action, self.sub, self.jti = key, agent, device, action, sub, jti
        self.aud = f"{agent}/{device}"
        self.ends_at = clock() + patience
        self.latest = self.ends_at
        self.on_late = on_late
        self.ticket: int | None = None
        self.denied = ""
        self.answer: Answer | None = None
        self.is_late = self.is_over = False
        self.done = Once()
        self._nonce = ""
        self._until = 0
        self._tries = 0
        self.wants_nonce = False

    def sign_over(self, nonce: HeardNonce) -> str:
        """The command's token over that nonce, to act within the patience that is left."""
        at = self._now()
        age, left = at - nonce.seen, self.ends_at - at
        self._until = min(max(1, math.ceil(age + left)), 2 * nonce.lifetime)
        # The nonce is at least as old as since its first hearing, so the agent begins it no later than this.
        self.latest = max(self.latest, nonce.seen + self._until)
        self._nonce = nonce.value
        self._tries += 1
        self.wants_nonce = False
        command = Command(
            self.key.issuer, self.sub, self.aud, self.action, self.jti, nonce.value, self._until, int(time.time())
        )
        return sign(command.to_claims(), typ=COMMAND, kid=self.key.kid, secret=self.key.secret)

    @property
    def has_ended(self) -> bool:
        """Whether the one who asked was told, or is about to be told, what came of it."""
        return self.answer is not None and self.done.is_set()

    def believes(self, receipt: Receipt) -> bool:
        """Whether the receipt is about this try and not about another signing of the same command.

        The same jti may have been signed over another nonce: by the first of two tries, or by a process that heard the
        same words before this one was started. Whoever owns the broker can hand that one to the agent now, or a copy
        of its receipt to us. It was too late; this one may still come in time. All other receipts are about the
        command itself, over whichever nonce it came. One that tells of another action is about other words that were
        given the same id; "" is told of a command that was malformed.
        """
        if receipt.act not in {self.action, ""}:
            return False
        if receipt.cause not in {Cause.STALE_NONCE, Cause.UNKNOWN_NONCE}:
            return True
        if receipt.over != self._nonce:
            return False
        is_current = receipt.cause is Cause.STALE_NONCE and receipt.nonce == self._nonce
        return not is_current or (receipt.age is not None and receipt.age > self._until)

    def may_try_again(self, receipt: Receipt) -> bool:
        """Whether this refusal is tried again by itself."""
        return (
            receipt.cause is Cause.STALE_NONCE
            and self._tries == 1
            and self.action != TOGGLE
            and receipt.nonce is not None
            and receipt.age is not None
            and self._now() < self.ends_at - 0.1
            and not self.is_late
            and not self.is_over
        )

    def nonce_of(self, refusal: Receipt, *, lifetime: int) -> HeardNonce | None:
        """The current nonce that a ``stale-nonce`` carries, if it is another one than the command was signed over."""
        if refusal.nonce is None or refusal.age is None or not self.is_new(refusal.nonce):
            return None
        # The age was rounded up, and it was told a moment ago: the nonce was made before this.
        return HeardNonce(refusal.nonce, lifetime, self._now() - max(0, refusal.age - 1))

    def is_new(self, nonce: str) -> bool:
        """Whether it is another nonce than the one it was signed over."""
        return nonce != self._nonce


def claimable(sub: str) -> str:
    """What a claim can hold of it: for logs, so a very long or strange id may be cut."""
    if not (sub.isascii() and sub.isprintable()):
        sub = "".join(character if " " <= character <= "~" else "?" for character in sub)
    return sub[:MAX_STRING]


def random_jti() -> str:
    """A command's id: 128 random bits in base64url."""
    return encode_part(os.urandom(16)).decode("ascii")
