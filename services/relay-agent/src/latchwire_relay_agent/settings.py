"""What the configuration says of relays, checked at once: every mistake is told with its place and its cure.

    agents:   "bus": 0                          the N of /dev/i2c-N (default 0)
              "address": "0x27"                 the board's 7-bit I2C address (default "0x27")
    devices:  "channel": 0                      the relay, 0 to 7; required (the Relay Expansion has 0 and 1)
              "address": "0x26"                 another board than the agent's
      lock:   "locked": "released"|"energised"  required: what the relay does while the door is locked
              "atStart": "lock"|"unlock"|"keep" default "lock"
      switch: "on": "energised"|"released"      default "energised"
              "atStart": "off"|"on"|"keep"      default "keep"

``locked`` has no default: locks that need power to lock and locks that need power to open are both common,
and a wrong guess opens a door. An address is text, since JSON has no hexadecimal numbers and 27 is not 0x27.
"""

import re
from collections.abc import Mapping
from typing import Final, NamedTuple

from latchwire.errors import ConfigurationError
from latchwire.kit.agent import AgentConfig, DeviceConfig
from latchwire.model import Kind
from latchwire_relay_agent.mcp23008 import Channel

DEFAULT_ADDRESS: Final = 0x27
"""The vendor's default: all of the board's address switches off."""

_ADDRESS: Final = re.compile(r"0[xX]2[0-7]\Z")
_LEVELS: Final = {"released": False, "energised": True}
_OTHER_KIND: Final = {Kind.LOCK: "on", Kind.SWITCH: "locked"}
_MOST_BUSES: Final = 255


class RelayDevice(NamedTuple):
    """One device: on which board, on which of its channels."""

    name: str
    kind: Kind
    address: int
    channel: Channel


class RelaySettings(NamedTuple):
    """One agent's boards."""

    bus: int
    devices: tuple[RelayDevice, ...]


def read_settings(agent: AgentConfig) -> RelaySettings:
    """Reads what is the relay agent's own in its configuration.

    Raises:
        ConfigurationError: with all that is wrong.
    """
    reader = _Reader()
    place = f"agents.{agent.name}"
    bus = reader.whole_number(agent.settings.get("bus", 0), f"{place}.bus", _MOST_BUSES)
    address = reader.address(agent.settings, place, DEFAULT_ADDRESS)
    devices = [reader.device(config, address) for config in agent.devices.values()]
    reader.look_for_sharing(devices)
    if reader.problems:
        raise ConfigurationError(reader.problems)
    return RelaySettings(bus, tuple(devices))


class _Reader:
    """Collects the problems; what is wrong is replaced by something harmless, to go on."""

    def __init__(self) -> None:
        self.problems: list[str] = []
        self._without_channel: set[str] = set()

    def device(self, config: DeviceConfig, agents_address: int) -> RelayDevice:
        settings, place = config.settings, f"devices.{config.name}"
        before = len(self.problems)
        number = self.whole_number(settings.get("channel"), f"{place}.channel", 7)
        address = self.address(settings, place, agents_address)
        if len(self.problems) > before:
            self._without_channel.add(config.name)
        other = _OTHER_KIND[config.kind]
        if other in settings:
            self.problems.append(f"{place}.{other}: a {config.kind} has no such setting; remove it, or change `kind`")
        if config.kind is Kind.LOCK:
            safe = self._level(settings, "locked", place)
            starts: dict[str, bool | None] = {"lock": safe, "unlock": not safe, "keep": None}
            at_start = self._start(settings, place, starts, "lock")
        else:
            safe = not self._level(settings, "on", place, "energised")
            starts = {"off": safe, "on": not safe, "keep": None}
            at_start = self._start(settings, place, starts, "keep")
        channel = Channel(config.name, number, safe=safe, at_start=at_start, is_lock=config.kind is Kind.LOCK)
        return RelayDevice(config.name, config.kind, address, channel)

    def look_for_sharing(self, devices: list[RelayDevice]) -> None:
        """Two devices on one relay would work each other."""
        first: dict[tuple[int, int], str] = {}
        for device in devices:
            if device.name in self._without_channel:
                continue
            owner = first.setdefault((device.address, device.channel.number), device.name)
            if owner != device.name:
                self.problems.append(
                    f"devices.{device.name}.channel: relay {device.channel.number} of the board at "
                    f"{device.address:#04x} is already {owner}'s; give one of them another channel or address"
                )

    def whole_number(self, value: object, place: str, most: int) -> int:
        if type(value) is int and 0 <= value <= most:
            return value
        what = "is missing; set it to" if value is None else f"{_quoted(value)} is not"
        self.problems.append(f"{place}: {what} a whole number from 0 to {most}")
        return 0

    def address(self, settings: Mapping[str, object], place: str, default: int) -> int:
        if "address" not in settings:
            return default
        value = settings["address"]
        if isinstance(value, str) and _ADDRESS.match(value):
            return int(value, 16)
        self.problems.append(
            f'{place}.address: {_quoted(value)} is no address of a relay board; write "0x20" to "0x27", '
            "in quotes (`i2cdetect -y BUS` on the board's machine shows it)"
        )
        return default

    def _level(self, settings: Mapping[str, object], key: str, place: str, default: str | None = None) -> bool:
        value = settings.get(key, default)
        if isinstance(value, str) and value in _LEVELS:
            return _LEVELS[value]
        what = "is missing" if value is None else f"{_quoted(value)} is neither"
        meaning = "while the door is locked" if key == "locked" else "while the load is on"
        self.problems.append(f'{place}.{key}: {what}; write "released" or "energised": what the relay is {meaning}')
        return False

    def _start(
        self, settings: Mapping[str, object], place: str, starts: Mapping[str, bool | None], default: str
    ) -> bool | None:  # fmt: skip
        value = settings.get("atStart", default)
        if isinstance(value, str) and value in starts:
            return starts[value]
        choices = ", ".join(f'"{name}"' for name in starts)
        self.problems.append(f"{place}.atStart: {_quoted(value)} is none of {choices}")
        return starts[default]


def _quoted(value: object) -> str:
    """A value from outside for a message: printable, and not longer than a line bears."""
    text = ascii(value)
    return text if len(text) <= 40 else f"{text[:40]}…"
