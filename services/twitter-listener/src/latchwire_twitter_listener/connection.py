"""One connection to the filtered stream, read in a thread of its own.

Reading in another thread is what makes every wait of the stream interruptible: connecting, waiting for the
answer's head, and reading a stream in which nothing is said. It also reads as fast as X sends (a slow reader
is cut off) and hands over through a queue. Whoever has done with a connection calls
:meth:`Connection.abandon`, which takes no time.
"""

import contextlib
import queue
import threading
from typing import Final, NamedTuple

import requests
import urllib3

from latchwire_twitter_listener.api import XApi
from latchwire_twitter_listener.backoff import Trouble
from latchwire_twitter_listener.results import ApiError

_CHUNK_BYTES: Final = 65536


class Opened(NamedTuple):
    """X accepted the connection."""


class Ended(NamedTuple):
    """The connection is over.

    Attributes:
        trouble: which row of the back-off table it is.
        detail: for the log.
        reset_at: when the rate limit starts anew, seconds since 1970, if X said so.
    """

    trouble: Trouble
    detail: str = ""
    reset_at: float | None = None


class Woken(NamedTuple):
    """Not from X: somebody wants the loop to look around."""


Event = Opened | bytes | Ended | Woken


class Connection:
    """Connects at once.

    Args:
        api: X.
        read_timeout: seconds without a byte after which the socket gives up (the loop looks closer).
    """

    def __init__(self, *, api: XApi, read_timeout: float) -> None:
        self._api = api
        self._read_timeout = read_timeout
        self._events: queue.Queue[Event] = queue.Queue(maxsize=256)
        self._abandoned = threading.Event()
        self._response: requests.Response | None = None
        self._thread = threading.Thread(target=self._read, name="x-stream-reader", daemon=True)
        self._thread.start()

    def next(self, *, timeout: float) -> Event | None:
        """The next event, or ``None`` when ``timeout`` seconds went by without one."""
        try:
            return self._events.get(timeout=max(timeout, 0))
        except queue.Empty:
            return None

    def wake(self) -> None:
        """Makes :meth:`next` return."""
        with contextlib.suppress(queue.Full):  # it is about to return anyway
            self._events.put_nowait(Woken())

    def abandon(self) -> None:
        """Ends the connection without waiting for anything."""
        self._abandoned.set()
        response = self._response
        if response is not None:
            # It may have ended by itself in this moment.
            with contextlib.suppress(OSError, ValueError, RuntimeError):
                response.raw.shutdown()

    def _read(self) -> None:
        try:
            response = self._api.open_stream(read_timeout=self._read_timeout)
        except ApiError as fault:
            self._put(Ended(fault.trouble, fault.detail, fault.reset_at))
            return
        with response:
            self._response = response
            self._put(Opened())
            self._put(self._read_all(response))

    def _read_all(self, response: requests.Response) -> Ended:
        try:
            while not self._abandoned.is_set():
                data = response.raw.read1(_CHUNK_BYTES, decode_content=True)
                if not data:
                    break
                self._put(data)
        except urllib3.exceptions.ReadTimeoutError:
            return Ended(Trouble.MUTE)
        except (urllib3.exceptions.HTTPError, OSError, ValueError, AttributeError) as fault:
            # Value and attribute errors are what a TLS socket raises that was shut down while it was read.
            return Ended(Trouble.CLOSED, type(fault).__name__)
        return Ended(Trouble.CLOSED)

    def _put(self, event: Event) -> None:
        while not self._abandoned.is_set():
            with contextlib.suppress(queue.Full):
                self._events.put(event, timeout=1)
                return
