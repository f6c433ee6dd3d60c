"""The simulated chip against the data sheet (DS21919E, section 1.6), seen through the seam of smbus2."""

import errno
from pathlib import Path

import pytest

from latchwire_relay_agent.registers import (
    DEFVAL,
    GPIO,
    GPPU,
    INTCAP,
    INTF,
    IOCON,
    IODIR,
    IPOL,
    OLAT,
    REGISTERS,
)
from latchwire_relay_agent.simulated import SimulatedBus

BOARD = 0x27


def test_after_power_on_all_pins_are_inputs_and_all_else_is_zero() -> None:
    assert SimulatedBus().registers() == dict.fromkeys(REGISTERS, 0) | {"IODIR": 0xFF}


@pytest.mark.parametrize(
    ("writes", "register", "value"),
    [
        pytest.param([(GPIO, 0x05)], OLAT, 0x05, id="writing the port writes its latch"),
        pytest.param([(OLAT, 0x05)], GPIO, 0x00, id="a pin that is an input does not show the latch"),
        pytest.param([(OLAT, 0x05), (IODIR, 0xFE)], GPIO, 0x01, id="a pin that is an output does"),
        pytest.param([(GPPU, 0x30)], GPIO, 0x30, id="an open input reads its pull-up"),
        pytest.param([(GPPU, 0x30), (IODIR, 0xEF)], GPIO, 0x20, id="an output has no pull-up"),
        pytest.param([(IPOL, 0x81)], GPIO, 0x81, id="the port reads inverted where IPOL says so"),
        pytest.param([(IPOL, 0x81)], OLAT, 0x00, id="the latch never does"),
        pytest.param([(INTF, 0xFF)], INTF, 0x00, id="INTF is read-only"),
        pytest.param([(INTCAP, 0xFF)], INTCAP, 0x00, id="INTCAP is read-only"),
        pytest.param([(IOCON, 0xFF)], IOCON, 0x3E, id="bits that IOCON does not have read as zero"),
        pytest.param([(DEFVAL, 0xA5)], DEFVAL, 0xA5, id="DEFVAL keeps what it is given"),
        pytest.param([(0x0B, 0xFF)], 0x0B, 0x00, id="there is no twelfth register"),
    ],
)
def test_the_registers_do_as_the_data_sheet_says(writes: list[tuple[int, int]], register: int, value: int) -> None:
    bus = SimulatedBus()
    for written, byte in writes:
        bus.write_byte_data(BOARD, written, byte)
    assert bus.read_byte_data(BOARD, register) == value


def test_nothing_acknowledges_an_address_without_a_board() -> None:
    bus = SimulatedBus(addresses=[0x26])
    with pytest.raises(OSError, match="ENXIO") as caught:
        bus.read_byte_data(0x27, IODIR)
    assert caught.value.errno == errno.ENXIO
    assert bus.read_byte_data(0x26, IODIR) == 0xFF


def test_a_missing_chip_reads_as_ones_and_swallows_writes_with_the_old_driver() -> None:
    bus = SimulatedBus()
    bus.unplug(ghost=True)
    bus.write_byte_data(BOARD, OLAT, 1)
    assert [bus.read_byte_data(BOARD, register) for register in (OLAT, IOCON)] == [0xFF, 0xFF]
    bus.plug()
    assert bus.read_byte_data(BOARD, OLAT) == 0


def test_each_click_is_told_once() -> None:
    clicks: list[tuple[int, int, bool]] = []
    bus = SimulatedBus(on_click=lambda *click: clicks.append(click))
    bus.write_byte_data(BOARD, OLAT, 0x03)
    assert clicks == []
    bus.write_byte_data(BOARD, IODIR, 0xFC)
    bus.write_byte_data(BOARD, OLAT, 0x03)
    bus.write_byte_data(BOARD, OLAT, 0x02)
    bus.lose_power()
    assert clicks == [(0x27, 0, True), (0x27, 1, True), (0x27, 0, False), (0x27, 1, False)]


def test_a_chip_kept_in_a_file_is_warm_for_the_next_process(tmp_path: Path) -> None:
    memory = tmp_path / "board"
    first = SimulatedBus(memory=memory)
    first.write_byte_data(BOARD, OLAT, 1)
    first.write_byte_data(BOARD, IODIR, 0xFE)
    assert SimulatedBus(memory=memory).relays() == 1


def test_a_running_simulation_fails_when_its_file_says_so(tmp_path: Path) -> None:
    memory = tmp_path / "board"
    bus = SimulatedBus(memory=memory)
    with memory.open("r+b") as file:
        file.seek(16 * 7 + 11)
        file.write(bytes([errno.EIO]))
    with pytest.raises(OSError, match="EIO"):
        bus.read_byte_data(BOARD, OLAT)


@pytest.mark.parametrize("content", [b"", b"rubbish", bytes(4096)])
def test_a_file_that_holds_no_board_becomes_a_chip_after_power_on(tmp_path: Path, content: bytes) -> None:
    memory = tmp_path / "board"
    memory.write_bytes(content)
    assert SimulatedBus(memory=memory).registers()["IODIR"] == 0xFF


def test_every_transfer_is_in_the_log_the_failed_ones_too() -> None:
    bus = SimulatedBus()
    bus.fail(errno.EAGAIN)
    with pytest.raises(OSError, match="EAGAIN"):
        bus.write_byte_data(BOARD, OLAT, 1)
    bus.write_byte_data(BOARD, OLAT, 1)
    assert [(entry.register, entry.value, entry.error) for entry in bus.transfers] == [
        ("OLAT", 1, "EAGAIN"),
        ("OLAT", 1, ""),
    ]
