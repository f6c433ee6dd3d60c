"""When this process started, in the words of a clock that may be set meanwhile.

A machine may start with a clock that is wrong by years and get the time by NTP a minute later, or be set back by
somebody. What was posted before the start is never obeyed, so a start in the future would shut everybody out.
"""

import time
from collections.abc import Callable

from latchwire.waiting import now as since_boot


class Start:
    """The moment of its making.

    Args:
        wall: seconds since 1970; may jump.
        up: seconds that never jump, and go on while the machine sleeps.
    """

    def __init__(self, *, wall: Callable[[], float] = time.time, up: Callable[[], float] = since_boot) -> None:
        self._wall, self._up = wall, up
        self._noted, self._up_then = wall(), up()

    def at(self) -> float:
        """When that was, in seconds since 1970 of the clock as it goes now; never later than was noted then.

        Should this thread be kept waiting between the two clocks, it is too late by that, and never too early.
        """
        since = self._up() - self._up_then
        return min(self._noted, self._wall() - since)
