"""The I2C bus as the relay agent uses it: byte-data transfers, retried, within a time limit.

All boards of a bus share one open ``/dev/i2c-N``, and selecting an address and transferring are two system
calls, so an operation holds the bus's lock from its first transfer to its last. The bus is opened when it is
first needed and again after each operation that failed, so an agent that started without its hardware heals
when that appears.

A transfer that fails with a transient error is tried again a few times. Writing a register twice does no more
than writing it once, so a write whose acknowledgement was lost may be repeated too. No transfer begins after
the operation's time limit; one that hangs in the kernel cannot be cut short from here (the Omega's driver
ends it after a second or so), which is why the kit calls handlers on a worker thread.
"""

import contextlib
import errno
import threading
import time
from collections.abc import Callable, Iterator
from typing import Final, Protocol

from latchwire.errors import ActionError
from latchwire.model import Cause


class Wire(Protocol):
    """The seam to the hardware; ``smbus2.SMBus`` satisfies it, and so does the simulated bus.

    Addresses are 7-bit I2C addresses. Failures are ``OSError`` with the kernel's error number.
    """

    def read_byte_data(self, address: int, register: int, /) -> int:
        """Reads one register."""

    def write_byte_data(self, address: int, register: int, value: int, /) -> None:
        """Writes one register."""

    def close(self) -> None:
        """Gives the bus back."""


TRANSIENT: Final = frozenset(
    (
        errno.EAGAIN,  # lost arbitration, or the Omega's driver reset its controller
        errno.EINTR,
        errno.EIO,
        errno.EPROTO,
        errno.EREMOTEIO,  # some drivers say so for a missing acknowledge
        errno.ETIMEDOUT,
    )
)
"""Errors that may be gone a moment later (Linux, Documentation/i2c/fault-codes.rst)."""

ABSENT: Final = frozenset((errno.ENXIO, errno.ENODEV, errno.EREMOTEIO))
"""Errors that mean: nothing acknowledged that address."""

ATTEMPTS: Final = 4
PAUSE: Final = 0.01
"""Seconds before the second attempt; each later pause is twice as long."""
LIMIT: Final = 3.0
"""Seconds after which an operation begins no further transfer."""


class I2cBus:
    """One bus, shared by the boards on it.

    Args:
        number: the N of ``/dev/i2c-N``, for messages.
        connect: opens the bus; raises ``OSError``, or ``ActionError`` where it knows better what is missing.
        monotonic: seconds, never set back.
        sleep: waits that many seconds.
    """

    def __init__(
        self,
        *,
        number: int,
        connect: Callable[[], Wire],
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self.number = number
        self._connect = connect
        self._monotonic = monotonic
        self._sleep = sleep
        self._lock = threading.Lock()
        self._wire: Wire | None = None
        self._deadline = 0.0

    @contextlib.contextmanager
    def operation(self, address: int) -> Iterator["Transfers"]:
        """Holds the bus for one operation on the chip at that 7-bit address.

        Raises:
            ActionError: ``not-configured`` if there is no such bus, ``hardware`` if the bus or the chip
                fails,
                ``timeout`` if the time limit is reached.
        """
        with self._lock:
            self._deadline = self._monotonic() + LIMIT
            try:
                yield Transfers(self, address)
            except ActionError as error:
                if error.cause is not Cause.NOT_CONFIRMED:
                    self._disconnect()
                raise

    def close(self) -> None:
        """Gives the bus back; the next operation opens it again."""
        with self._lock:
            self._disconnect()

    def transfer(self, address: int, use: Callable[[Wire], int]) -> int:
        """One transfer with its retries; only :class:`Transfers` calls this, within an operation."""
        pause = PAUSE
        for attempt in range(1, ATTEMPTS + 1):
            if self._monotonic() >= self._deadline:
                raise ActionError(Cause.TIMEOUT, f"{self._place(address)} did not answer within {LIMIT:g} s")
            try:
                return use(self._connected())
            except OSError as error:
                if error.errno not in TRANSIENT or attempt == ATTEMPTS:
                    raise ActionError(Cause.HARDWARE, self._explain(address, error)) from error
            self._sleep(pause)
            pause *= 2
        raise AssertionError  # the last attempt returns or raises

    def _connected(self) -> Wire:
        if self._wire is None:
            self._wire = self._connect()
        return self._wire

    def _disconnect(self) -> None:
        wire, self._wire = self._wire, None
        if wire is not None:
            with contextlib.suppress(OSError):  # it is given up anyway
                wire.close()

    def _place(self, address: int) -> str:
        return f"the chip at {address:#04x} on I2C bus {self.number}"

    def _explain(self, address: int, error: OSError) -> str:
        look = f"`i2cdetect -y {self.number}` shows which addresses answer"
        place = self._place(address)
        if error.errno in ABSENT:
            return (
                f"{place} does not answer ({_name(error)}): "
                f"look at the board's plug, its power and its address switches; {look}"
            )
        if error.errno == errno.EBUSY:
            return f"{place} is held by a driver of the kernel ({_name(error)}): unload that driver; {look}"
        return f"{place} fails ({_name(error)}): look at the board's plug and at what else is on the bus; {look}"


class Transfers:
    """The registers of one chip during one operation."""

    def __init__(self, bus: I2cBus, address: int) -> None:
        self._bus = bus
        self._address = address

    def read(self, register: int) -> int:
        """One register's value; raises ``ActionError`` like :meth:`I2cBus.operation`."""
        return self._bus.transfer(self._address, lambda wire: wire.read_byte_data(self._address, register))

    def write(self, register: int, value: int) -> None:
        """Sets one register; raises ``ActionError`` like :meth:`I2cBus.operation`."""

        def use(wire: Wire) -> int:
            wire.write_byte_data(self._address, register, value)
            return value

        self._bus.transfer(self._address, use)


def _name(error: OSError) -> str:
    return errno.errorcode.get(error.errno or 0, "no error number")
