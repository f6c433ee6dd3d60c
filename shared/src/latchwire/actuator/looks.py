"""When a device's state is read although nobody asked: in its own time, together with others, or when it says so."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Final

from latchwire.actuator import handler as of_handler
from latchwire.actuator.device import Device
from latchwire.actuator.strands import Strands
from latchwire.waiting import Timers, now

TOGETHER_SECONDS: Final = 5.0
"""So much earlier a look may come, where the nonce is renewed then anyway."""


class Looks:
    """Those of one agent.

    Args:
        devices: its devices at work.
        strands: where they work.
        timers: the agent's.
        on_looked: told the device's name after each look.
        on_fault: told of an exception that a look let through.
    """

    def __init__(
        self,
        *,
        devices: Mapping[str, Device],
        strands: Strands,
        timers: Timers,
        on_looked: Callable[[str], None],
        on_fault: Callable[[Exception], None],
    ) -> None:
        self._devices, self._strands, self._timers, self._on_looked = devices, strands, timers, on_looked
        self._in_turn = Timers(on_fault=on_fault)  # may wait for hardware, and nothing else waits for it
        self._wanted: set[str] = set()
        self._stopping = False

    def watch(self) -> None:
        """Lets handlers say that something may have changed."""
        for name, device in self._devices.items():
            of_handler.watch(device.handler, partial(self._want, name))

    def start(self) -> None:
        """Begins to look."""
        periods = {name: of_handler.poll_seconds(device.handler) for name, device in self._devices.items()}
        together = [name for name, device in self._devices.items() if of_handler.polls_in_turn(device.handler)]
        for name in self._devices.keys() - {*together}:
            self._later(name)
        if seconds := min((periods[name] for name in together if periods[name] > 0), default=0.0):
            self._in_turn.start()
            # Not at the moment of a new nonce, where two threads would wait for each other.
            self._in_turn.after(seconds / 2, lambda: self._look_in_turn(together, seconds))

    def stop(self) -> None:
        """Looks no more."""
        self._stopping = True

    def close(self) -> None:
        """Lets the thread end."""
        self._in_turn.stop(wait=False)

    def seconds_stalled(self) -> float:
        """How long its thread has hung; as :meth:`Timers.seconds_stalled`."""
        return self._in_turn.seconds_stalled()

    def _later(self, name: str) -> None:
        period = of_handler.poll_seconds(self._devices[name].handler)
        if period == of_handler.POLL_SECONDS:
            # All of them when the nonce is renewed, so that the processor wakes up once.
            self._timers.after(period, lambda: self._in_time(name), early=TOGETHER_SECONDS)
        elif period > 0:  # a period of its own may be there to spread requests; else at whole multiples, together
            self._timers.after(period - now() % period, lambda: self._in_time(name))

    def _in_time(self, name: str) -> None:
        if not self._stopping:
            self._later(name)
            if not self._strands.waiting(name):  # last: the thread that does it wakes up at once
                self._strands.submit(name, lambda: self._look(name))

    def _want(self, name: str) -> None:
        """A handler says that its state may have changed; however often it does, one look waits."""
        if not self._stopping and name not in self._wanted:
            self._wanted.add(name)
            self._strands.submit(name, partial(self._look_as_wanted, name))

    def _look_as_wanted(self, name: str) -> None:
        self._wanted.discard(name)  # before it looks: what changes from now on is looked at again
        if not self._stopping:
            self._look(name)

    def _look_in_turn(self, names: Sequence[str], seconds: float) -> None:
        self._in_turn.after(seconds, lambda: self._look_in_turn(names, seconds))
        for name in names:
            if not self._stopping:
                self._strands.here(name, partial(self._look, name))

    def _look(self, name: str) -> None:
        self._devices[name].poll()
        self._on_looked(name)
