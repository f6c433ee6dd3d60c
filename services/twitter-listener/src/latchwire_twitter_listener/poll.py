"""Polling: the posts of each person, asked for again and again, for those without access to the stream.

``GET /2/users/:id/tweets`` with ``since_id``. What it costs is what it returns, so the first question begins
at the start of this process, and a daily budget that the user sets ends the day (UTC) when it is used up. The
interval is the configured one, stretched when the rate limit would not last. Limits of 2026-11: 10,000
requests in 15 minutes and app.
"""

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

from latchwire_twitter_listener.api import ApiError, Page, XApi
from latchwire_twitter_listener.backoff import Backoff, Trouble
from latchwire_twitter_listener.billing import seconds_to_midnight
from latchwire_twitter_listener.source import Deliver, Wanted
from latchwire_twitter_listener.status import Status

_LEAST_POSTS: Final = 5
_MOST_POSTS: Final = 100
_MOST_PAGES: Final = 5


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
    if remaining is None or reset_at is None or reset_at <= now:
        return configured
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
        self._status.connected(now=self._wall())
        return interval

    def _ask(self, user_id: str, deliver: Deliver) -> Page | None:
        """Delivers what is new of one person, the oldest first; ``None`` when the budget is used up."""
        pages: list[Page] = []
        returned = 0
        while not pages or (pages[-1].next_page and len(pages) < _MOST_PAGES):
            left = self._daily_posts - self._billed_today() - returned
            if left < _LEAST_POSTS:
                break
            pages.append(
                self._api.posts_of(
                    user_id,
                    since_id=self._since.get(user_id, ""),
                    start_time=self._start,
                    most=min(left, _MOST_POSTS),
                    page=pages[-1].next_page if pages else "",
                )
            )
            returned += len(pages[-1].messages)
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
