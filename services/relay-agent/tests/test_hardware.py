"""Which hardware an agent gets: simulated only if the configuration says so, idle if there is none."""

import errno
import logging
import sys
import threading
import time
from pathlib import Path

import pytest
from smbus2 import SMBus

from latchwire.errors import ActionError
from latchwire.model import Cause, State
from latchwire_relay_agent.hardware import open_devices
from latchwire_relay_agent.i2c import I2cBus, Wire
from latchwire_relay_agent.relays import LockRelay, SwitchRelay
from latchwire_relay_agent.simulated import SimulatedBus
from support.relay_bench import DOOR, LAMP, Clock, agent

OPEN_FILES = Path("/proc/self/fd")
NO_BUS = 255
"""No machine has that many."""


def door(runs: str = "simulated", memory: Path | None = None, bus: int = 0) -> LockRelay:
    handler = open_devices(agent({"front-door": DOOR}, runs=runs, bus=bus), memory=memory)["front-door"]
    assert isinstance(handler, LockRelay)
    return handler


def test_smbus2_fits_the_seam() -> None:
    wire: Wire = SMBus()
    wire.close()


def test_each_click_of_a_simulated_relay_is_told_in_plain_words(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    devices = {"front-door": DOOR, "lamp": {**LAMP, "on": "released"}}
    handlers = open_devices(agent(devices, runs="simulated"))
    lock, lamp = handlers["front-door"], handlers["lamp"]
    assert isinstance(lock, LockRelay)
    assert isinstance(lamp, SwitchRelay)
    lock.settle()
    caplog.clear()
    lock.unlock()
    lock.lock()
    lamp.on()
    assert [entry.getMessage() for entry in caplog.records] == [
        "relay 0 closed: front-door is UNLOCKED (simulated) device=front-door",
        "relay 0 opened: front-door is LOCKED (simulated) device=front-door",
        "relay 1 opened: lamp is ON (simulated) device=lamp",
    ]


def test_clicks_on_several_boards_name_the_board(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    handlers = open_devices(agent({"front-door": DOOR, "gate": {**DOOR, "address": "0x26"}}))
    gate = handlers["gate"]
    assert isinstance(gate, LockRelay)
    gate.unlock()
    assert "relay 0 of 0x26 closed: gate is UNLOCKED (simulated) device=gate" in caplog.text


@pytest.mark.parametrize("runs", ["here", "elsewhere"])
def test_a_missing_bus_is_told_with_its_cure_and_never_simulated(runs: str) -> None:
    handler = door(runs, bus=NO_BUS)
    assert not handler.simulated
    for action in (handler.settle, handler.unlock, handler.status):
        with pytest.raises(ActionError, match=f"there is no /dev/i2c-{NO_BUS} on this machine") as caught:
            action()
        assert caught.value.cause is Cause.NOT_CONFIGURED


def test_only_a_simulated_agent_says_so() -> None:
    assert door("simulated").simulated


def test_a_missing_smbus2_is_told_with_its_cure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "smbus2", None)
    with pytest.raises(ActionError, match="pip install smbus2") as caught:
        door("here").settle()
    assert caught.value.cause is Cause.NOT_CONFIGURED


def test_opening_a_missing_bus_again_and_again_leaks_no_files() -> None:
    handler = door("here", bus=NO_BUS)
    before = len(list(OPEN_FILES.iterdir()))
    for _ in range(20):
        with pytest.raises(ActionError):
            handler.status()
    assert len(list(OPEN_FILES.iterdir())) == before


def test_a_bus_that_appears_later_is_used() -> None:
    board = SimulatedBus()
    there: list[Wire] = []

    def connect() -> Wire:
        if not there:
            raise ActionError(Cause.NOT_CONFIGURED, "not yet")
        return there[0]

    bus = I2cBus(number=0, connect=connect)
    with pytest.raises(ActionError, match="not yet"), bus.operation(0x27) as chip:
        chip.read(0)
    there.append(board)
    with bus.operation(0x27) as chip:
        assert chip.read(0) == 0xFF


def test_a_bus_is_opened_again_after_an_error_that_stays() -> None:
    clock = Clock()
    opened: list[SimulatedBus] = []

    def connect() -> Wire:
        opened.append(SimulatedBus())
        return opened[-1]

    bus = I2cBus(number=0, connect=connect, monotonic=clock.monotonic, sleep=clock.sleep)
    with bus.operation(0x27) as chip:
        chip.read(0)
    opened[0].fail(errno.EBADF)
    with pytest.raises(ActionError, match="EBADF"), bus.operation(0x27) as chip:
        chip.read(0)
    with bus.operation(0x27) as chip:
        chip.read(0)
    assert len(opened) == 2


def test_a_chip_that_a_driver_of_the_kernel_holds_is_told() -> None:
    board = SimulatedBus()
    board.fail(errno.EBUSY)
    bus = I2cBus(number=0, connect=lambda: board)
    with pytest.raises(ActionError, match="held by a driver of the kernel"), bus.operation(0x27) as chip:
        chip.read(0)


def test_a_simulated_door_left_open_by_a_kill_is_locked_at_the_next_start(tmp_path: Path) -> None:
    memory = tmp_path / "boards"
    assert door(memory=memory).unlock() is State.UNLOCKED
    bus = SimulatedBus(memory=memory)
    assert bus.relays() == 1
    assert door(memory=memory).settle() is State.LOCKED
    assert bus.relays() == 0


class YieldingBus(SimulatedBus):
    """Lets other threads run before each transfer, as a real one does while the kernel works."""

    def read_byte_data(self, address: int, register: int, /) -> int:
        time.sleep(0)
        return super().read_byte_data(address, register)

    def write_byte_data(self, address: int, register: int, value: int, /) -> None:
        time.sleep(0)
        super().write_byte_data(address, register, value)


def test_devices_of_one_board_may_be_worked_from_several_threads() -> None:
    board = YieldingBus()
    handlers = open_devices(agent({f"lamp{n}": {"channel": n} for n in range(8)}), wire=board)
    wrong: list[str] = []

    def work(name: str, handler: SwitchRelay) -> None:
        for _ in range(25):
            states = handler.on(), handler.off(), handler.on()
            wrong.extend([name] if states != (State.ON, State.OFF, State.ON) else [])

    threads = [
        threading.Thread(target=work, args=(name, handler))
        for name, handler in handlers.items()
        if isinstance(handler, SwitchRelay)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert not any(thread.is_alive() for thread in threads)
    assert wrong == []
    assert board.relays() == 0xFF
