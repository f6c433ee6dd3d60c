"""Lets the methods of a device be ``async``: all of an agent's run on one event loop, in a thread of its own.

The kit calls a device on a worker thread, which waits here for what the loop makes of it. So one device's commands stay
in order, and a slow one delays no other, just as with code that blocks. What is awaited for too long is cancelled.

The loop begins with the first call and ends with the last device's ``close``.
"""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any, Final

from latchwire.errors import ActionError
from latchwire.model import Cause

LIMIT_SECONDS: Final = 30.0
"""How long a method may await; the person was told ``timeout`` long before."""


class EventLoop:
    """An event loop in a thread of its own, for as long as somebody has a share in it.

    Args:
        limit_seconds: after which what runs on it is cancelled.
    """

    def __init__(self, *, limit_seconds: float = LIMIT_SECONDS) -> None:
        self._limit = limit_seconds
        self._lock = threading.Lock()
        self._shares = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._end: asyncio.Event | None = None

    def share(self) -> None:
        """Somebody more needs it."""
        with self._lock:
            self._shares += 1

    def release(self) -> None:
        """Somebody needs it no more; the last one ends it."""
        with self._lock:
            self._shares -= 1
            if self._shares == 0 and self._loop is not None and self._end is not None:
                self._loop.call_soon_threadsafe(self._end.set)
                self._loop = None

    def run(self, call: Coroutine[Any, Any, Any], what: str) -> Any:
        """Runs a coroutine to its end, and waits for it.

        Args:
            call: the coroutine.
            what: a name for it, for errors.

        Raises:
            ActionError: ``timeout``, if it took too long; else what the coroutine raises.
        """
        return asyncio.run_coroutine_threadsafe(self._limited(call, what), self._started()).result()

    async def _limited(self, call: Coroutine[Any, Any, Any], what: str) -> Any:
        try:
            async with asyncio.timeout(self._limit) as limit:
                return await call
        except TimeoutError:
            if limit.expired():
                raise ActionError(Cause.TIMEOUT, f"{what} awaited for more than {self._limit:g} s") from None
            raise

    def _started(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None:
                ready = threading.Event()
                threading.Thread(target=asyncio.run, args=(self._serve(ready),), name="asyncio", daemon=True).start()
                ready.wait()
            assert self._loop is not None  # noqa: S101  # set before it is ready
            return self._loop

    async def _serve(self, ready: threading.Event) -> None:
        self._loop, self._end = asyncio.get_running_loop(), asyncio.Event()
        end = self._end
        ready.set()
        await end.wait()


class Awaited:
    """A handler whose methods may be ``async``, as one that blocks.

    Args:
        handler: the device's own.
        loop: where to run what it returns.
    """

    def __init__(self, handler: object, loop: EventLoop) -> None:
        self._handler, self._loop = handler, loop
        self.named: Final = type(handler).__name__
        self._shares = False

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._handler, name)
        return self._blocking(found) if callable(found) else found

    def close(self) -> None:
        """Closes the handler, and lets the event loop go."""
        try:
            close = getattr(self._handler, "close", None)
            if callable(close):
                self._blocking(close)()
        finally:
            if self._shares:
                self._shares = False
                self._loop.release()

    def _blocking(self, method: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(method)
        def call(*arguments: object) -> Any:
            result = method(*arguments)
            if not asyncio.iscoroutine(result):
                return result
            if not self._shares:  # a device's calls come one after the other
                self._shares = True
                self._loop.share()
            return self._loop.run(result, getattr(method, "__qualname__", self.named))

        return call
