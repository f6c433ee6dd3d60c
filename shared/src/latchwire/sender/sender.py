"""The asking half of Latchwire: sign, publish while somebody listens, wait for the receipt, believe only that.

A :class:`Sender` is one issuer with one connection; many threads may ask at the same time. Nothing is ever queued: a
command is published while this side is connected and the agent says it is online, or not at all.
"""

import logging
import threading
from collections.abc import Callable, Sequence
from typing import Final

from latchwire import topics
from latchwire.bus import Bus, Endpoint, Login, Message, Proof, Subscription
from latchwire.health import Health
from latchwire.log import event
from latchwire.model import Cause
from latchwire.protocol.keys import Keyring
from latchwire.sender import answer as of
from latchwire.sender.agents import Agents, HeardNonce
from latchwire.sender.answer import Answer
from latchwire.sender.memory import Memory
from latchwire.sender.open_command import OpenCommand, claimable, random_jti
from latchwire.sender.receipts import Receipts
from latchwire.waiting import STALL_SECONDS, now

CONNECT_SECONDS: Final = 2.0
"""How long asking waits for a connection that is not there, or for what the broker keeps about the agent."""
MARGIN_SECONDS: Final = 5.0
"""Added to a nonce's lifetime it is the usual patience: then a nonce heard just now can never be too old."""
_log = logging.getLogger("latchwire.sender")


class Sender:
    """One issuer's connection.

    Args:
        issuer: its name, which is its login's, too.
        keyring: the keys it shares with agents.
        endpoint: where the broker is.
        login: its login there.
        announce: whether to tell the others that this issuer is there: a service does, a command line does not.
        connect_seconds: how long asking waits for a connection that is not there.
    """

    def __init__(
        self,
        *,
        issuer: str,
        keyring: Keyring,
        endpoint: Endpoint,
        login: Login,
        announce: bool = True,
        connect_seconds: float = CONNECT_SECONDS,
    ) -> None:
        self.issuer, self._announce, self._connect_seconds = issuer, announce, connect_seconds
        self.use(keyring)
        self._agents, self._memory = Agents(), Memory()
        self._lock = threading.RLock()
        self._changed = threading.Condition(self._lock)
        self._receipts = Receipts(
            issuer=issuer,
            lock=self._lock,
            memory=self._memory,
            agents=self._agents,
            keyring=lambda: self._keyring,
            publish=self._publish,
        )
        self._unproved: Sequence[str] = ()
        self._lost = "not connected yet"
        self.on_connected: Callable[[], None] | None = None
        self._bus = Bus(
            endpoint=endpoint,
            login=login,
            listener=self,
            subscriptions=(
                Subscription(
                    topics.receipt("+", "+", issuer),
                    topics.receipt(issuer, topics.SELF_TEST, issuer),
                    as_published=True,
                ),
                Subscription(topics.nonce("+"), topics.nonce(topics.SELF_TEST)),
                Subscription(
                    topics.availability("+"), topics.availability(issuer), Proof.OWN if announce else Proof.NONE
                ),
            ),
            will=(topics.availability(issuer), "offline") if announce else None,
        )

    def start(self) -> None:
        """Begins to connect."""
        self._bus.start()

    def stop(self) -> None:
        """Disconnects; whoever still waits is told ``no answer`` in time."""
        self._bus.stop([(topics.availability(self.issuer), "offline")] if self._announce else [])

    def use(self, keyring: Keyring, login: Login | None = None) -> None:
        """Asks with these keys, toward the same agents, from now on, and connects with this login when it has to again.

        What is under way is still answered by the key that it was signed with.
        """
        self._keyring = keyring
        self._known = {key.agent for key in keyring if key.issuer == self.issuer}
        if login is not None:
            self._bus.use(login)

    @property
    def signs(self) -> dict[str, str]:
        """By agent the ``kid`` of the key that commands are signed with now."""
        signing = {agent: self._keyring.signing(self.issuer, agent) for agent in sorted(self._known)}
        return {agent: key.kid for agent, key in signing.items() if key is not None}

    def publish(self, topic: str, payload: str) -> None:
        """Publishes something of the service's own, retained; nothing if not connected."""
        self._bus.publish(topic, payload, retained=True)

    def health(self) -> Health:
        """How the connection is."""
        if not self._bus.is_connected:
            return Health((f"No connection to the broker: {self._lost}",))
        if self._unproved:
            return Health((f"The broker's access list does not let it hear {', '.join(self._unproved)}",))
        return Health((), (self._bus.certificate_note,) if self._bus.certificate_note else ())

    def hung(self) -> str:
        """What of it hangs, in a few words; "" if nothing does."""
        return "the connection to the broker" if self._bus.seconds_stalled() > STALL_SECONDS else ""

    # ------------------------------------------------------------------------------------- asking

    def ask(
        self,
        *,
        agent: str,
        device: str,
        action: str,
        sub: str,
        jti: str | None = None,
        wait: float | None = None,
        patience: float | None = None,
        on_late: Callable[[Answer], None] | None = None,
    ) -> Answer:
        """Signs a command, publishes it, and waits for the receipt; never raises.

        Args:
            agent: whose device it is.
            device: which.
            action: what to do.
            sub: who asked, ``<issuer>:<stable id>``.
            jti: the command's id, 16 to 64 characters of base64url; made at random if left out.
            wait: seconds that this call may take; left out, the patience.
            patience: seconds from now after which it must not be begun any more; left out, a little more than the
                agent's nonce lives. The broker drops the command after that time, too (MQTT 5).
            on_late: told the truth if it comes after ``no answer`` was told; on another thread.
        """
        with self._lock:
            self._memory.forget()
        if jti is not None and (again := self._again(jti, wait)) is not None:
            return again
        key = self._keyring.signing(self.issuer, agent)
        if key is None:
            return of.refused_here(device, action, Cause.UNKNOWN_KEY, f"{self.issuer} holds no key for {agent}")
        nonce = self._listening(agent)
        if isinstance(nonce, Cause):
            answer = of.nobody_listening(device, action, nonce, " ".join(self.health().troubles))
            return (self._again(jti, wait, answer) if jti is not None else None) or answer
        seconds = patience if patience is not None else nonce.lifetime + MARGIN_SECONDS
        if wait is not None and patience is None:
            seconds = max(wait, seconds)
        command = OpenCommand(
            key=key, agent=agent, device=device, action=action, sub=claimable(sub), jti=jti or random_jti(),
            patience=seconds, on_late=on_late,
        )  # fmt: skip
        with self._lock:
            if (told := self._memory.never_done(command.jti)) is not None:
                return told
            twin = self._memory.add(command)
            if twin is command and not self._publish(command, nonce):
                answer = of.nobody_listening(device, action, Cause.NO_BROKER, self._lost)
                return self._memory.will_never_be_done(command.jti, answer)
        return self._wait(twin, wait if wait is not None else seconds)

    def _again(self, jti: str, wait: float | None, answer: Answer | None = None) -> Answer | None:
        """The same message was heard twice: it is one command, and each is told the same; ``None`` for a first time.

        Args:
            jti: the command's id.
            wait: seconds that this call may take; left out, the first one's patience.
            answer: that nobody listens, if the one who asks found it so.
        """
        with self._lock:
            twin = self._memory.find(jti)
            if twin is None:
                if answer is not None:
                    return self._memory.will_never_be_done(jti, answer)
                return self._memory.never_done(jti)
        return self._wait(twin, wait if wait is not None else twin.ends_at - now())

    def sign(self, *, agent: str, device: str, action: str, sub: str) -> str | Answer:
        """Signs a command for somebody who publishes it by hand, to act within twice the nonce's lifetime.

        Returns:
            The token, or the answer that says why nobody would listen.
        """
        key = self._keyring.signing(self.issuer, agent)
        if key is None:
            return of.refused_here(device, action, Cause.UNKNOWN_KEY, f"{self.issuer} holds no key for {agent}")
        nonce = self._listening(agent)
        if isinstance(nonce, Cause):
            return of.nobody_listening(device, action, nonce, " ".join(self.health().troubles))
        command = OpenCommand(
            key=key, agent=agent, device=device, action=action, sub=claimable(sub), jti=random_jti(),
            patience=2.0 * nonce.lifetime, on_late=None,
        )  # fmt: skip
        return command.sign_over(nonce)

    def _listening(self, agent: str) -> HeardNonce | Cause:
        """Waits a moment for a connection and for what the broker keeps about the agent."""
        nonce = self._agents.nonce(agent)
        if nonce is not None and self._bus.is_ready and self._agents.is_online(agent):
            return nonce
        with self._changed:
            self._changed.wait_for(lambda: self._bus.is_ready, self._connect_seconds)
            if not self._bus.is_ready:
                return Cause.NO_BROKER
            if not self._agents.has_told(agent):
                self._bus.ask_again()
            self._changed.wait_for(lambda: self._agents.is_known(agent), self._connect_seconds / 2)
            if not self._agents.is_online(agent):
                return Cause.AWAY
            self._changed.wait_for(lambda: self._agents.nonce(agent) is not None, self._connect_seconds / 2)
            return self._agents.nonce(agent) or Cause.NO_NONCE

    def _publish(self, command: OpenCommand, nonce: HeardNonce) -> bool:
        """With the lock of :meth:`_wait`: what a person is told must be true of a second try, too."""
        return self._send(command, command.sign_over(nonce))

    def _send(self, command: OpenCommand, token: str) -> bool:
        expiry = max(1, round(command.ends_at - now()))
        command.ticket = self._bus.publish(topics.command(command.agent, command.device), token, expiry=expiry)
        return command.ticket is not None

    def _wait(self, command: OpenCommand, seconds: float) -> Answer:
        command.done.wait(max(0.0, min(seconds, command.latest - now())))
        with self._lock:
            if command.answer is not None:
                command.is_over = True  # a person is told: it must not be tried again after that
                command.done.set()
                return command.answer
            command.is_late = True  # from now on whatever comes is the truth that follows
            return of.no_answer(command.device, command.action, command.latest - now(), command.denied)

    # ---------------------------------------------------------------------------- told by the bus

    def connected(self) -> None:
        """Tells that the service is there."""
        self._unproved = ()
        if self._announce:
            self._bus.publish(topics.availability(self.issuer), "online", retained=True)
        if self.on_connected is not None:
            self.on_connected()

    def ready(self) -> None:
        """Every subscription was proved."""
        event(_log, logging.INFO, "Connected, and ready to ask.", issuer=self.issuer)
        with self._changed:
            self._unproved = ()
            self._changed.notify_all()

    def unproved(self, filters: Sequence[str]) -> None:
        """The access list denies what a sender must hear."""
        self._unproved = filters
        event(
            _log, logging.ERROR,
            "The broker lets this login subscribe but delivers nothing: look at the broker's access list.",
            issuer=self.issuer, topics=",".join(filters),
        )  # fmt: skip

    def lost(self, reason: str) -> None:
        """There is no connection; what was heard may not be true any more."""
        if reason != self._lost:
            event(_log, logging.WARNING, "The broker is away, trying again.", issuer=self.issuer, reason=reason)
        with self._changed:
            self._lost = reason
            self._agents.forget()

    def denied(self, ticket: int, reason: str) -> None:
        """The broker says it did not take a publication. Only a hint, so that nobody waits for nothing."""
        event(_log, logging.ERROR, "The broker refused a publication: look at its access list.",
              issuer=self.issuer, reason=reason)  # fmt: skip
        with self._lock:
            for command in self._memory:
                if command.ticket == ticket:
                    command.denied = f"the broker says that this login may not publish there: {reason}"
                    command.done.set()

    def heard(self, message: Message) -> None:
        """An availability, a nonce or a receipt."""
        address = topics.parse(message.topic)
        if address is None:
            return
        if address.kind == "receipt":
            if not message.retained:
                self._receipts.heard(address, message.payload)
            return
        if address.name not in self._known:
            return  # not ours to ask, and a broker that invents agents fills no memory
        with self._changed:
            if address.kind == "availability":
                self._agents.heard_availability(address.name, message.payload)
            elif address.kind == "nonce":
                is_one = self._agents.heard_nonce(address.name, message.payload, now())
                if is_one and not message.retained:  # it was published just now, so the agent is connected
                    self._agents.heard_availability(address.name, b"online")
            self._changed.notify_all()
        if address.kind == "nonce":
            self._receipts.heard_nonce(address.name)
