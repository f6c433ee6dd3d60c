"""A receipt arrives: it is believed or not, and ends a command, or has it tried once more.

Only a ``stale-nonce`` is tried again by itself: once, within the waiting time, over another nonce, never a ``toggle``.
The nonce is the one that the refusal carries; if the command was signed over that one, the next that is heard.
"""

import logging
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Final

from latchwire.errors import TokenError
from latchwire.log import Seldom, event
from latchwire.model import Cause
from latchwire.protocol.claims import Receipt
from latchwire.protocol.keys import Key, Keyring
from latchwire.sender import answer as of
from latchwire.sender.agents import Agents, HeardNonce
from latchwire.sender.memory import Memory
from latchwire.sender.open_command import OpenCommand
from latchwire.sender.verification import verified
from latchwire.topics import Address

_log: Final = logging.getLogger("latchwire.sender")


class Receipts:
    """What one issuer makes of its receipts; told on the bus's thread.

    Args:
        issuer: for whom they have to be.
        lock: the sender's: what a person is told must be true of a second try, too.
        memory: the commands that they may be about.
        agents: whose nonces were heard.
        keyring: the keys held now.
        publish: publishes a command over that nonce, with the lock; whether it was sent.
    """

    def __init__(
        self,
        *,
        issuer: str,
        lock: AbstractContextManager[bool],
        memory: Memory,
        agents: Agents,
        keyring: Callable[[], Keyring],
        publish: Callable[[OpenCommand, HeardNonce], bool],
    ) -> None:
        self._issuer, self._lock, self._memory, self._agents = issuer, lock, memory, agents
        self._keyring, self._publish = keyring, publish
        self._seldom = Seldom()

    def heard(self, address: Address, payload: bytes) -> None:
        """One arrived on that topic."""
        try:
            receipt, key = self._verified(address, payload)
        except TokenError as error:
            # Whoever may publish there can send as many as they like. While keys are rotated the owner's machine asks
            # with those that this service has not read yet.
            level = logging.INFO if error.cause is Cause.UNKNOWN_KEY else logging.WARNING
            self._seldom.event(_log, level, "A receipt was not believed.", kind=error.cause,
                               device=address.device, reason=error.detail)  # fmt: skip
            return
        command = self._memory.find(receipt.re)
        if command is None or receipt.iss != command.aud or key.kid != command.key.kid or not command.believes(receipt):
            return  # for a process of the same name, or a copy of one that was believed already
        with self._lock:
            if command.has_ended or (command.may_try_again(receipt) and self._try_again(command, receipt)):
                return
            command.answer = answer = of.from_receipt(receipt, command.device, command.action)
            late = command.on_late if command.is_late else None
            command.done.set()
        if late is not None:
            threading.Thread(target=late, args=(answer,), name="late-answer", daemon=True).start()

    def heard_nonce(self, agent: str) -> None:
        """The agent has a nonce that may be another one: what waits for it is tried again."""
        with self._lock:
            nonce = self._agents.nonce(agent)
            for command in self._memory:
                wanted = command.wants_nonce and command.agent == agent and not (command.is_late or command.is_over)
                if wanted and nonce is not None and command.is_new(nonce.value):
                    refusal, command.answer = command.answer, None
                    if not self._publish(command, nonce):
                        command.answer = refusal

    def _verified(self, address: Address, payload: bytes) -> tuple[Receipt, Key]:
        """By the keys held now, or by one that open commands were signed with: a key may leave meanwhile."""
        try:
            return verified(address, payload, issuer=self._issuer, keyring=self._keyring())
        except TokenError as error:
            if error.cause is not Cause.UNKNOWN_KEY:
                raise
        with self._lock:  # looks at all commands, so only where it has to: a busy house has thousands
            left = self._memory.keys_in_use()
        return verified(address, payload, issuer=self._issuer, keyring=left)

    def _try_again(self, command: OpenCommand, receipt: Receipt) -> bool:
        known = self._agents.nonce(command.agent)
        if known is None:
            return False
        nonce = command.nonce_of(receipt, lifetime=known.lifetime)
        if nonce is None and command.is_new(known.value):
            nonce = known  # it came before the refusal did
        if nonce is None:
            command.wants_nonce = True
            command.answer = of.from_receipt(receipt, command.device, command.action)  # if no other nonce comes
            return True
        event(_log, logging.INFO, "It was late, trying once more.", device=command.device, command=command.jti)
        command.answer = None  # it may have waited for another nonce, with its refusal ready
        return self._publish(command, nonce)
