"""The host's end of the guest's I2C bus, with the relay expansion on it; every transfer is kept with its time.

The guest's kernel has Linux' own driver for a TAOS evaluation module (drivers/i2c/busses/i2c-taos-evm.c), which carries
SMBus transfers over a serial line: 0x12 identifies the module, "-" asks for no echo, and a transfer is "@AA" (device
address, left out if as before), "$RR" (register), "#VV" (value) and ">" to write or "<" to read. The answer is "[ACK]",
"[NAK]" or "[xVV]". It does byte and byte-data transfers only.
"""

import re
import socket
import threading
import time
from collections.abc import Callable
from typing import Final, NamedTuple

from omega.virtual.chip import NAMES, Mcp23008

ADDRESS: Final = 0x27
FAULTS: Final = ("none", "nak", "silent")
"""nak: nothing answers (ENODEV in the guest); silent: the bus hangs (EIO after 150 ms, the driver's own limit)."""
_TRANSFER: Final = re.compile(rb"(?:@(..))?\$(..)?(?:#(..))?([<>])")


class Transfer(NamedTuple):
    """One transfer: when (``time.monotonic`` of the host), what, and what the relays were after it."""

    at: float
    operation: str
    address: int
    register: str
    value: int | None
    result: str
    relays: int


class RelayExpansion:
    """The expansion.

    Args:
        line: the serial line to the guest.
        tell: told of each transfer.
    """

    def __init__(self, line: socket.socket, tell: Callable[[Transfer], None] | None = None) -> None:
        self.chip = Mcp23008()
        self.fault = "none"
        self.transfers: list[Transfer] = []
        self._line, self._tell = line, tell
        self._changed = threading.Condition()

    def serve(self) -> None:
        """Answers until the guest is gone."""
        pending, address = b"", 0
        while data := self._line.recv(256):
            for byte in data:
                pending += bytes([byte])
                if pending == b"\x12":
                    answer = b"\r\nTAOS virtual Omega2 bus\r\n:"
                elif pending in {b"+", b"-"}:
                    answer = pending
                elif pending[-1:] in {b"<", b">"}:
                    address, answer = self._parse(pending, address)
                else:
                    continue  # more of this transfer is to come
                pending = b""
                self._line.sendall(answer)

    def _parse(self, text: bytes, address: int) -> tuple[int, bytes]:
        match = _TRANSFER.fullmatch(text)
        if match is None:
            raise ValueError(f"the driver sent {text!r}")
        new_address, register, value = (int(field, 16) if field else None for field in match.groups()[:3])
        address = address if new_address is None else new_address
        return address, self.transfer(address, register, value, is_write=match[4] == b">")

    def transfer(self, address: int, register: int | None, value: int | None, *, is_write: bool) -> bytes:
        """Does one transfer; the line's answer."""
        with self._changed:
            register, value, result = self._apply(address, register, value, is_write=is_write)
            name = "" if register is None else NAMES[register] if register < len(NAMES) else f"{register:#04x}"
            operation = "write" if is_write else "read"
            done = Transfer(time.monotonic(), operation, address, name, value, result, self.chip.relays())
            self.transfers.append(done)
            if self._tell:
                self._tell(done)
            self._changed.notify_all()
        if result == "silent":
            return b""
        if result == "nak":
            return b"[NAK]"
        return b"[ACK]" if is_write else b"[x%02X]" % (value or 0)

    def _apply(
        self, address: int, register: int | None, value: int | None, *, is_write: bool
    ) -> tuple[int | None, int | None, str]:
        chip = self.chip
        if address != ADDRESS or self.fault == "nak":
            return register, value, "nak"
        if self.fault == "silent":
            return register, value, "silent"
        if is_write and register is None:  # SMBus "send byte" only sets the pointer
            chip.pointer = value or 0
            return None, value, "ack"
        register = chip.pointer if register is None else register
        chip.pointer = (register + 1) % len(NAMES)
        if is_write:
            chip.write(register, value or 0)
        else:
            value = chip.read(register)
        return register, value, "ack"

    def wait(self, condition: Callable[[], bool], seconds: float) -> bool:
        """Waits for transfers to make something true; whether they did."""
        with self._changed:
            return self._changed.wait_for(condition, seconds)

    def wait_for_relays(self, relays: int, seconds: float = 30.0) -> Transfer:
        """Waits until exactly these relays are closed; the last transfer before which they were not.

        Raises:
            AssertionError: not within that time.
        """
        if not self.wait(lambda: self.chip.relays() == relays, seconds):
            raise AssertionError(f"relays {relays:#b} not within {seconds} s; they are {self.chip.relays():#b}")
        with self._changed:
            after = [item for item in self.transfers if item.relays != relays]
            index = self.transfers.index(after[-1]) + 1 if after else 0
            return self.transfers[index]
