"""Puts bus, boards and handlers together for one agent's configuration.

``runs`` alone decides what the handlers work on: ``simulated`` is a simulated board, ``here`` and
``elsewhere`` are the I2C bus of this machine. A bus that is missing never becomes a simulation: the handlers
then raise ``not-configured`` with what to do, and work as soon as the bus is there.

smbus2 is imported when the bus is first opened, on the worker thread, and only for real hardware.
"""

import errno
import logging
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from latchwire.errors import ActionError, ConfigurationError
from latchwire.kit.agent import AgentConfig
from latchwire.model import Cause, Kind
from latchwire_relay_agent.i2c import I2cBus, Wire
from latchwire_relay_agent.mcp23008 import Board
from latchwire_relay_agent.relays import LockRelay, SwitchRelay
from latchwire_relay_agent.settings import RelayDevice, read_settings
from latchwire_relay_agent.simulated import Click, SimulatedBus

log = logging.getLogger("latchwire.relay-agent")

TYPE: Final = "relay"
"""What ``agents.NAME.type`` says for this service."""

Handler = LockRelay | SwitchRelay


def open_devices(
    agent: AgentConfig,
    *,
    wire: Wire | None = None,
    memory: Path | None = None,
    monotonic: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], object] = time.sleep,
) -> dict[str, Handler]:
    """One handler for each device of the agent, by name. Touches no hardware yet.

    Args:
        agent: its configuration; ``type`` is ``relay``.
        wire: an open bus to use instead of what ``runs`` says, for tests.
        memory: for a simulated agent: the file that keeps the simulated chips' registers between processes.
        monotonic: seconds, never set back.
        sleep: waits that many seconds.

    Raises:
        ConfigurationError: with all that is wrong in the agent's part of the configuration, or the ``memory`` file
            cannot be used.
    """
    if agent.type != TYPE:
        raise ConfigurationError(f'agents.{agent.name}.type: the relay agent runs agents of the type "{TYPE}" only')
    settings = read_settings(agent)
    addresses = sorted({device.address for device in settings.devices})
    simulated = agent.runs == "simulated"
    if wire is None and simulated:
        wire = _simulated(addresses, settings.devices, memory, sleep)
    connect = _connector(settings.bus) if wire is None else _given(wire)
    bus = I2cBus(number=settings.bus, connect=connect, monotonic=monotonic, sleep=sleep)
    boards = {
        address: Board(
            bus=bus,
            address=address,
            channels=[device.channel for device in settings.devices if device.address == address],
        )
        for address in addresses
    }
    kinds: Mapping[Kind, type[Handler]] = {Kind.LOCK: LockRelay, Kind.SWITCH: SwitchRelay}
    return {
        device.name: kinds[device.kind](
            board=boards[device.address], channel=device.channel, release=bus.close, simulated=simulated
        )
        for device in settings.devices
    }


def _simulated(
    addresses: list[int], devices: tuple[RelayDevice, ...], memory: Path | None, sleep: Callable[[float], object]
) -> SimulatedBus:
    try:
        return SimulatedBus(addresses=addresses, on_click=_teller(devices), memory=memory, sleep=sleep)
    except OSError as error:
        raise ConfigurationError(
            f"{memory}: the simulated board cannot keep its registers there: {error.strerror or error}; "
            "give that file and its folder to the user that runs the agent, or delete the file"
        ) from None


def _given(wire: Wire) -> Callable[[], Wire]:
    return lambda: wire


def _connector(number: int) -> Callable[[], Wire]:
    def connect() -> Wire:
        try:
            from smbus2 import SMBus  # noqa: PLC0415 - only real hardware needs it, and a missing one is told
        except ImportError as error:
            raise ActionError(
                Cause.NOT_CONFIGURED,
                "the Python package smbus2 is not installed: pip install smbus2 (on the Omega also: "
                f"opkg install python3-ctypes) ({error})",
            ) from error
        bus = SMBus()
        try:
            bus.open(number)
        except OSError as error:
            bus.close()
            raise _explained(number, error) from error
        return bus

    return connect


def _explained(number: int, error: OSError) -> OSError | ActionError:
    """Says what is missing, where that is known; other errors may be gone at the next attempt."""
    device = f"/dev/i2c-{number}"
    if error.errno in (errno.ENOENT, errno.ENXIO, errno.ENODEV):
        return ActionError(
            Cause.NOT_CONFIGURED,
            f"there is no {device} on this machine: load the bus's driver (on the Omega: opkg install "
            "kmod-i2c-mt7628), with Compose hand it in (docs/operating.md), or correct `bus`; to try without hardware "
            'write "runs": "simulated"',
        )
    if error.errno in (errno.EACCES, errno.EPERM):
        return ActionError(
            Cause.NOT_CONFIGURED,
            f"this user may not open {device}: run the agent as root, or give its group the device (chgrp, chmod g+rw)",
        )
    if error.errno == errno.ENOTTY:
        return ActionError(Cause.NOT_CONFIGURED, f"{device} is no I2C bus: correct `bus`")
    return error


def _teller(devices: tuple[RelayDevice, ...]) -> Click:
    """Tells each click of a simulated relay in a line that a person understands."""
    places = {(device.address, device.channel.number): device for device in devices}
    several = len({device.address for device in devices}) > 1

    def tell(address: int, channel: int, closed: bool) -> None:  # noqa: FBT001 - what a relay does
        board = f" of {address:#04x}" if several else ""
        click = f"relay {channel}{board} {'closed' if closed else 'opened'}"
        device = places.get((address, channel))
        if device is None:
            log.info("%s: no device uses it (simulated)", click)
            return
        safe = closed is device.channel.safe
        words = ("LOCKED", "UNLOCKED") if device.kind is Kind.LOCK else ("OFF", "ON")
        log.info("%s: %s is %s (simulated) device=%s", click, device.name, words[0 if safe else 1], device.name)

    return tell
