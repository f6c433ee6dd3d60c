"""Waiting with a limit that a change of the clock cannot stretch, on one thread for all timers.

On musl (OpenWrt) a timed wait for a lock, a condition, an event or a queue ends by the *wall* clock, and an Omega has
no battery for it: when the time is set back by years while a door stands open, such a wait ends years later. Waiting
in ``poll`` ends by the kernel's monotonic clock everywhere, so whatever an agent waits for, it waits for here.

:class:`Wake` is a flag that a poll can see; :class:`Timers` calls functions at their time.
"""

import heapq
import itertools
import math
import select
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final

__all__ = ["now"]

LONGEST_SLEEP: Final = 60.0
"""Seconds after which the timers' thread looks at the time in any case."""
STALL_SECONDS: Final = 180.0
"""A thread that has not turned for so long has hung; a name look-up alone may take half a minute."""


class Wake:
    """A flag that ends a :func:`select.poll` on its file descriptor; any thread may set it."""

    def __init__(self) -> None:
        self._receiver, self._sender = socket.socketpair()
        self._receiver.setblocking(False)
        self._sender.setblocking(False)
        self._poll = select.poll()
        self._poll.register(self._receiver, select.POLLIN)

    def fileno(self) -> int:
        """What to register for ``POLLIN``."""
        return self._receiver.fileno()

    def set(self) -> None:
        """Ends the wait; setting it again before it was cleared changes nothing."""
        with suppress(BlockingIOError, OSError):  # full: it is set already; closed: nobody waits
            self._sender.send(b"x")

    def clear(self) -> None:
        """Makes the next wait wait again."""
        with suppress(BlockingIOError, OSError):
            self._receiver.recv(4096)  # if more was in it, the next wait ends at once, too, which harms nobody

    def wait(self, seconds: float | None = None) -> bool:
        """Waits until it is set, at most so long; says whether it is set, and leaves it so."""
        return bool(self._poll.poll(None if seconds is None else max(0.0, seconds) * 1000))

    def close(self) -> None:
        """Gives both ends back."""
        self._receiver.close()
        self._sender.close()


class Timer:
    """A call that is to come; :meth:`cancel` makes it not come."""

    __slots__ = ("action", "at", "earliest")

    def __init__(self, at: float, earliest: float, action: Callable[[], None]) -> None:
        self.at, self.earliest = at, earliest
        self.action: Callable[[], None] | None = action

    def cancel(self) -> None:
        """Makes the call not come, unless it is being made already."""
        self.action = None


class Timers:
    """Calls functions at their time, one after the other, on a thread of its own.

    A function has to be quick: it hands work to somebody else. One that raises is told to ``on_fault`` and harms no
    other. Times are seconds of ``CLOCK_BOOTTIME``, which goes on while the machine sleeps and never jumps.

    Args:
        on_fault: told of an exception that a function raised.
    """

    def __init__(self, *, on_fault: Callable[[Exception], None]) -> None:
        self._on_fault = on_fault
        self._heap: list[tuple[float, int, Timer]] = []
        self._order = itertools.count()
        self._lock = threading.Lock()
        self._wake = Wake()
        self._stopping = self._called = self._left = False
        self._turned = now()
        self._thread = threading.Thread(target=self._run, name="timers", daemon=True)

    def start(self) -> None:
        """Begins to call."""
        self._thread.start()

    def stop(self, *, wait: bool = True) -> None:
        """Calls nothing any more; what is being called is waited for, except from within itself, if ``wait``."""
        self._left = not wait and self._thread.is_alive()
        self._stopping = True
        self._wake.set()
        if self._left:
            return  # the thread clears up behind itself
        if threading.current_thread() is not self._thread:
            if self._thread.is_alive():  # else it ended already, between the two lines above and this one
                self._thread.join()
            self._wake.close()

    def after(self, seconds: float, action: Callable[[], None], *, early: float = 0.0) -> Timer:
        """Calls ``action`` once, so many seconds from now.

        Args:
            seconds: how many.
            action: what to call.
            early: it may come so much earlier, where the thread is awake for another one: each time that a processor
                need not wake up counts, on a battery and on a machine with many services.
        """
        at = now() + seconds
        timer = Timer(at, at - early, action)
        with self._lock:
            heapq.heappush(self._heap, (timer.at, next(self._order), timer))
            first = self._heap[0][2] is timer
        if first:
            self._wake.set()
        return timer

    def seconds_stalled(self) -> float:
        """How long its thread has not looked at the time beyond its longest sleep; infinite if it has ended."""
        if not self._thread.is_alive():
            return 0.0 if self._stopping or self._thread.ident is None else math.inf
        return max(0.0, now() - self._turned - LONGEST_SLEEP)

    def _run(self) -> None:
        while not self._stopping:
            self._turned = now()
            timer, seconds = self._next()
            if timer is None:
                self._called = False
                if self._wake.wait(seconds):
                    self._wake.clear()
            elif action := timer.action:
                self._called = True
                try:
                    action()
                except Exception as fault:  # noqa: BLE001  # the one place that keeps timers alive
                    self._on_fault(fault)
        if self._left:
            self._wake.close()

    def _next(self) -> tuple[Timer | None, float]:
        with self._lock:
            while self._heap and self._heap[0][2].action is None:
                heapq.heappop(self._heap)
            if not self._heap:
                return None, LONGEST_SLEEP
            at = now()
            seconds = self._heap[0][0] - at
            if seconds > 0 and not (self._called and self._heap[0][2].earliest <= at):
                # CLOCK_BOOTTIME runs on while the machine sleeps and poll's clock does not: look again now and then.
                return None, min(seconds + 0.001, LONGEST_SLEEP)
            return heapq.heappop(self._heap)[2], 0.0


def now() -> float:
    """Seconds since boot, sleep included (``CLOCK_BOOTTIME``, clock_gettime(2))."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)
