"""A bench for the relay agent's hardware half: simulated boards, handlers, and a clock of its own.

``open`` is what a process does when it starts; a second one on the same boards is the start after a crash.
"""

from collections.abc import Mapping
from types import MappingProxyType

from latchwire.config.agent import AgentConfig, DeviceConfig
from latchwire.model import Kind
from latchwire_relay_agent.hardware import Handler, open_devices
from latchwire_relay_agent.i2c import Wire
from latchwire_relay_agent.relays import LockRelay, SwitchRelay
from latchwire_relay_agent.simulated import SimulatedBus

Settings = Mapping[str, object]
DOOR: Settings = {"channel": 0, "locked": "released"}
LAMP: Settings = {"channel": 1}


class Clock:
    """Seconds that pass only by sleeping."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def device(name: str, settings: Settings) -> DeviceConfig:
    """A lock if the settings say how it is locked or named like one; else a switch."""
    rest = dict(settings)
    kind = rest.pop("kind", Kind.LOCK if "locked" in rest else Kind.SWITCH)
    return DeviceConfig(name, Kind(str(kind)), 5, 0, MappingProxyType(rest))


def agent(
    devices: Mapping[str, Settings], *, runs: str = "simulated", kind: str = "relay", **rest: object
) -> AgentConfig:
    """An agent's configuration."""
    return AgentConfig(
        "omega",
        kind,
        runs,
        30,
        None,
        {name: device(name, settings) for name, settings in devices.items()},
        rest,
    )


class Bench:
    """Simulated boards and the handlers of the devices on them."""

    def __init__(self, **devices: Settings) -> None:
        self.devices = {name.replace("_", "-"): settings for name, settings in devices.items()}
        self.clock = Clock()
        self.bus = SimulatedBus(addresses=(0x26, 0x27), sleep=self.clock.sleep)
        self.handlers: dict[str, Handler] = {}
        self.open()

    def open(self, wire: Wire | None = None) -> None:
        """As after the start of a process; the boards are as they were."""
        self.handlers = open_devices(
            agent(self.devices), wire=wire or self.bus, monotonic=self.clock.monotonic, sleep=self.clock.sleep
        )

    def lock(self, name: str = "door") -> LockRelay:
        handler = self.handlers[name]
        assert isinstance(handler, LockRelay)
        return handler

    def switch(self, name: str = "lamp") -> SwitchRelay:
        handler = self.handlers[name]
        assert isinstance(handler, SwitchRelay)
        return handler

    def written(self) -> list[tuple[str, int | None]]:
        """What was written since the log was cleared: register and value."""
        return [(entry.register, entry.value) for entry in self.bus.transfers if entry.operation == "write"]
