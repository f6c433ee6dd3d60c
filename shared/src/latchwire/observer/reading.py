"""One message becomes one event, whatever it holds: who publishes may publish anything."""

import json
import math
from collections.abc import Mapping

from latchwire import topics
from latchwire.bus import Message
from latchwire.errors import TokenError
from latchwire.model import Cause, State
from latchwire.observer.events import (
    AlertSeen,
    AvailabilitySeen,
    CommandSeen,
    Event,
    NonceSeen,
    ReceiptSeen,
    StateSeen,
    StatusSeen,
    Unreadable,
)
from latchwire.protocol.claims import parse_command, parse_receipt
from latchwire.protocol.keys import Keyring
from latchwire.protocol.token import COMMAND, MAX_INTEGER, RECEIPT, parse_claims, split


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
