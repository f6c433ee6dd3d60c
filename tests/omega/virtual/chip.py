"""The relay expansion's chip, an MCP23008: eleven registers, and eight pins of which 0 and 1 drive the two relays.

A model of its own beside the agent's simulated one, so that a mistake in either is seen: both have to give the
registers of the transcripts. From data sheet DS21919E, section 1.6.
"""

from typing import Final

NAMES: Final = ("IODIR", "IPOL", "GPINTEN", "DEFVAL", "INTCON", "IOCON", "GPPU", "INTF", "INTCAP", "GPIO", "OLAT")
IODIR, IPOL, GPPU, INTF, INTCAP, GPIO, OLAT = 0, 1, 6, 7, 8, 9, 10


class Mcp23008:
    """The chip's registers; ``pointer`` is the one that comes next."""

    def __init__(self) -> None:
        self.registers = [0] * len(NAMES)
        self.pointer = 0
        self.power_on()

    def power_on(self) -> None:
        """As after power-on: every pin is an input."""
        self.registers[:] = [0xFF, *[0] * (len(NAMES) - 1)]

    def read(self, register: int) -> int:
        """A register's value; the port shows the pins."""
        if register == GPIO:
            inputs = self.registers[IODIR]
            levels = self.registers[OLAT] & ~inputs | self.registers[GPPU] & inputs
            return (levels ^ self.registers[IPOL]) & 0xFF
        return self.registers[register] if register < len(NAMES) else 0

    def write(self, register: int, value: int) -> None:
        """Sets a register; writing the port writes its latch."""
        if register == GPIO:
            register = OLAT
        if register < len(NAMES) and register not in {INTF, INTCAP}:
            self.registers[register] = value

    def relays(self) -> int:
        """Which relays are closed, as bits: a pin has to be an output, and high."""
        return self.registers[OLAT] & ~self.registers[IODIR] & 0x03

    def by_name(self) -> dict[str, int]:
        """Every register as a read would give it."""
        return {name: self.read(number) for number, name in enumerate(NAMES)}
