"""The filtered stream: connected, read, healed.

It tries at most as often as the back-off table and the count of connects on the disk allow, notices a mute
connection, forces a new one when X reports an error in the stream, closes ghosts of earlier connections, and
ends at once when told to. A line that is no post is told and skipped; no line ends the stream. What is posted
while it is interrupted is asked for afterwards.
"""

import logging
import sqlite3
import threading
import time
from collections.abc import Callable
from typing import Final

from latchwire.log import event
from latchwire_twitter_listener.api import XApi
from latchwire_twitter_listener.backoff import Backoff, Trouble
from latchwire_twitter_listener.catching_up import GAP_ENDS_AFTER_SECONDS, RULES_COUNT_AFTER_SECONDS, CatchingUp
from latchwire_twitter_listener.connection import Connection, Ended, Opened, Woken
from latchwire_twitter_listener.connects import Connects
from latchwire_twitter_listener.lines import Lines
from latchwire_twitter_listener.posts import NotAPost, parse_json, stream_error
from latchwire_twitter_listener.results import ApiError
from latchwire_twitter_listener.rules import reconcile, wanted_rules
from latchwire_twitter_listener.source import Deliver, Wanted
from latchwire_twitter_listener.status import Status

log = logging.getLogger("latchwire.twitter")

KEEP_ALIVE_SECONDS: Final = 24.0
"""X sends something at least every 20 seconds; after this long without a byte the connection is mute."""
OPEN_SECONDS: Final = 30.0
_GHOSTS_AGAIN_SECONDS: Final = 60.0
_MAY_BE_THE_RULES: Final = frozenset((Trouble.NO_RULES, Trouble.FORBIDDEN, Trouble.UNEXPECTED))


class Stream:
    """The source ``stream``.

    Args:
        api: X.
        connects: the count of connects on the disk.
        status: told how it is.
        keep_alive_seconds: after how long without a byte a connection is mute.
        pace: what each wait is multiplied with; 1 but in tests.
        wall: seconds since 1970.
    """

    def __init__(
        self,
        *,
        api: XApi,
        connects: Connects,
        status: Status,
        keep_alive_seconds: float = KEEP_ALIVE_SECONDS,
        pace: float = 1,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._api = api
        self._connects = connects
        self._status = status
        self._keep_alive = keep_alive_seconds
        self._pace = pace
        self._wall = wall
        self._rules: tuple[str, ...] = ()
        self._rules_at_x: tuple[str, ...] | None = None
        self._rules_again_at = 0.0
        self._rules_backoff = Backoff()
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._connection: Connection | None = None
        self._ghosts_closed_at = -_GHOSTS_AGAIN_SECONDS
        self._heard_at = wall()
        self._catching_up = CatchingUp(api=api, status=status, pace=pace, wall=wall)

    def want(self, wanted: Wanted) -> None:
        """What to listen for from now on; changes the rules at X without a new connection."""
        self._catching_up.want(wanted.user_ids)
        rules = wanted_rules(usernames=wanted.usernames, hashtags=wanted.hashtags, retweets=wanted.retweets)
        if rules != self._rules:
            self._rules = rules
            self._look_around()

    def stop(self) -> None:
        """Ends :meth:`run` at once."""
        self._stopping.set()
        self._catching_up.stop()
        self._look_around()

    def run(self, deliver: Deliver) -> None:
        """Delivers what the people post until :meth:`stop`."""
        self._heard_at = self._wall()
        self._catching_up.start(deliver)
        backoff = Backoff()
        while not self._stopping.is_set():
            lived_from: list[float] = []
            rules = self._rules
            try:
                ended = self._prepare() or self._listen(deliver, lived_from)
            except sqlite3.Error as fault:
                ended = Ended(Trouble.UNEXPECTED, f"state/data cannot be written: {fault}")
            if self._stopping.is_set():
                return
            now = self._wall()
            lived = time.monotonic() - lived_from[0] if lived_from else 0
            backoff, wait = backoff.after(ended.trouble, now=now, reset_at=ended.reset_at, lived=lived)
            if ended.trouble is Trouble.TOO_MANY_CONNECTIONS:
                self._close_ghosts()
            if ended.trouble is Trouble.NO_RULES:
                self._rules_at_x = None
            self._status.trouble(ended.trouble, ended.detail, now=now, wait=wait)
            self._pause(wait, unless_other_than=rules if ended.trouble in _MAY_BE_THE_RULES else None)

    def _prepare(self) -> Ended | None:
        """Rules first, then the gap that the count of connects asks for; what went wrong, if anything."""
        problem = self._reconcile()
        if problem:
            return problem
        gap = self._connects.seconds_to_wait(now=self._wall())
        if gap > 0:
            self._status.trouble(Trouble.MANY_CONNECTS, "", now=self._wall(), wait=gap)
            self._pause(gap)
        return None

    def _reconcile(self) -> Ended | None:
        while (rules := self._rules) != self._rules_at_x:
            if not rules:
                return Ended(Trouble.NO_RULES)
            begun = self._wall()
            try:
                done = reconcile(self._api, rules)
            except ApiError as fault:
                return Ended(fault.trouble, f"{fault.detail} for the rules", fault.reset_at)
            self._rules_at_x = rules
            if done.added:
                self._catching_up.later(since=begun, seconds=RULES_COUNT_AFTER_SECONDS)
            for problem in done.problems:
                self._status.note(f"X does not take a rule: {problem}", now=self._wall())
        return None

    def _listen(self, deliver: Deliver, lived_from: list[float]) -> Ended:
        """One connection, from its start to its end."""
        if self._stopping.is_set():
            return Ended(Trouble.CLOSED)
        self._connects.note(now=self._wall())
        connection = self._connection = Connection(api=self._api, read_timeout=self._keep_alive + 5)
        try:
            return self._read(connection, deliver, lived_from)
        finally:
            self._connection = None
            connection.abandon()

    def _read(self, connection: Connection, deliver: Deliver, lived_from: list[float]) -> Ended:
        lines = Lines()
        heard = time.monotonic()
        while not self._stopping.is_set():
            if self._change_rules():
                return Ended(Trouble.NO_RULES)
            patience = self._keep_alive if lived_from else OPEN_SECONDS
            event = connection.next(timeout=heard + patience - time.monotonic())
            match event:
                case None:
                    return Ended(Trouble.MUTE if lived_from else Trouble.NETWORK, "nothing was heard")
                case Ended():
                    return event
                case Woken():
                    continue
                case Opened():
                    lived_from.append(time.monotonic())
                    self._status.connected(now=self._wall())
                    self._catching_up.later(since=self._heard_at, seconds=GAP_ENDS_AFTER_SECONDS)
                case bytes():
                    before = lines.dropped
                    over = self._take(lines.feed(event), deliver)
                    if over:
                        return over
                    if lines.dropped > before:
                        log.warning("X sent a line that is too long to be a post; it was skipped.")
            heard, self._heard_at = time.monotonic(), self._wall()
        return Ended(Trouble.CLOSED)

    def _change_rules(self) -> bool:
        """Whether there is nothing to listen to any more; what else is wrong does not end a good connection."""
        if not self._rules:
            return True
        if self._rules != self._rules_at_x and time.monotonic() >= self._rules_again_at:
            problem = self._reconcile()
            if problem:
                now = self._wall()
                self._rules_backoff, wait = self._rules_backoff.after(
                    problem.trouble, now=now, reset_at=problem.reset_at
                )
                self._rules_again_at = time.monotonic() + wait * self._pace
                said = f"{problem.trouble.value} ({problem.detail})"
                self._status.note(f"Changed people and hashtags are not at X yet: {said}.", now=now)
            else:
                self._rules_backoff = Backoff()
        return not self._rules

    def _take(self, lines: list[bytes], deliver: Deliver) -> Ended | None:
        """Delivers posts; what forces another connection is returned."""
        for line in lines:
            message = parse_json(line)
            if isinstance(message, NotAPost):
                event(log, logging.INFO, "X sent a line that is no post; it was skipped.", cause=message.reason)
                continue
            error = stream_error(message)
            if error is None:
                deliver(message)
            elif error.too_many_connections:
                return Ended(Trouble.TOO_MANY_CONNECTIONS, error.title)
            else:
                return Ended(Trouble.STREAM_ERROR, error.title)
        return None

    def _close_ghosts(self) -> None:
        if time.monotonic() - self._ghosts_closed_at < _GHOSTS_AGAIN_SECONDS * self._pace:
            return
        self._ghosts_closed_at = time.monotonic()
        try:
            self._api.close_connections()
        except ApiError as fault:
            self._status.note(f"The earlier connections could not be closed: {fault}", now=self._wall())

    def _look_around(self) -> None:
        self._wake.set()
        connection = self._connection
        if connection:
            connection.wake()

    def _pause(self, seconds: float, *, unless_other_than: tuple[str, ...] | None = None) -> None:
        """Waits; ended at once by :meth:`stop`, and by rules other than those that may be the cause."""
        until = time.monotonic() + seconds * self._pace
        while not self._stopping.is_set() and (left := until - time.monotonic()) > 0:
            if unless_other_than is not None and self._rules != unless_other_than:
                return
            self._wake.wait(left)
            self._wake.clear()
