"""An observer: sees what passes, as typed values, and marks what is signed by whom.

States, status, availability and alerts are for people and dashboards and are not signed. A command or a receipt is
``verified`` only where the observer holds the key and the signature is good; the others say what they say.
"""

import json
import math
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple

from latchwire import topics
from latchwire.bus import Bus, Endpoint, Login, Message, Subscription
from latchwire.errors import TokenError
from latchwire.model import Cause, Outcome, State
from latchwire.protocol.claims import Command, Receipt, parse_command, parse_receipt
from latchwire.protocol.keys import Keyring
from latchwire.protocol.token import COMMAND, MAX_INTEGER, RECEIPT, parse_claims, split


class CommandSeen(NamedTuple):
    """Somebody asked for something; whether it was done, a receipt says.

    Attributes:
        agent: whose device it is.
        device: which.
        command: all that it says.
        verified: signed with a key that this observer holds, for just this device. Else anybody with a login at the
            broker may have made it up.
    """

    agent: str
    device: str
    command: Command
    verified: bool

    @property
    def who(self) -> str:
        """Who asked: ``whatsapp:+15555550100``."""
        return self.command.sub

    @property
    def action(self) -> str:
        """What for."""
        return self.command.act


class ReceiptSeen(NamedTuple):
    """An agent says what came of a command.

    Attributes:
        agent: whose device it is.
        device: which.
        receipt: all that it says.
        verified: as in :class:`CommandSeen`.
    """

    agent: str
    device: str
    receipt: Receipt
    verified: bool

    @property
    def who(self) -> str:
        """Who asked: ``whatsapp:+15555550100``; "" if the command was malformed."""
        return self.receipt.sub

    @property
    def action(self) -> str:
        """What for; "" if the command was malformed."""
        return self.receipt.act

    @property
    def outcome(self) -> Outcome:
        """``done``, ``refused`` or ``failed``."""
        return self.receipt.outcome

    @property
    def cause(self) -> Cause | None:
        """Why it was not done."""
        return self.receipt.cause

    @property
    def state(self) -> State:
        """What was read back from the hardware after acting."""
        return self.receipt.state


class StateSeen(NamedTuple):
    """A device's state. It is not signed: for people and dashboards.

    Attributes:
        agent: whose device it is.
        device: which.
        state: as read back.
        cause: why it is unknown.
        by: who made it so; "" if nobody who asked did.
        locks_in: seconds until a lock locks by itself.
        simulated: whether there is no hardware behind it.
        retained: it was so before this observer connected: not news.
    """

    agent: str
    device: str
    state: State
    cause: Cause | None
    by: str
    locks_in: int | None
    simulated: bool
    retained: bool


class AlertSeen(NamedTuple):
    """Something that an agent could not answer, as a command with a bad signature.

    Attributes:
        agent: who tells it.
        cause: why.
        device: which, or "".
        kid: whose key was named, or "".
        times: how often within ten seconds.
    """

    agent: str
    cause: Cause
    device: str
    kid: str
    times: int


class AvailabilitySeen(NamedTuple):
    """A service came or went.

    Attributes:
        name: its login.
        online: whether it is there.
        retained: it was so before this observer connected: not news.
    """

    name: str
    online: bool
    retained: bool


class StatusSeen(NamedTuple):
    """A service told how it is.

    Attributes:
        name: its login.
        status: as docs/protocol.md describes it: ``health``, ``troubles``, ``notes`` and more.
        retained: it was so before this observer connected: not news.
    """

    name: str
    status: Mapping[str, object]
    retained: bool


class NonceSeen(NamedTuple):
    """An agent has a new nonce.

    Attributes:
        agent: which.
        nonce: it.
        retained: it was so before this observer connected: not news.
    """

    agent: str
    nonce: str
    retained: bool


class Unreadable(NamedTuple):
    """Something that is none of the above: a payload that is not what its topic promises.

    Attributes:
        topic: where.
        detail: what is wrong with it.
    """

    topic: str
    detail: str


Event = CommandSeen | ReceiptSeen | StateSeen | AlertSeen | AvailabilitySeen | StatusSeen | NonceSeen | Unreadable


REREAD_SECONDS: Final = 1.0
"""How old the keys may be by which a message is verified."""


class Observer:
    """A connection that hears everything, and says at most that it is there.

    Args:
        keyring: the keys by which commands and receipts are verified; may be empty.
        endpoint: where the broker is.
        login: one that may read all (``observer``).
        on_event: called for each event, one after the other.
        on_connection: told "" when it is ready, else why it is not connected.
        name: under which it tells others that it is there, which its login has to allow; "" to say nothing.
        status: what it then tells of itself.
        reread: reads the keys again, for they change meanwhile.
    """

    def __init__(
        self,
        *,
        keyring: Keyring,
        endpoint: Endpoint,
        login: Login,
        on_event: Callable[[Event], None],
        on_connection: Callable[[str], None],
        name: str = "",
        status: Callable[[], str] = str,
        reread: Callable[[], Keyring] | None = None,
    ) -> None:
        self._keyring, self._on_event, self._on_connection = keyring, on_event, on_connection
        self._name, self._status = name, status
        self._reread = reread
        self._read_at = self._doubted_at = time.monotonic()
        self._bus = Bus(
            endpoint=endpoint,
            login=login,
            listener=self,
            subscriptions=(Subscription(f"{topics.ROOT}/#", topics.nonce(topics.SELF_TEST)),),
            will=(topics.availability(name), "offline") if name else None,
        )

    def start(self) -> None:
        """Begins to connect."""
        self._bus.start()

    def stop(self) -> None:
        """Disconnects."""
        self._bus.stop([(topics.availability(self._name), "offline")] if self._name else [])

    def publish_status(self) -> None:
        """Tells how it is, if it tells anything."""
        if self._name:
            self._bus.publish(topics.status(self._name), self._status(), retained=True)

    def connected(self) -> None:
        """Says that it is there, if it says anything."""
        if self._name:
            self._bus.publish(topics.availability(self._name), "online", retained=True)
            self.publish_status()

    def ready(self) -> None:
        """All that is retained was heard before this."""
        self._on_connection("")

    def unproved(self, filters: Sequence[str]) -> None:
        """The access list denies it."""
        self._on_connection(f"The broker's access list does not let it hear {', '.join(filters)}")

    def lost(self, reason: str) -> None:
        """There is no connection."""
        self._on_connection(reason)

    def denied(self, ticket: int, reason: str) -> None:
        """Nothing is said, so nothing is denied."""

    def heard(self, message: Message) -> None:
        """One message becomes one event."""
        event = read(message, keyring=self._current_keys())
        if isinstance(event, CommandSeen | ReceiptSeen) and not event.verified and self._read_again():
            event = read(message, keyring=self._keyring)
        if event is not None:
            self._on_event(event)

    def _read_again(self) -> bool:
        """Reads the keys for what is not verified: it may be signed with one of this very moment."""
        now = time.monotonic()
        if self._reread is None or now < self._doubted_at + REREAD_SECONDS:
            return False
        self._keyring, self._read_at, self._doubted_at = self._reread(), now, now
        return True

    def _current_keys(self) -> Keyring:
        now = time.monotonic()
        if self._reread is not None and now > self._read_at + REREAD_SECONDS:
            self._keyring, self._read_at = self._reread(), now
        return self._keyring


def read(message: Message, *, keyring: Keyring) -> Event | None:
    """What a message says; ``None`` if by it somebody proves a subscription.

    Args:
        message: as it arrived.
        keyring: the keys by which commands and receipts are verified.
    """
    address = topics.parse(message.topic)
    if address is None:
        return Unreadable(message.topic, "no topic of the protocol")
    if topics.SELF_TEST in (address.name, address.device):
        return None
    try:
        return _read(address, message, keyring)
    except (TokenError, ValueError, RecursionError) as error:
        return Unreadable(message.topic, str(error))


def _read(address: topics.Address, message: Message, keyring: Keyring) -> Event:
    name, payload = address.name, message.payload
    match address.kind:
        case "availability":
            return AvailabilitySeen(name, payload == b"online", message.retained)
        case "command":
            return _command(address, payload, keyring)
        case "receipt":
            return _receipt(address, payload, keyring)
        case "nonce":
            return NonceSeen(name, _text(_object(payload), "nonce"), message.retained)
        case "status":
            return StatusSeen(name, _object(payload), message.retained)
        case "alert":
            alert = _object(payload)
            cause = Cause.from_wire(_text(alert, "cause"))
            return AlertSeen(name, cause, _text(alert, "device"), _text(alert, "kid"), _number(alert, "count") or 1)
        case _:
            return _state(address, _object(payload), retained=message.retained)


def _command(address: topics.Address, payload: bytes, keyring: Keyring) -> Event:
    token = split(payload)
    if token.header.typ != COMMAND:
        raise ValueError("typ is not that of a command")
    key = keyring.find(token.header.kid, address.name)
    issuer = token.header.kid.partition("/")[0]
    command = parse_command(parse_claims(token.payload), issuer=issuer)
    verified = key is not None and token.verified_by(key.secret)
    verified = verified and command.aud == f"{address.name}/{address.device}"
    return CommandSeen(address.name, address.device, command, verified)


def _receipt(address: topics.Address, payload: bytes, keyring: Keyring) -> Event:
    token = split(payload)
    if token.header.typ != RECEIPT:
        raise ValueError("typ is not that of a receipt")
    key = keyring.find(token.header.kid, address.name)
    receipt = parse_receipt(parse_claims(token.payload))
    verified = key is not None and key.issuer == address.issuer == receipt.aud and token.verified_by(key.secret)
    verified = verified and receipt.iss == f"{address.name}/{address.device}"
    return ReceiptSeen(address.name, address.device, receipt, verified)


def _state(address: topics.Address, state: Mapping[str, object], *, retained: bool) -> StateSeen:
    return StateSeen(
        address.name,
        address.device,
        State(_text(state, "state")),
        Cause.from_wire(_text(state, "cause")) if "cause" in state else None,
        _text(state, "by"),
        _number(state, "locksIn"),
        state.get("simulated") is True,
        retained,
    )


def _object(payload: bytes) -> Mapping[str, object]:
    document = json.loads(payload, parse_float=_finite, parse_constant=_finite)
    if not isinstance(document, dict):
        raise ValueError("no JSON object")  # noqa: TRY004  # of the payload, not of a Python type
    return document


def _finite(text: str) -> float:
    """Python reads NaN and 1e999, and would write what no other reader of JSON takes."""
    if not math.isfinite(value := float(text)):
        raise ValueError(f"{text[:20]} is no number of JSON")
    return value


def _number(document: Mapping[str, object], name: str) -> int | None:
    """A count or a time in seconds; ``None`` for what is none, as 4000 digits."""
    value = document.get(name)
    return value if type(value) is int and 0 <= value <= MAX_INTEGER else None


def _text(document: Mapping[str, object], name: str) -> str:
    value = document.get(name, "")
    return value if isinstance(value, str) else ""
