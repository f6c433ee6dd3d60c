"""The registers of the MCP23008, as the driver and the simulated chip both name them.

Source: Microchip data sheet DS21919E, "MCP23008/MCP23S08", section 1.6.
"""

from typing import Final

IODIR: Final = 0x00
IPOL: Final = 0x01
GPINTEN: Final = 0x02
DEFVAL: Final = 0x03
INTCON: Final = 0x04
IOCON: Final = 0x05
GPPU: Final = 0x06
INTF: Final = 0x07
INTCAP: Final = 0x08
GPIO: Final = 0x09
OLAT: Final = 0x0A
REGISTERS: Final = (
    "IODIR", "IPOL", "GPINTEN", "DEFVAL", "INTCON", "IOCON", "GPPU", "INTF", "INTCAP", "GPIO", "OLAT",
)  # fmt: skip
"""The registers' names by address (data sheet, section 1.6)."""

IOCON_UNIMPLEMENTED: Final = 0xC1
"""Bits that always read as 0 (data sheet, section 1.6.6); a bus without a chip reads them as 1."""
