"""A relay board without the hardware: an MCP23008 as its data sheet says, faults included.

It stands behind the same seam as ``smbus2.SMBus`` (:class:`latchwire_relay_agent.i2c.Wire`), so all of the
agent runs against it unchanged. What is modelled, from data sheet DS21919E section 1.6: every register and
its value after power-on, the port that writes the latch, pins that read what they are, inverted by IPOL,
pull-ups on inputs, read-only registers, unimplemented bits, and silence at other addresses. Interrupts and
block transfers are not.

The registers may live in a file (``memory``), as a real chip outlives the agent's process: after a kill the
next process meets a warm chip. Each board has 16 bytes there, at 16 times (address - 0x20): the eleven
registers, then one byte that makes it fail while the agent runs: 0 for none, 255 for an empty bus as the
Omega's old driver shows it (all reads 0xFF, all writes accepted), else the error number of every transfer (6
for a chip that is not there).
"""

import collections
import errno
import mmap
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final, NamedTuple

from latchwire_relay_agent.registers import (
    GPIO,
    GPPU,
    INTCAP,
    INTF,
    IOCON,
    IOCON_UNIMPLEMENTED,
    IODIR,
    IPOL,
    OLAT,
    REGISTERS,
)

BOARD_BYTES: Final = 16
FAULT: Final = len(REGISTERS)
"""Where a board's fault byte stands, after its registers."""
GHOST: Final = 0xFF
_ADDRESSES: Final = range(0x20, 0x28)
_LAID_OUT: Final = 0x4C
"""In the last byte of a board: its registers hold something."""

Click = Callable[[int, int, bool], None]
"""Told of each click: the board's address, the relay's channel, and whether the relay closed."""


class Transfer(NamedTuple):
    """One entry of the log: what was asked, and what came of it."""

    operation: str
    address: int
    register: str
    value: int | None
    error: str = ""


class SimulatedBus:
    """An I2C bus with boards on it.

    Args:
        addresses: 7-bit addresses of its boards.
        on_click: told of each relay that closes or opens.
        memory: a file that keeps the registers; made if it is missing. Without one they end with the process.
        sleep: how a hanging bus waits.
    """

    def __init__(
        self,
        *,
        addresses: Iterable[int] = (0x27,),
        on_click: Click | None = None,
        memory: Path | None = None,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self.transfers: collections.deque[Transfer] = collections.deque(maxlen=1000)
        self._on_click = on_click
        self._sleep = sleep
        self._boards = frozenset(addresses)
        self._bytes: bytearray | mmap.mmap = (
            bytearray(BOARD_BYTES * len(_ADDRESSES)) if memory is None else _mapped(memory)
        )
        self._faults: collections.deque[_Fault] = collections.deque()
        self._stuck: dict[int, dict[int, bool]] = collections.defaultdict(dict)
        for address in self._boards:
            if self._bytes[_base(address) + BOARD_BYTES - 1] != _LAID_OUT:
                self._power_on(address)
        self._told = {address: self.relays(address) for address in self._boards}

    # What the agent sees

    def read_byte_data(self, address: int, register: int, /) -> int:
        """Reads one register, or fails with ``OSError`` like the kernel's drivers."""
        fault = self._meet_fault("read", address, register)
        value = 0xFF if self._is_ghost(address) else self._read(address, register)
        if fault is not None and fault.noise:
            value ^= fault.noise
        self._log("read", address, register, value)
        return value

    def write_byte_data(self, address: int, register: int, value: int, /) -> None:
        """Writes one register, or fails with ``OSError`` like the kernel's drivers."""
        if not 0 <= value <= 0xFF:
            raise ValueError(value)
        self._meet_fault("write", address, register, value)
        self._log("write", address, register, value)
        if not self._is_ghost(address):
            self._write(address, register, value)

    def close(self) -> None:
        """Nothing to give back; the boards keep their power."""

    # What the bench sees

    def registers(self, address: int = 0x27) -> dict[str, int]:
        """Every register by name, as a read would give it."""
        return {name: self._read(address, number) for number, name in enumerate(REGISTERS)}

    def relays(self, address: int = 0x27) -> int:
        """Which relays are closed, as bits: the pin is high, by its output or held from outside."""
        driven = self._get(address, OLAT) & ~self._get(address, IODIR)
        return self._held_from_outside(address, driven)

    # Faults on demand

    def fail(self, number: int, times: int = 1, *, delivered: bool = False) -> None:
        """The next transfers fail with that error number; if delivered, a write reaches the chip anyway."""
        self._faults.extend([_Fault(number=number, delivered=delivered)] * times)

    def hang(self, seconds: float, times: int = 1) -> None:
        """The next transfers hang that long, then time out."""
        self._faults.extend([_Fault(number=errno.ETIMEDOUT, seconds=seconds)] * times)

    def garble(self, noise: int, times: int = 1) -> None:
        """The next transfers succeed, but reads come back with these bits flipped."""
        self._faults.extend([_Fault(noise=noise)] * times)

    def work(self) -> None:
        """Ends all faults that were to come; stuck pins and missing chips stay."""
        self._faults.clear()

    def unplug(self, address: int = 0x27, *, ghost: bool = False) -> None:
        """The chip is gone: no acknowledgement, or with the Omega's old driver 0xFF everywhere."""
        self._bytes[_base(address) + FAULT] = GHOST if ghost else errno.ENXIO

    def plug(self, address: int = 0x27) -> None:
        """The chip is on the bus again, with the registers that it had."""
        self._bytes[_base(address) + FAULT] = 0

    def lose_power(self, address: int = 0x27, *, after: int = 0) -> None:
        """The chip loses its power and gets it back, now or after some transfers: as after power-on then."""
        if after:
            self._faults.extend([*[_Fault()] * (after - 1), _Fault(powerless=address)])
        else:
            self._power_on(address)
            self._tell(address)

    def stick(self, channel: int, level: bool | None, address: int = 0x27) -> None:  # noqa: FBT001 - a pin's level
        """The pin is held at that level from outside, whatever the chip does; ``None`` frees it."""
        if level is None:
            self._stuck[address].pop(channel, None)
        else:
            self._stuck[address][channel] = level
        self._tell(address)

    # The chip

    def _power_on(self, address: int) -> None:
        base = _base(address)
        self._bytes[base : base + BOARD_BYTES] = bytes([0xFF, *bytes(BOARD_BYTES - 2), _LAID_OUT])

    def _get(self, address: int, register: int) -> int:
        return self._bytes[_base(address) + register]

    def _read(self, address: int, register: int) -> int:
        if register == GPIO:
            return self._pins(address) ^ self._get(address, IPOL)
        return self._get(address, register) if register < len(REGISTERS) else 0

    def _write(self, address: int, register: int, value: int) -> None:
        if register == GPIO:  # writing the port writes its latch (section 1.6.10)
            register = OLAT
        if register == IOCON:
            value &= ~IOCON_UNIMPLEMENTED
        if register < len(REGISTERS) and register not in (INTF, INTCAP):
            self._bytes[_base(address) + register] = value
            self._tell(address)

    def _pins(self, address: int) -> int:
        inputs = self._get(address, IODIR)
        pins = self._get(address, OLAT) & ~inputs | self._get(address, GPPU) & inputs
        return self._held_from_outside(address, pins)

    def _held_from_outside(self, address: int, pins: int) -> int:
        for channel, level in self._stuck[address].items():
            pins = pins | 1 << channel if level else pins & ~(1 << channel)
        return pins

    def _tell(self, address: int) -> None:
        if address not in self._told:
            return
        now, before = self.relays(address), self._told[address]
        self._told[address] = now
        if self._on_click is not None:
            for channel in range(8):
                if (now ^ before) >> channel & 1:
                    self._on_click(address, channel, bool(now >> channel & 1))

    # The bus

    def _is_ghost(self, address: int) -> bool:
        return address in self._boards and self._bytes[_base(address) + FAULT] == GHOST

    def _meet_fault(self, operation: str, address: int, register: int, value: int | None = None) -> "_Fault | None":
        fault = self._faults.popleft() if self._faults else None
        number = fault.number if fault is not None else 0
        if fault is not None and fault.seconds:
            self._sleep(fault.seconds)
        if fault is not None and fault.powerless:
            self.lose_power(fault.powerless)
        if address not in self._boards:
            number = number or errno.ENXIO
        elif not number and not self._is_ghost(address):
            number = self._bytes[_base(address) + FAULT]
        if number:
            name = errno.errorcode.get(number, str(number))
            self._log(operation, address, register, value, name)
            if fault is not None and fault.delivered and value is not None and address in self._boards:
                self._write(address, register, value)
            raise OSError(number, f"simulated: {name}")
        return fault

    def _log(self, operation: str, address: int, register: int, value: int | None, error: str = "") -> None:
        name = REGISTERS[register] if register < len(REGISTERS) else f"{register:#04x}"
        self.transfers.append(Transfer(operation, address, name, value, error))


class _Fault(NamedTuple):
    number: int = 0
    seconds: float = 0.0
    noise: int = 0
    powerless: int = 0
    delivered: bool = False


def _base(address: int) -> int:
    return BOARD_BYTES * (address - _ADDRESSES.start)


def _mapped(path: Path) -> mmap.mmap:
    """The file as shared memory: what is written is there for the next process even if this one is killed."""
    size = BOARD_BYTES * len(_ADDRESSES)
    with path.open("a+b", buffering=0) as file:
        # Written and not only made longer: on a full disk that fails here, while a write to the shared memory of a page
        # that the disk has no room for ends the process (SIGBUS, mmap(2)).
        file.write(bytes(max(0, size - file.seek(0, 2))))
        file.truncate(size)
        return mmap.mmap(file.fileno(), size)
