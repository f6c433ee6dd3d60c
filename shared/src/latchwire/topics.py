"""The topics of the protocol: how they are written, and what is read from one that arrives.

    latchwire/<name>/availability            online / offline, retained, and its last will
    latchwire/<name>/status                  JSON about a service, retained
    latchwire/<agent>/nonce                  what the next command is signed over, retained
    latchwire/<agent>/<device>/command       a signed command, never retained
    latchwire/<agent>/<device>/receipt/<issuer>
    latchwire/<agent>/<device>/state         what the hardware says, retained
    latchwire/<agent>/alert                  what could not be answered

A name of an agent, an issuer or a device is 1 to 32 of ``a-z``, ``0-9`` and ``-``, so that no name can hold a
topic's separator, a wildcard or a control character. ``self-test`` is nobody's name and no device's: there a service
proves its subscriptions by a message to itself.
"""

import functools
import re
from typing import Final, NamedTuple

ROOT: Final = "latchwire"
SELF_TEST: Final = "self-test"
_NAME: Final = re.compile(r"[a-z0-9-]{1,32}\Z", re.ASCII)


def is_name(text: str) -> bool:
    """Whether this can name an agent, an issuer or a device (``self-test`` cannot)."""
    return _NAME.match(text) is not None and text != SELF_TEST


def availability(name: str) -> str:
    """Where the service tells whether it is connected."""
    return f"{ROOT}/{name}/availability"


def status(name: str) -> str:
    """Where the service tells how it is."""
    return f"{ROOT}/{name}/status"


def nonce(agent: str) -> str:
    """Where the agent publishes its current nonce."""
    return f"{ROOT}/{agent}/nonce"


def alert(agent: str) -> str:
    """Where the agent tells what it could not answer."""
    return f"{ROOT}/{agent}/alert"


def command(agent: str, device: str) -> str:
    """Where commands for the device are published; ``+`` as device for all of the agent's."""
    return f"{ROOT}/{agent}/{device}/command"


def receipt(agent: str, device: str, issuer: str) -> str:
    """Where the agent answers that issuer; ``+`` as agent and device for all."""
    return f"{ROOT}/{agent}/{device}/receipt/{issuer}"


def state(agent: str, device: str) -> str:
    """Where the agent keeps the device's state."""
    return f"{ROOT}/{agent}/{device}/state"


class Address(NamedTuple):
    """What a topic says.

    Attributes:
        kind: ``availability``, ``status``, ``nonce``, ``alert``, ``command``, ``state`` or ``receipt``.
        name: the agent or service whose subtree it is.
        device: the device, or "" where the topic has none.
        issuer: whom a receipt is for, or "".
    """

    kind: str
    name: str
    device: str = ""
    issuer: str = ""


_SERVICE_KINDS: Final = frozenset(("availability", "status", "nonce", "alert"))
_DEVICE_KINDS: Final = frozenset(("command", "state"))
_LONGEST: Final = len(f"{ROOT}/{'-' * 32}/{'-' * 32}/receipt/{'-' * 32}")


def parse(topic: str) -> Address | None:
    """Reads a topic; ``None`` if it is none of ours (a part missing, too long or with other characters)."""
    return _parse(topic) if len(topic) <= _LONGEST else None  # so what is remembered of them stays small


@functools.lru_cache(maxsize=64)
def _parse(topic: str) -> Address | None:
    parts = topic.split("/", 5)
    if parts[0] != ROOT or not all(map(_NAME.match, parts[1:])):
        return None
    match parts[1:]:
        case [name, kind] if kind in _SERVICE_KINDS:
            return Address(kind, name)
        case [name, device, kind] if kind in _DEVICE_KINDS:
            return Address(kind, name, device)
        case [name, device, "receipt", issuer]:
            return Address("receipt", name, device, issuer)
    return None
