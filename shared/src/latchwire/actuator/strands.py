"""Work for many devices on few threads: one device's jobs in order, a slow device in nobody's way.

A strand is the queue of one device. At most one thread works on a strand at a time; threads are started when there is
work for them and stay. No wait here has a limit in time (``latchwire.waiting`` says why).
"""

import threading
from collections import deque
from collections.abc import Callable

from latchwire.waiting import now

Job = Callable[[], None]


class Strands:
    """A pool of worker threads with one queue for each name.

    Args:
        workers: how many threads at most; as many devices can be slow at the same time.
        on_fault: told of an exception that a job let through; the strand goes on.
    """

    def __init__(self, *, workers: int, on_fault: Callable[[Exception], None]) -> None:
        self._most, self._on_fault = workers, on_fault
        self._jobs: dict[str, deque[Job]] = {}
        self._ready: deque[str] = deque()
        self._lock = threading.Lock()
        self._parked: list[threading.Lock] = []
        self._threads = 0
        self._begun: dict[str, float] = {}
        self._stopping = False

    def submit(self, name: str, job: Job, *, first: bool = False) -> None:
        """Adds a job to that strand, at its end or before all that wait."""
        with self._lock:
            jobs = self._jobs.get(name)
            if jobs is None:
                self._jobs[name] = deque((job,))
                self._ready.append(name)
                self._wake_one()
            elif first:
                jobs.appendleft(job)
            else:
                jobs.append(job)

    def here(self, name: str, job: Job) -> bool:
        """Runs a job on the caller's own thread, unless that strand has something to do; whether it did."""
        with self._lock:
            if name in self._jobs or self._stopping:
                return False
            self._jobs[name] = deque()
            self._begun[name] = now()
        self._run(job)
        with self._lock:
            if self._ended(name):
                self._wake_one()
        return True

    def waiting(self, name: str) -> int:
        """How many jobs of that strand have not ended."""
        with self._lock:
            jobs = self._jobs.get(name)
            return 0 if jobs is None else len(jobs) + (name not in self._ready)

    def longest(self) -> tuple[str, float]:
        """The job that has been running longest: its strand's name, and for how many seconds; ``("", 0.0)`` if none."""
        with self._lock:
            if not self._begun:
                return "", 0.0
            name = min(self._begun, key=self._begun.__getitem__)
            return name, now() - self._begun[name]

    def stop(self) -> None:
        """Lets the threads end once nothing waits; one that hangs in its hardware ends with the process."""
        with self._lock:
            self._stopping = True
            while self._parked:
                self._parked.pop().release()

    def _wake_one(self) -> None:
        """With the lock: two jobs at once are for two threads, and the one that worked last is the quickest to wake."""
        if self._parked:
            self._parked.pop().release()
        elif self._threads < self._most:
            self._threads += 1
            threading.Thread(target=self._work, name=f"worker-{self._threads}", daemon=True).start()

    def _work(self) -> None:
        parking = threading.Lock()
        parking.acquire()
        while True:
            with self._lock:
                name = self._ready.popleft() if self._ready else None
                if name is not None:
                    job = self._jobs[name].popleft()
                    self._begun[name] = now()
                elif self._stopping:
                    return
                else:
                    self._parked.append(parking)
            if name is None:
                parking.acquire()  # given back by who has work
                continue
            self._run(job)
            with self._lock:
                self._ended(name)  # this thread takes the next one itself

    def _run(self, job: Job) -> None:
        try:
            job()
        except Exception as fault:  # noqa: BLE001  # the one place that keeps a device's queue alive
            self._on_fault(fault)

    def _ended(self, name: str) -> bool:
        """Notes it, with the lock; whether more is to be done for that device."""
        del self._begun[name]
        if self._jobs[name]:
            self._ready.append(name)
            return True
        del self._jobs[name]
        return False
