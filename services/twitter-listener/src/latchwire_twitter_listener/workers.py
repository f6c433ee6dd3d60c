"""One thread per device that asks for commands in the order they were heard.

Waiting for one device's receipt neither keeps the stream waiting nor another device. The threads are daemons:
they never keep the process from ending, and what they have not begun by then is not done.
"""

import logging
import queue
import threading
from collections.abc import Callable
from typing import Final

Job = Callable[[], None]

_log: Final = logging.getLogger("latchwire.twitter")


class Workers:
    """Makes a thread for each name when its first job comes."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._queues: dict[str, queue.SimpleQueue[Job | None]] = {}
        self._threads: dict[str, threading.Thread] = {}
        self._stopping = threading.Event()

    def submit(self, name: str, job: Job) -> None:
        """Runs the job after those of the same name; one that dies takes no other along."""
        with self._lock:
            jobs = self._queues.setdefault(name, queue.SimpleQueue())
            jobs.put(job)
            thread = self._threads.get(name)
            if thread is None or not thread.is_alive():
                thread = threading.Thread(target=self._work, args=(jobs,), name=f"ask-{name}", daemon=True)
                self._threads[name] = thread
                thread.start()

    def stop(self) -> None:
        """Begins no other job; returns at once."""
        self._stopping.set()
        with self._lock:
            for jobs in self._queues.values():
                jobs.put(None)

    def _work(self, jobs: "queue.SimpleQueue[Job | None]") -> None:
        while (job := jobs.get()) is not None and not self._stopping.is_set():
            try:
                job()
            except Exception:  # noqa: BLE001  # the one place that keeps a device's queue alive
                _log.exception("A fault in obeying a post; please report it.")
