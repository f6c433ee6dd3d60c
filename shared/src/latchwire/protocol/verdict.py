"""The checks of a command in their order: the first that fails decides (``docs/protocol.md``, Checks).

:func:`judge` is the only place that decides whether a command may act. It changes one thing, and only after the
signature was found good and the command fresh: it remembers the command in the agent's windows. Up to the signature a
failure is an :class:`Alert`, after it a :class:`Refused` that becomes a signed receipt.
"""

from collections.abc import Callable, Container, Mapping
from typing import NamedTuple

from latchwire.errors import TokenError
from latchwire.model import Cause, Kind
from latchwire.protocol.claims import Command, parse_command, readable
from latchwire.protocol.keys import Key, Keyring
from latchwire.protocol.nonce import Answered, Windows
from latchwire.protocol.token import COMMAND, Unverified, Value, parse_claims, split


class Delivery(NamedTuple):
    """A message as the broker handed it over.

    Attributes:
        device: the device of the topic it arrived on.
        payload: its bytes.
        retained: the broker kept it; nobody says it now.
        duplicate: MQTT's DUP flag: the broker may have delivered it before.
    """

    device: str
    payload: bytes
    retained: bool = False
    duplicate: bool = False


class Alert(NamedTuple):
    """Nobody known signed this: it is told, never answered."""

    cause: Cause
    detail: str
    kid: str = ""


class Refused(NamedTuple):
    """Somebody known signed this, and it is not done.

    Attributes:
        jti, sub, act: of the command; "" where they are malformed.
        nonce: that the command was signed over; "" if it is malformed.
        remembered: whether its receipt is to be kept for when it comes again.
    """

    cause: Cause
    detail: str
    key: Key
    jti: str = ""
    sub: str = ""
    act: str = ""
    nonce: str = ""
    remembered: bool = False


class Repeated(NamedTuple):
    """A command that was remembered before: it gets its first receipt again, or silence while it is being done."""

    key: Key
    command: Command
    answer: Answered | None


class Accepted(NamedTuple):
    """A command to be done now: ``expires`` is the time after which it must not be begun any more."""

    key: Key
    command: Command
    expires: float


Verdict = Alert | Refused | Repeated | Accepted


class Rules(NamedTuple):
    """What an agent knows when it judges.

    Attributes:
        agent: its name.
        keyring: its keys.
        devices: the kind of each of its devices.
        may: (issuer, device, action) → whether the agent obeys.
        busy: the devices that can take no further command now.
    """

    agent: str
    keyring: Keyring
    devices: Mapping[str, Kind]
    may: Callable[[str, str, str], bool]
    busy: Container[str]


def judge(delivery: Delivery, rules: Rules, windows: Windows, now: float) -> Verdict:
    """Decides about one delivery; ``now`` is in seconds of the windows' clock."""
    if delivery.retained:
        return Alert(Cause.RETAINED, "published as a retained message")
    try:
        token = split(delivery.payload)
    except TokenError as error:
        return Alert(error.cause, error.detail)
    if token.header.typ != COMMAND:
        return Alert(Cause.MALFORMED, "typ is not that of a command")
    key = rules.keyring.find(token.header.kid, rules.agent)
    if key is None:
        return Alert(Cause.UNKNOWN_KEY, "no such key in the agent's keyring")
    if not token.verified_by(key.secret):
        return Alert(Cause.BAD_SIGNATURE, "the signature is not good", key.kid)
    command = _read(token, key)
    if isinstance(command, Refused):
        return command
    return _judge_command(command, key, device=delivery.device, rules=rules, windows=windows, now=now)


def _judge_command(command: Command, key: Key, *, device: str, rules: Rules, windows: Windows, now: float) -> Verdict:
    """Decides about a command whose signature and form are good."""
    issuer = key.issuer
    if command.aud != f"{rules.agent}/{device}":
        return _refused(key, command, Cause.WRONG_ADDRESS, "aud is not the topic's agent and device")
    nonce = windows.kept(command.nonce)
    if nonce is None:
        return _refused(key, command, Cause.UNKNOWN_NONCE, "the nonce is not one of the last four")
    if windows.knows(issuer, command.jti):
        return Repeated(key, command, windows.answer_to(issuer, command.jti))
    if command.until > 2 * windows.lifetime:
        # Only here: after a restart with a shorter lifetime, "malformed, nothing happened" would be said of a command
        # that was done before it.
        return _refused(key, command, Cause.MALFORMED, f"until is more than {2 * windows.lifetime} seconds")
    if not windows.acts(nonce) or nonce.age(now) > command.until:
        return _refused(key, command, Cause.STALE_NONCE, f"the nonce is {nonce.age(now):.0f} s old")
    windows.remember(issuer, command.jti)
    if objection := _objection(command, key, device, rules):
        return _refused(key, command, *objection)._replace(remembered=True)
    return Accepted(key, command, nonce.made_at + command.until)


def _read(token: Unverified, key: Key) -> Command | Refused:
    claims: Mapping[str, Value] = {}
    try:
        claims = parse_claims(token.payload)
        return parse_command(claims, issuer=key.issuer)
    except TokenError as error:
        said = readable(claims, issuer=key.issuer)  # so that its sender can tell which one it was
        return Refused(error.cause, error.detail, key, *said)


def _objection(command: Command, key: Key, device: str, rules: Rules) -> tuple[Cause, str] | None:
    """Why a fresh command must not be done; the order is the protocol's."""
    kind = rules.devices.get(device)
    if kind is None:
        return Cause.UNKNOWN_DEVICE, "the agent has no such device"
    if not rules.may(key.issuer, device, command.act):
        return Cause.FORBIDDEN, "the agent does not obey this issuer in this"
    if command.act not in kind.actions:
        return Cause.UNKNOWN_ACTION, f"a {kind} does not know it"
    if device in rules.busy:
        return Cause.BUSY, "too much is waiting already"
    return None


def _refused(key: Key, command: Command, cause: Cause, detail: str) -> Refused:
    return Refused(cause, detail, key, command.jti, command.sub, command.act, command.nonce)
