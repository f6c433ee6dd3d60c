"""Polling: the posts of each person, asked for again and again, for those without access to the stream.

``GET /2/users/:id/tweets`` with ``since_id``. What it costs is what it returns, so the first question begins
at the start of this process, and a daily budget that the user sets ends the day (UTC) when it is used up. The
interval is the configured one, stretched when the rate limit would not last. After a longer pause only the last
few minutes are asked for, and paid for: what is older would not act. Limits of 2026-11: 10,000
requests in 15 minutes and app.
"""

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

from latchwire_twitter_listener.api import XApi
from latchwire_twitter_listener.backoff import Backoff, Trouble
from latchwire_twitter_listener.billing import seconds_to_midnight
from latchwire_twitter_listener.results import ApiError, Page
from latchwire_twitter_listener.source import Deliver, Wanted
from latchwire_twitter_listener.start import Start
from latchwire_twitter_listener.status import Status

_LEAST_POSTS: Final = 5
_MOST_POSTS: Final = 100
_MOST_PAGES: Final = 5
_LOOK_BACK_ROUNDS: Final = 4
_WINDOW_SECONDS: Final = 1800.0
"""Twice the time after which a rate limit starts anew."""


def interval_seconds(
    configured: float, *, people: int, remaining: int | None, reset_at: float | None, now: float
) -> float:
    """How long to wait between two rounds, so that the rate limit lasts until it starts anew.

    Args:
        configured: what the user wants.
        people: requests in a round.
        remaining: requests that X still allows until ``reset_at``, if it said so.
        reset_at: seconds since 1970.
        now: seconds since 1970.
    """
    if remaining is None or reset_at is None or not now < reset_at <= now + _WINDOW_SECONDS:
        return configured  # X did not say, or this machine's clock is wrong
    rounds = remaining // max(people, 1)
    return max(configured, (reset_at - now) / rounds if rounds else reset_at - now + 1)


class Poll:
    """The source ``poll``.

    Args:
        api: X.
        status: told how it is.
        billed_today: posts billed since midnight UTC.
        daily_posts: how many posts a day the user pays for at most; with less than 5 (X returns no
            fewer at a time) nothing is asked.
        every_seconds: the interval.
        pace: what each wait is multiplied with; 1 but in tests.
        wall: seconds since 1970.
    """

    def __init__(
        self,
        *,
        api: XApi,
        status: Status,
        billed_today: Callable[[], int],
        daily_posts: int,
        every_seconds: float,
        pace: float = 1,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._api = api
        self._status = status
        self._billed_today = billed_today
        self._daily_posts = daily_posts
        self._every = every_seconds
        self._pace = pace
        self._wall = wall
        self._wanted = Wanted()
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._since: dict[str, str] = {}
        self._asked_at: dict[str, float] = {}
        self._start = Start(wall=wall)

    def want(self, wanted: Wanted) -> None:
        """Whom to ask for from now on."""
        waited_for_somebody, self._wanted = self._wanted.nothing, wanted
        if waited_for_somebody and not wanted.nothing:
            self._wake.set()

    def stop(self) -> None:
        """Ends :meth:`run` at once."""
        self._stopping.set()
        self._wake.set()

    def run(self, deliver: Deliver) -> None:
        """Delivers what the people post until :meth:`stop`."""
        backoff = Backoff()
        while not self._stopping.is_set():
            self._wake.clear()
            if self._stopping.is_set():
                return
            try:
                wait = self._round(deliver)
            except ApiError as fault:
                backoff, wait = backoff.after(fault.trouble, now=self._wall(), reset_at=fault.reset_at)
                self._status.trouble(fault.trouble, fault.detail, now=self._wall(), wait=wait)
            else:
                backoff = Backoff()
            self._wake.wait(wait * self._pace)

    def _round(self, deliver: Deliver) -> float:
        """Asks for everybody once; the seconds until the next round."""
        wanted, interval = self._wanted, self._every
        if wanted.nothing:
            self._status.trouble(Trouble.NO_RULES, "", now=self._wall(), wait=3600)
            return 3600
        for user_id in wanted.user_ids:
            try:
                page = self._ask(user_id, deliver)
            except ApiError as fault:
                if fault.trouble is not Trouble.UNEXPECTED:
                    raise
                # This account alone, most likely (deleted, suspended): the others are still asked for.
                self._status.note(f"X does not give the posts of {user_id}: {fault}", now=self._wall())
                continue
            if page is None:
                wait = seconds_to_midnight(self._wall()) + 1
                said = f"{self._daily_posts} posts"
                self._status.trouble(Trouble.BUDGET, said, now=self._wall(), wait=wait)
                return wait
            if self._stopping.is_set():
                return 0
            interval = interval_seconds(
                self._every,
                people=len(wanted.user_ids),
                remaining=page.remaining,
                reset_at=page.reset_at,
                now=self._wall(),
            )
        self._status.connected(now=self._wall())
        return interval

    def _ask(self, user_id: str, deliver: Deliver) -> Page | None:
        """Delivers what is new of one person, the oldest first; ``None`` when the budget is used up."""
        pages: list[Page] = []
        returned, now = 0, self._wall()
        oldest = now - max(120, _LOOK_BACK_ROUNDS * self._every)
        since = self._since.get(user_id, "") if self._asked_at.get(user_id, 0) >= oldest else ""
        # Half a minute earlier, for X refuses a start that its own clock has not reached.
        begin = max(self._start.at() - 30, oldest)
        start_time = datetime.fromtimestamp(int(begin), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        while not pages or (pages[-1].next_page and len(pages) < _MOST_PAGES):
            left = self._daily_posts - self._billed_today() - returned
            if left < _LEAST_POSTS:
                break
            pages.append(
                self._api.posts_of(
                    user_id,
                    since_id=since,
                    start_time=start_time,
                    most=min(left, _MOST_POSTS),
                    page=pages[-1].next_page if pages else "",
                )
            )
            returned += len(pages[-1].messages)
        if pages:
            self._asked_at[user_id] = now
        for page in reversed(pages):
            for message in page.messages:
                deliver(message)
                self._remember(user_id, message.get("data"))
        return pages[-1] if pages else None

    def _remember(self, user_id: str, post: object) -> None:
        post_id = post.get("id") if isinstance(post, dict) else None
        if isinstance(post_id, str) and post_id.isdigit():
            before = self._since.get(user_id, "0")
            self._since[user_id] = str(max(int(before), int(post_id)))
