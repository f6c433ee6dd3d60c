"""The parts of the virtual Omega that can be tried without booting it: the chip on its line, the archives."""

import io
import socket
import tarfile
import threading
from collections.abc import Iterator

import pytest

from latchwire_relay_agent.registers import REGISTERS
from latchwire_relay_agent.simulated import SimulatedBus
from omega.virtual.chip import NAMES, Mcp23008
from omega.virtual.expansion import RelayExpansion
from omega.virtual.payload import payload


class Driver:
    """The kernel's end of the line."""

    def __init__(self) -> None:
        self.line, self.far = socket.socketpair()
        self.line.settimeout(5)
        self.expansion = RelayExpansion(self.far)
        self.thread = threading.Thread(target=self.expansion.serve)
        self.thread.start()

    def say(self, text: bytes) -> bytes:
        self.line.sendall(text)
        return self.line.recv(100)

    def silent(self, text: bytes) -> bool:
        self.line.sendall(text)
        self.line.settimeout(0.2)
        try:
            return not self.line.recv(100)
        except TimeoutError:
            return True
        finally:
            self.line.settimeout(5)


@pytest.fixture
def driver() -> Iterator[Driver]:
    made = Driver()
    yield made
    made.line.close()
    made.thread.join(5)
    made.far.close()


def test_the_driver_finds_its_module_and_the_chip_after_power_on(driver: Driver) -> None:
    assert b"TAOS" in driver.say(b"\x12")
    assert driver.say(b"-") == b"-"
    assert driver.say(b"@27$00<") == b"[xFF]"
    assert driver.say(b"$0A<") == b"[x00]"


def test_a_relay_closes_when_its_pin_is_an_output_and_high(driver: Driver) -> None:
    assert driver.say(b"@27$0A#01>") == b"[ACK]"
    assert driver.expansion.chip.relays() == 0
    assert driver.say(b"$00#FE>") == b"[ACK]"
    assert driver.expansion.wait_for_relays(1, 5).register == "IODIR"


def test_faults_are_what_the_driver_would_see(driver: Driver) -> None:
    assert driver.say(b"@26$00<") == b"[NAK]"
    driver.expansion.fault = "nak"
    assert driver.say(b"@27$00<") == b"[NAK]"
    driver.expansion.fault = "silent"
    assert driver.silent(b"@27$00<")
    driver.expansion.fault = "none"
    assert driver.say(b"@27$00<") == b"[xFF]"


def test_both_models_of_the_chip_agree_on_every_register() -> None:
    assert tuple(REGISTERS) == NAMES
    chip, bus = Mcp23008(), SimulatedBus(addresses=(0x27,))
    for register in range(len(NAMES)):
        for value in (0x00, 0x1A, 0x3E) if NAMES[register] == "IOCON" else (0x00, 0x5A, 0xFF):
            chip.write(register, value)
            bus.write_byte_data(0x27, register, value)
            assert chip.by_name() == bus.registers(), f"{NAMES[register]} = {value:#04x}"


def test_the_guest_unpacks_what_it_is_given() -> None:
    with tarfile.open(fileobj=io.BytesIO(payload({"/etc/x": b"1", "/bin/y": b"#!/bin/sh\n"}, "echo hello"))) as archive:
        modes = {item.name: item.mode for item in archive}
        command = archive.extractfile("command")
        assert command
        assert command.read() == b"#!/bin/sh\necho hello\n"
    assert modes == {"etc/x": 0o600, "bin/y": 0o755, "command": 0o755}
