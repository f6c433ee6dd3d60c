"""The MCP23008 of one relay board: settled without a click, written with care, always read back.

The chip keeps its outputs while the Omega reboots, so it may be met *warm*: its pins are outputs already, and
what the latch holds is what the relays are. A pin that is still an input is *cold*: the chip has just got
power, or has lost it while the agent ran. Each operation looks at IODIR first, so a cold pin is found and set
up by the next command or the next look at the state, whichever comes first.

The latch is read from the chip before a write, and only the one bit is changed. A copy kept in memory would
undo what another program did to the other relays, and a command for one relay would make another one click.
OLAT is read, not GPIO: a pin that is held from outside must not find its way into the latch. A read that
differs from what was last seen is believed only when a second one agrees.

**What survives a crash.** A lock that starts as it was found (``keep``) or unlocked would stay open if the
process died between a timed unlock and its relock. So such a lock's bit is set in DEFVAL before the unlock
and cleared after the relock; found set at a start, it means: lock, whatever the start policy says. DEFVAL
only serves interrupts, which stay off here (data sheet, section 1.6.4), it lives as long as the latch does,
and it costs no flash. A lock whose policy is to lock at the start needs no mark, and gets none. A chip that
lost power has lost its marks too, but then its relays are released as well, and the policy for a cold chip
decides.

Facts about the chip: Microchip data sheet DS21919E, "MCP23008/MCP23S08", section 1.6.
"""

import logging
from collections.abc import Iterable
from typing import NamedTuple

from latchwire.errors import ActionError
from latchwire.model import Cause
from latchwire_relay_agent.i2c import I2cBus, Transfers
from latchwire_relay_agent.registers import (
    DEFVAL,
    GPINTEN,
    GPIO,
    GPPU,
    IOCON,
    IOCON_UNIMPLEMENTED,
    IODIR,
    IPOL,
    OLAT,
    REGISTERS,
)

log = logging.getLogger("latchwire.relay-agent")


class Channel(NamedTuple):
    """One relay in use.

    Attributes:
        device: its name, for the log.
        number: 0 to 7, the chip's pin.
        safe: the level (true: energised) that locks the door or switches the load off.
        at_start: the level for a start, or ``None`` to keep what a warm chip holds; cold means ``safe`` then.
        is_lock: a timed unlock of it must end, even after a crash.
    """

    device: str
    number: int
    safe: bool
    at_start: bool | None
    is_lock: bool

    @property
    def bit(self) -> int:
        """Its bit in every register."""
        return 1 << self.number

    @property
    def needs_mark(self) -> bool:
        """Whether the start policy alone could leave a door open that was opened for a while."""
        return self.is_lock and self.at_start is not self.safe


class Board:
    """One board's chip, shared by the devices on it. Levels are true for an energised relay.

    Args:
        bus: the bus that it is on.
        address: 7-bit I2C address, 0x20 to 0x27.
        channels: those in use; all other pins are left as they are found.
    """

    def __init__(self, *, bus: I2cBus, address: int, channels: Iterable[Channel]) -> None:
        self._bus = bus
        self.address = address
        self._channels = {channel.number: channel for channel in channels}
        self._used = _bits(self._channels.values())
        self._markable = _bits(channel for channel in self._channels.values() if channel.needs_mark)
        self._held = 0  # locks of which a timed unlock is pending in this process
        self._unsettled = self._used
        self._doubtful = 0  # cold pins whose set-up was begun and not yet seen to be right
        self._seen: int | None = None  # the latch when last looked at, for plausibility only

    def settle(self, number: int) -> bool:
        """Applies the start policy, if that was not done yet, and returns the channel's level.

        Raises:
            ActionError: see :meth:`write`.
        """
        return self.read(number)

    def read(self, number: int) -> bool:
        """The channel's level as both the latch and the pin say.

        Raises:
            ActionError: see :meth:`write`.
        """
        with self._bus.operation(self.address) as chip:
            self._prepare(chip)
            return self._level(chip, self._channels[number])

    def write(self, number: int, *, energised: bool) -> bool:
        """Sets the channel and reads it back; writes nothing if that is its level already.

        Raises:
            ActionError: ``hardware`` or ``timeout`` if the chip does not answer, ``not-configured`` if there
                is no bus, ``not-confirmed`` if it reads back something else. In the last case the latch is
                first put back to the safe level, so that a pin that hangs does not open the door hours later.
        """
        channel = self._channels[number]
        with self._bus.operation(self.address) as chip:
            self._prepare(chip)
            latch = self._latch(chip)
            self._set_latch(chip, latch, _with(latch, channel, energised=energised))
            try:
                self._confirm(chip, channel, energised=energised)
            except ActionError as error:
                if error.cause is Cause.NOT_CONFIRMED and energised is not channel.safe:
                    self._seen = None
                    latch = self._latch(chip)
                    self._set_latch(chip, latch, _with(latch, channel, energised=channel.safe))
                raise
            return energised

    def hold(self, number: int, *, pending: bool) -> None:
        """Remembers in the chip whether a timed unlock is pending, where the start policy needs that.

        To forget never fails: what cannot be cleared now is cleared by the next operation that succeeds.

        Raises:
            ActionError: the pending unlock cannot be remembered, so the door must not be opened; see
                :meth:`write`.
        """
        channel = self._channels[number]
        if not channel.needs_mark:
            return
        try:
            with self._bus.operation(self.address) as chip:
                self._mark(chip, channel, pending=pending)
        except ActionError as error:
            if pending:
                raise
            log.warning(
                "The mark of a pending relock could not be cleared yet; a start would lock the door. "
                "device=%s cause=%s",
                channel.device,
                error.cause.wire,
            )

    def _mark(self, chip: Transfers, channel: Channel, *, pending: bool) -> None:
        before = self._held
        self._held = before | channel.bit if pending else before & ~channel.bit
        try:
            self._prepare(chip)
            if pending:
                self._confirm_mark(chip, channel)
        except ActionError:
            if pending:
                self._held = before
            raise

    def _prepare(self, chip: Transfers) -> None:
        """Sets up cold pins, applies the start policy where that is due, and keeps the marks right."""
        directions = chip.read(IODIR)
        if directions & self._used:
            directions = _stable(chip, IODIR, directions)
        if directions & self._used or self._seen is None:
            self._recognise(chip)
        marks = self._marks(chip)
        self._doubtful |= directions & self._used
        if self._doubtful:
            self._start_cold(chip, directions, marks)
        if self._unsettled:
            self._start_warm(chip, marks)
        ours = self._markable & ~self._unsettled
        if (marks ^ self._held) & ours:
            chip.write(DEFVAL, chip.read(DEFVAL) & ~ours | self._held & ours)

    def _recognise(self, chip: Transfers) -> None:
        """Refuses to write to what is no MCP23008; with the Omega's old driver a missing chip reads 0xFF."""
        value = chip.read(IOCON)
        if value & IOCON_UNIMPLEMENTED:
            who = "no chip is there" if value == 0xFF else "another chip has this address"
            raise ActionError(
                Cause.HARDWARE,
                f"what answers at {self.address:#04x} on I2C bus {self._bus.number} is no MCP23008 "
                f"(IOCON reads {value:#04x}): {who}; look at the board's plug and its address switches, "
                f"`i2cdetect -y {self._bus.number}` shows which addresses answer",
            )
        if self._markable:
            enabled = chip.read(GPINTEN)
            if enabled & self._markable:  # somebody set up interrupts: DEFVAL holds theirs, not our marks
                chip.write(DEFVAL, chip.read(DEFVAL) & ~self._markable)
                chip.write(GPINTEN, enabled & ~self._markable)

    def _marks(self, chip: Transfers) -> int:
        if not self._markable:
            return 0
        marks = chip.read(DEFVAL)
        if self._unsettled & self._markable:  # they decide now whether a door is locked
            marks = _stable(chip, DEFVAL, marks)
        return marks & self._markable

    def _start_cold(self, chip: Transfers, directions: int, marks: int) -> None:
        """Sets up pins that are inputs: first what they will hold, last that they are outputs."""
        fresh = directions == 0xFF
        cold = [channel for channel in self._channels.values() if self._doubtful & channel.bit]
        latch = 0 if fresh else self._latch(chip)
        for channel in cold:
            secure = channel.at_start is None or (marks | self._held) & channel.bit
            latch = _with(latch, channel, energised=channel.safe if secure else bool(channel.at_start))
        bits = _bits(cold)
        chip.write(OLAT, latch)
        chip.write(GPPU, 0 if fresh else chip.read(GPPU) & ~bits)
        chip.write(IPOL, 0 if fresh else chip.read(IPOL) & ~bits)
        chip.write(IODIR, directions & ~bits)
        self._seen = latch
        found = chip.read(OLAT), chip.read(IODIR)
        if found != (latch, directions & ~bits):
            self._seen = None
            raise ActionError(
                Cause.NOT_CONFIRMED,
                f"OLAT and IODIR read back {found[0]:#04x} and {found[1]:#04x} after being set up",
            )
        self._doubtful = 0
        for channel in cold:
            first = self._unsettled & channel.bit
            log.log(
                logging.INFO if first else logging.WARNING,
                "%s; relay %d is %s now. device=%s",
                "The relay chip was found without settings"
                if first
                else "The relay chip lost power while running and was set up again",
                channel.number,
                _word(latch & channel.bit),
                channel.device,
            )

    def _start_warm(self, chip: Transfers, marks: int) -> None:
        """Applies the start policy to pins that are outputs already; writes nothing that changes nothing."""
        waiting = [channel for channel in self._channels.values() if self._unsettled & channel.bit]
        bits = _bits(waiting)
        inverted = chip.read(IPOL)
        if inverted & bits:
            chip.write(IPOL, inverted & ~bits)
        latch = target = self._latch(chip)
        for channel in waiting:
            level = channel.safe if marks & channel.bit else channel.at_start
            if level is not None:
                target = _with(target, channel, energised=level)
        self._set_latch(chip, latch, target)
        wrong = (chip.read(OLAT) ^ target) | (chip.read(GPIO) ^ target)
        for channel in waiting:
            if (latch ^ target) & channel.bit:
                log.info(
                    "Relay %d was found %s and is %s now%s. device=%s",
                    channel.number,
                    _word(latch & channel.bit),
                    _word(target & channel.bit),
                    ", since a timed unlock had not ended" if marks & channel.bit else ", as the start policy says",
                    channel.device,
                )
        self._unsettled &= wrong

    def _latch(self, chip: Transfers) -> int:
        value = chip.read(OLAT)
        if value != self._seen:
            value = _stable(chip, OLAT, value)
            if self._seen is not None:
                log.warning("Another program changed relays behind the agent; what it set is left as it is.")
        self._seen = value
        return value

    def _set_latch(self, chip: Transfers, old: int, new: int) -> None:
        if new != old:
            self._seen = None  # until it was read back
            chip.write(OLAT, new)
            self._seen = new

    def _confirm(self, chip: Transfers, channel: Channel, *, energised: bool) -> None:
        if self._level(chip, channel) is not energised:
            raise ActionError(
                Cause.NOT_CONFIRMED,
                f"relay {channel.number} was set, but reads back otherwise; is another program working it?",
            )

    def _confirm_mark(self, chip: Transfers, channel: Channel) -> None:
        if not chip.read(DEFVAL) & channel.bit:
            raise ActionError(Cause.NOT_CONFIRMED, "DEFVAL does not keep the mark of a pending relock")

    def _level(self, chip: Transfers, channel: Channel) -> bool:
        # The pins first and last: a bit that noise flips must not make a pin that is held look as it should.
        before, directions, latch, pins = chip.read(GPIO), chip.read(IODIR), chip.read(OLAT), chip.read(GPIO)
        if directions & channel.bit:
            raise ActionError(Cause.HARDWARE, f"the chip at {self.address:#04x} lost its settings just now")
        if ((latch ^ pins) | (latch ^ before)) & channel.bit:
            raise ActionError(
                Cause.NOT_CONFIRMED,
                f"relay {channel.number} should be {_word(latch & channel.bit)}, but its pin says otherwise: "
                "look at the board and its supply",
            )
        return bool(latch & channel.bit)


def _bits(channels: Iterable[Channel]) -> int:
    return sum(channel.bit for channel in channels)


def _with(latch: int, channel: Channel, *, energised: bool) -> int:
    return latch | channel.bit if energised else latch & ~channel.bit


def _word(bit: int) -> str:
    return "energised" if bit else "released"


def _stable(chip: Transfers, register: int, value: int) -> int:
    """Reads until two reads in a row agree, since what was read is unexpected and may be noise."""
    for _ in range(3):
        value, last = chip.read(register), value
        if value == last:
            return value
    raise ActionError(
        Cause.HARDWARE, f"{REGISTERS[register]} reads differently each time: look at the wiring of the bus"
    )
