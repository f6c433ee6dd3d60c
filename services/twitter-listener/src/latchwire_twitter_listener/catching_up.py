"""Asks for the posts that the stream cannot have delivered.

X sends nothing again: what is posted while a connection is mute, broken or being made anew never comes by the
stream (``backfill_minutes`` is for Enterprise), and a new rule counts only after up to 20 seconds (docs.x.com,
"Handling disconnections" and filtered stream, "Build a rule"). So after each of these the posts of the people
are asked for once, as polling does. What X returns costs what it costs by polling; nothing new costs nothing.

A post that the stream did deliver is only heard again, and acts once. One that is too old by then does not act.
"""

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

from latchwire_twitter_listener.api import XApi
from latchwire_twitter_listener.backoff import Trouble
from latchwire_twitter_listener.results import ApiError
from latchwire_twitter_listener.source import Deliver
from latchwire_twitter_listener.status import Status

LOOK_BACK_SECONDS: Final = 120.0
"""Nothing older is asked for: it would be too old to act."""
RULES_COUNT_AFTER_SECONDS: Final = 25.0
"""X says 20."""
GAP_ENDS_AFTER_SECONDS: Final = 2.0
"""From the connect to the question, so that X has what was posted just before it."""
_MARGIN_SECONDS: Final = 5.0
"""For clocks that differ, and for what X was about to send when it went mute."""
_AGAIN_SECONDS: Final = 10.0
_MOST_POSTS: Final = 20


class CatchingUp:
    """A thread of its own, so that the stream is read meanwhile.

    Args:
        api: X.
        status: told what went wrong.
        pace: what each wait is multiplied with; 1 but in tests.
        wall: seconds since 1970.
    """

    def __init__(self, *, api: XApi, status: Status, pace: float = 1, wall: Callable[[], float] = time.time) -> None:
        self._api = api
        self._status = status
        self._pace = pace
        self._wall = wall
        self._user_ids: tuple[str, ...] = ()
        self._due: list[tuple[float, float]] = []
        self._changed = threading.Condition()
        self._stopping = False

    def want(self, user_ids: tuple[str, ...]) -> None:
        """Whose posts are asked for from now on (numeric ids)."""
        self._user_ids = user_ids

    def later(self, *, since: float, seconds: float) -> None:
        """Asks in so many seconds for what was posted since then (seconds since 1970)."""
        with self._changed:
            self._due.append((time.monotonic() + seconds * self._pace, since))
            self._changed.notify()

    def start(self, deliver: Deliver) -> None:
        """Begins to wait for :meth:`later`."""
        threading.Thread(target=self._run, args=(deliver,), name="x-catching-up", daemon=True).start()

    def stop(self) -> None:
        """Asks nothing more; returns at once."""
        with self._changed:
            self._stopping = True
            self._changed.notify()

    def _run(self, deliver: Deliver) -> None:
        while (since := self._next()) is not None:
            now = self._wall()
            # Since a moment in the future: the clock was set back meanwhile.
            at = max(since if since <= now else 0, now - LOOK_BACK_SECONDS) - _MARGIN_SECONDS
            start_time = datetime.fromtimestamp(int(at), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
            for user_id in self._user_ids:
                try:
                    self._ask(user_id, start_time, deliver)
                except ApiError as fault:
                    self._failed(fault, since)
                    break
                except Exception as fault:  # noqa: BLE001  # what is asked for later must not be lost with it
                    self._status.note(f"A fault in catching up; please report it: {fault!r}", now=now)

    def _next(self) -> float | None:
        """Waits until a question is due: since when; ``None`` after :meth:`stop`."""
        with self._changed:
            while not self._stopping:
                now = time.monotonic()
                due = [since for at, since in self._due if at <= now]
                if due:
                    self._due = [(at, since) for at, since in self._due if at > now]
                    return min(due)
                self._changed.wait(min((at - now for at, _ in self._due), default=None))
        return None

    def _ask(self, user_id: str, start_time: str, deliver: Deliver) -> None:
        for message in self._api.posts_of(user_id, start_time=start_time, most=_MOST_POSTS).messages:
            if not self._stopping:
                deliver(message)

    def _failed(self, fault: ApiError, since: float) -> None:
        now = self._wall()
        if fault.trouble in {Trouble.NETWORK, Trouble.SERVER} and since > now - LOOK_BACK_SECONDS:
            self.later(since=since, seconds=_AGAIN_SECONDS)
        else:
            self._status.note(f"What was posted while the stream was interrupted may be lost: {fault}", now=now)
