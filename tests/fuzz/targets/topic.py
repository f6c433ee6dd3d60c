"""A topic and what is published there: read as the protocol says or not at all, and safe to show.

The input is the topic, a line end, and the payload. It goes to everybody who reads more than commands: the observer
behind ``latchwire watch``, an asking side, and an agent that looks for another one under its name.
"""

import json
import re
from typing import Any, Final

from fuzz.targets import token
from latchwire import topics
from latchwire.actuator.peers import Peer, Peers
from latchwire.bus import Message
from latchwire.cli.about_x import x_line
from latchwire.cli.watch import _as_json, _as_text
from latchwire.observer import CommandSeen, ReceiptSeen, StatusSeen, Unreadable, read
from latchwire.sender.agents import Agents
from support.tokens import KEY, SECRET

LONGEST: Final = 1500

_NAME: Final = "[a-z0-9-]{1,32}"
_OURS: Final = re.compile(
    f"latchwire/{_NAME}/(availability|status|nonce|alert)|latchwire/{_NAME}/{_NAME}/(command|state|receipt/{_NAME})"
)


def one_input(data: bytes) -> None:
    """Reads topic and payload as each of the readers does."""
    first, _, payload = data.partition(b"\n")
    topic = first.decode("utf-8", "replace")
    address = topics.parse(topic)
    assert (address is not None) is (_OURS.fullmatch(topic) is not None), "ours is what the page lists"
    if address is not None:
        assert _written(address) == topic, "a topic has one spelling"
    for retained in (False, True):
        _watched(Message(topic, payload, retained, duplicate=False))
    _asking_side(payload)
    _peer(payload)


def _written(address: topics.Address) -> str:
    match address.kind:
        case "receipt":
            return topics.receipt(address.name, address.device, address.issuer)
        case "command" | "state":
            return str(getattr(topics, address.kind)(address.name, address.device))
    return str(getattr(topics, address.kind)(address.name))


def _watched(message: Message) -> None:
    event = read(message, keyring=token.RING)
    if event is None:
        address = topics.parse(message.topic)
        assert address is not None
        assert topics.SELF_TEST in {address.name, address.device}
        return
    assert isinstance(event, Unreadable) or _OURS.fullmatch(message.topic)
    if isinstance(event, CommandSeen | ReceiptSeen) and event.verified:
        assert token._read(message.payload) is not None, "verified is said of what somebody signed"
    line = _as_text(event)
    assert line.isprintable(), "nothing steers the terminal of who watches"
    assert len(line) < 3000
    document = _as_json(event)
    assert "\n" not in document
    json.loads(document, parse_constant=_no_json)
    if isinstance(event, StatusSeen):
        assert x_line(event.status).isprintable()


def _asking_side(payload: bytes) -> None:
    agents = Agents()
    agents.heard_availability("omega", payload)
    assert agents.is_online("omega") is (payload == b"online")
    if agents.heard_nonce("omega", payload, 1.0):
        nonce = agents.nonce("omega")
        assert nonce is not None
        assert re.fullmatch("[A-Za-z0-9_-]{22}", nonce.value)
        assert 5 <= nonce.lifetime <= 300
    else:
        assert agents.nonce("omega") is None


def _peer(payload: bytes) -> None:
    peers = Peers(started=0.0)
    peers.heard_nonce(payload, 100.0)
    told = peers.heard_status(payload, 100.0)
    assert peers.is_aside is (told is Peer.OLDER)


def _no_json(constant: str) -> Any:
    raise AssertionError(f"{constant} is no JSON")


assert KEY.secret == SECRET == token.SECRETS["whatsapp/1"]
