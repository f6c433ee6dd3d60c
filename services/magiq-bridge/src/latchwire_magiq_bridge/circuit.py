"""Leaves a cloud alone for a while after it failed several times in a row, then tries it again by itself.

Without this each command and each look at a socket would wait out its whole time-out while the cloud is
down, and everybody would knock at once when it comes back. Pure: the time comes in as an argument, in
seconds on any clock that only goes forward. Each socket has a circuit of its own, so that one socket's
trouble is not another's.
"""


class Circuit:
    """Counts failures in a row; open after ``failures`` of them.

    Args:
        failures: this many in a row open it.
        first_wait: seconds that it stays open at first; each further failure doubles them.
        longest_wait: seconds that it stays open at most.
    """

    def __init__(self, *, failures: int = 3, first_wait: float = 5.0, longest_wait: float = 60.0) -> None:
        if failures < 1 or not 0 < first_wait <= longest_wait:
            raise ValueError("a circuit needs at least one failure and 0 < first_wait <= longest_wait")
        self._limit = failures
        self._first_wait = first_wait
        self._longest_wait = longest_wait
        self._failures = 0
        self._wait = first_wait
        self._until = 0.0

    def seconds_left(self, now: float) -> float:
        """Seconds until a call is let through again; 0 if it is at once."""
        return max(0.0, self._until - now) if self._failures >= self._limit else 0.0

    def succeeded(self) -> bool:
        """Notes a call that was answered; ``True`` if that closed the circuit, which is worth telling."""
        closed = self._failures >= self._limit
        self._failures = 0
        return closed

    def failed(self, now: float) -> bool:
        """Notes a call that failed; ``True`` if that opened the circuit, which is worth telling."""
        self._failures += 1
        if self._failures < self._limit:
            return False
        opened = self._failures == self._limit
        self._wait = self._first_wait if opened else min(2 * self._wait, self._longest_wait)
        self._until = now + self._wait
        return opened
