"""The settings of devices whose agent's type comes with Latchwire: which keys there are, and what they hold.

They are checked here rather than by the schema, because which of them a device has depends on its agent.
Agents of somebody's own types keep what keys they like.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from latchwire.config.strict_json import quoted
from latchwire.config.wording import listed, meant

COMMON: Final = ("agent", "kind", "names", "toggleSeconds", "relockAfterSeconds", "retweets", "confirm", "limit")
"""The keys that every device may have; all others are its agent's business."""

_CURRENT: Final = ("released", "energised")
_RELAY_ADDRESSES: Final = tuple(f"0x2{n}" for n in range(8))


class _Setting(NamedTuple):
    fits: Callable[[object], bool]
    what: str
    required: bool = False


def _one_of(*choices: str) -> Callable[[object], bool]:
    return lambda value: isinstance(value, str) and value in choices


_RELAY: Final = {
    "channel": _Setting(
        lambda value: type(value) is int and 0 <= value <= 7, "the board's channel, 0 to 7", required=True
    ),
    "address": _Setting(_one_of(*_RELAY_ADDRESSES), 'the board\'s I2C address, "0x20" to "0x27"'),
}

_SETTINGS: Final[dict[tuple[str, str], dict[str, _Setting]]] = {
    ("relay", "lock"): _RELAY
    | {
        "locked": _Setting(
            _one_of(*_CURRENT),
            '"released" if the lock is locked without current, "energised" if current locks it; '
            "look at your lock, a wrong guess opens the door",
            required=True,
        ),
        "atStart": _Setting(_one_of("lock", "unlock", "keep"), '"lock" (the default), "unlock" or "keep"'),
    },
    ("relay", "switch"): _RELAY
    | {
        "on": _Setting(_one_of(*_CURRENT), '"energised" (the default) or "released"'),
        "atStart": _Setting(_one_of("on", "off", "keep"), '"on", "off" or "keep"'),
    },
    ("magiq", "switch"): {
        "deviceId": _Setting(
            lambda value: isinstance(value, str) and 0 < len(value) <= 128 and " " not in value,
            "the socket's id as the MagIQ developer page shows it",
            required=True,
        ),
    },
}


def problems(agent_type: str, kind: str, device: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What is wrong with a device's own settings: (key, sentence); none for types not known here."""
    if agent_type not in {known for known, _ in _SETTINGS}:
        return []
    settings = _SETTINGS.get((agent_type, kind))
    if settings is None:
        return [("kind", f"a {agent_type} agent has no devices of kind {kind}")]
    found: list[tuple[str, str]] = []
    for key, setting in settings.items():
        if key not in device:
            if setting.required:
                found.append((key, f"is missing; it is {setting.what}"))
        elif not setting.fits(device[key]):
            found.append((key, f"{quoted(device[key])} is wrong; it is {setting.what}"))
    known = (*COMMON, *settings)
    found.extend(
        (key, f"a {agent_type} {kind} has no such key; there are: {listed(known)}{meant(key, known)}")
        for key in device
        if key not in known
    )
    return found
