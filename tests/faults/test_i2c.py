"""Each fault of the relays' bus at each transfer of a toggle: the door is locked again once the bus is back.

The kit's device, the relay agent's real handlers and a simulated chip, all cases at the same time, each on a board of
its own. Then the same through the real program, whose board loses its bus while the door stands open.
"""

import errno
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import pytest

from latchwire.actuator.device import Device, Result
from latchwire.actuator.strands import Strands
from latchwire.config.agent import DeviceConfig
from latchwire.model import Happened, Kind, State
from latchwire.sender import Ending
from latchwire.waiting import Timers
from latchwire_relay_agent.hardware import open_devices
from latchwire_relay_agent.simulated import BOARD_BYTES, FAULT, SimulatedBus, _Fault
from support.broker import wait_until
from support.home import DOOR
from support.house import House, example
from support.relay_bench import Settings, agent

RELEASED: Final[Settings] = {"channel": 0, "locked": "released"}
ENERGISED: Final[Settings] = {"channel": 0, "locked": "energised"}
KEPT: Final[Settings] = {"channel": 0, "locked": "released", "atStart": "keep"}
POLL_SECONDS: Final = 0.3
GONE: Final = 40
"""So many transfers in a row are beyond all tries of an operation, and of the next ones."""

OK: Final = _Fault()
FAULTS: Final[dict[str, list[_Fault]]] = {
    "no acknowledge": [_Fault(number=errno.ENXIO)],
    "no acknowledge, for a while": [_Fault(number=errno.EREMOTEIO)] * GONE,
    "arbitration lost": [_Fault(number=errno.EAGAIN)] * 2,
    "arbitration lost again and again": [_Fault(number=errno.EAGAIN)] * GONE,
    "input/output error": [_Fault(number=errno.EIO)],
    "input/output error after the chip took it": [_Fault(number=errno.EIO, delivered=True)],
    "input/output error for a while after the chip took it": [_Fault(number=errno.EIO, delivered=True)] * GONE,
    "protocol error": [_Fault(number=errno.EPROTO)] * 9,
    "stuck bus": [_Fault(number=errno.ETIMEDOUT, seconds=0.8)] * 5,
    "wrong read-back": [_Fault(noise=0x01)],
    # Noise differs from one read to the next; a bus that turned each bit of each read over would be believed.
    "wrong read-back, for a while": [_Fault(noise=0x01), OK, _Fault(noise=0xFF), OK, OK] * (GONE // 5),
    "power lost": [_Fault(powerless=0x27)],
    "power lost again and again": [_Fault(powerless=0x27)] * 9,
}


class Door:
    """One door on a board of its own."""

    def __init__(self, settings: Settings) -> None:
        self.clicks = 0
        self.safe = settings["locked"] == "energised"
        self.bus = SimulatedBus(on_click=self._click)
        handlers = open_devices(agent({"door": settings}), wire=self.bus)
        faults: list[Exception] = []
        self.faults = faults
        self.timers = Timers(on_fault=faults.append)
        self.strands = Strands(workers=1, on_fault=faults.append)
        self.device = Device(
            config=DeviceConfig("door", Kind.LOCK, 1, 0, {}), handler=handlers["door"], timers=self.timers,
            submit=lambda job: self.strands.submit("door", job, first=True), on_change=lambda: None,
        )  # fmt: skip
        self.device.settle()
        self.timers.start()
        self.clicks = 0

    def _click(self, _address: int, _channel: int, closed: bool) -> None:  # noqa: FBT001  # what a relay does
        self.clicks += closed is not self.safe

    @property
    def is_locked(self) -> bool:
        return bool(self.bus.relays() & 1) is self.safe

    def do(self, action: str) -> Result:
        done, results = threading.Event(), list[Result]()

        def job() -> None:
            results.append(self.device.perform(action, "test"))
            done.set()

        self.strands.submit("door", job)
        assert done.wait(20)
        return results[0]

    def fail_at(self, transfer: int, faults: list[_Fault]) -> None:
        self.bus._faults.extend([*[OK] * transfer, *faults])

    def wait_until_locked(self, what: str) -> None:
        """Looks as often as an agent does, and a little more often."""

        def locked() -> bool:
            self.strands.submit("door", self.device.poll)
            time.sleep(POLL_SECONDS)
            pending = bool(self.bus._faults) or self.device.locks_in() is not None
            return not pending and self.is_locked and self.device.view.state is State.LOCKED

        wait_until(locked, what, 30)

    def close(self) -> None:
        self.timers.stop()
        self.strands.stop()


def transfers_of_a_toggle(settings: Settings) -> int:
    door = Door(settings)
    before = len(door.bus.transfers)
    assert door.do("toggle").cause is None
    count = len(door.bus.transfers) - before
    door.close()
    return count


def case(settings: Settings, name: str, transfer: int, *, relock: bool) -> str | None:
    """One toggle with one fault; how it ended ("" is done)."""
    door = Door(settings)
    what = f"{name} at transfer {transfer} of the {'relock' if relock else 'toggle'}, {settings}"
    if not relock:
        door.fail_at(transfer, FAULTS[name])
    result = door.do("toggle")
    if relock:
        door.fail_at(transfer, FAULTS[name])
    clicks = door.clicks
    assert result.cause is not None or clicks >= 1, f"done, and nothing clicked: {what}"
    if result.cause is not None:
        assert result.cause.happened is Happened.MAYBE or clicks == 0, f"{result}: {what}"
    door.wait_until_locked(f"locked again: {what}")
    if not FAULTS[name][0].powerless:  # a lock that needs power to be locked opens by itself without it
        assert door.clicks <= 1, f"opened {door.clicks} times: {what}"
    assert door.faults == [], what
    door.close()
    return result.cause and result.cause.wire


@pytest.mark.parametrize("settings", [RELEASED, ENERGISED, KEPT], ids=["released", "energised", "kept"])
def test_a_door_is_locked_again_whatever_the_bus_does_at_whichever_transfer(settings: Settings) -> None:
    count = transfers_of_a_toggle(settings)
    assert count >= 8
    cases = [(name, transfer, False) for name in FAULTS for transfer in range(count)]
    cases += [(name, transfer, True) for name in FAULTS for transfer in (0, 2, 5)]
    with ThreadPoolExecutor(len(cases)) as pool:
        runs = [pool.submit(case, settings, name, transfer, relock=relock) for name, transfer, relock in cases]
        causes = {run.result() for run in runs}
    assert {None, "hardware"} <= causes, causes


# -------------------------------------------------------------------------------- the real program


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    config = example()
    config["devices"]["front-door"]["toggleSeconds"] = 1
    made = House(folder=tmp_path_factory.mktemp("house"), document=config)
    try:
        made.start("relay-agent")
        yield made
    finally:
        made.close()


Break = Callable[[SimulatedBus], object]
BREAKS: Final[dict[str, Break]] = {
    "unplugged": lambda bus: bus.unplug(),
    "read as ones by the old driver": lambda bus: bus.unplug(ghost=True),
    "input/output errors": lambda bus: _every_transfer(bus, errno.EIO),
    "arbitration lost": lambda bus: _every_transfer(bus, errno.EAGAIN),
    "stuck": lambda bus: _every_transfer(bus, errno.ETIMEDOUT),
}


def _every_transfer(bus: SimulatedBus, number: int) -> None:
    bus._bytes[BOARD_BYTES * 7 + FAULT] = number


@pytest.mark.parametrize("name", BREAKS)
def test_a_bus_that_goes_while_the_door_is_open_locks_it_as_soon_as_it_is_back(house: House, name: str) -> None:
    board = SimulatedBus(memory=house.places.run / "omega.simulated-board")
    sender = house.sender(connect_seconds=5)
    assert sender.ask(agent="omega", device=DOOR, action="toggle", sub="manual:test").ending is Ending.DONE
    assert house.relay_is_closed()
    BREAKS[name](board)
    told = sender.ask(agent="omega", device=DOOR, action="status", sub="manual:test")
    assert (told.ending, told.state) == (Ending.FAILED, State.UNKNOWN)
    time.sleep(1.5)  # the relock is due, and cannot be done
    assert house.relay_is_closed(), "the board keeps its relays without its bus"
    again = sender.ask(agent="omega", device=DOOR, action="unlock", sub="manual:test")
    assert again.ending is Ending.FAILED
    board.plug()
    house.wait_for_relay(closed=False, seconds=6)
    wait_until(
        lambda: sender.ask(agent="omega", device=DOOR, action="status", sub="manual:test").state is State.LOCKED,
        "it says so",
    )
