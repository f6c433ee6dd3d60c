"""Polling against the fake X."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping

import pytest

from latchwire_twitter_listener.api import XApi
from latchwire_twitter_listener.billing import Billing
from latchwire_twitter_listener.credentials import Credentials
from latchwire_twitter_listener.poll import Poll, interval_seconds
from latchwire_twitter_listener.source import Wanted
from latchwire_twitter_listener.status import Status
from latchwire_twitter_listener.store import Store
from support.x_api import FakeX
from support.x_http import BEARER, Fault

WANTED = Wanted(usernames=("john_smith", "jane_doe"), user_ids=("101", "102"), hashtags=("lock",))


class Running:
    def __init__(self, x: FakeX, store: Store, *, daily_posts: int, pace: float, later: float = 0.0) -> None:
        self.status = Status(source="poll")
        billing = Billing(store=store)
        self.ids: list[str] = []
        self.later = later
        self.poll = Poll(
            api=XApi(credentials=Credentials(bearer_token=BEARER), base=x.base),
            status=self.status,
            billed_today=lambda: billing.today(now=time.time()),
            daily_posts=daily_posts,
            every_seconds=10,
            pace=pace,
            wall=lambda: time.time() + self.later,
        )

        def deliver(message: Mapping[str, object]) -> None:
            billing.count(message, now=time.time())
            post = message["data"]
            assert isinstance(post, dict)
            self.ids.append(post["id"])

        self.thread = threading.Thread(target=self.poll.run, args=(deliver,), daemon=True)

    def wait(self, condition: Callable[[], bool]) -> None:
        until = time.monotonic() + 10
        while not condition():
            assert time.monotonic() < until, self.status.snapshot
            time.sleep(0.01)


Start = Callable[..., Running]


@pytest.fixture
def start(x: FakeX, store: Store) -> Iterator[Start]:
    running: list[Running] = []

    def begin(*, daily_posts: int = 500, pace: float = 0.005, wanted: Wanted = WANTED, later: float = 0.0) -> Running:
        made = Running(x, store, daily_posts=daily_posts, pace=pace, later=later)
        made.poll.want(wanted)
        made.thread.start()
        running.append(made)
        return made

    yield begin
    for made in running:
        made.poll.stop()
        made.thread.join(5)
        assert not made.thread.is_alive()


def test_new_posts_are_delivered_once_the_oldest_first(x: FakeX, start: Start) -> None:
    x.post("101", "long before #lock", age=3600)
    running = start()
    running.wait(lambda: running.status.snapshot.health == "connected")
    posts = [x.post("101", f"{number} #lock") for number in range(3)]
    running.wait(lambda: len(running.ids) == 3)
    retweet = x.post("102", "", retweet_of=posts[0])
    running.wait(lambda: len(running.ids) == 4)
    asked = len(x.requests)
    running.wait(lambda: len(x.requests) > asked + 4)
    assert running.ids == [*posts, retweet]
    assert x.asked("/101/tweets")[-1].query["since_id"] == posts[-1]
    assert "start_time" in x.asked("/101/tweets")[0].query, "old posts are not paid for"


def test_more_posts_than_fit_in_an_answer_are_all_delivered_in_order(x: FakeX, start: Start) -> None:
    posts = [x.post("101", f"{number} #lock") for number in range(130)]
    running = start()
    running.wait(lambda: len(running.ids) == 130)
    assert running.ids == posts


def test_the_budget_of_the_day_ends_the_day(x: FakeX, start: Start) -> None:
    running = start(daily_posts=12)
    for number in range(30):
        x.post("101", f"{number} #lock")
    running.wait(lambda: "budget" in running.status.snapshot.last_error)
    assert len(running.ids) <= 12
    next_try = running.status.snapshot.next_try
    assert next_try is not None
    assert int(next_try) % 86400 <= 2, "midnight UTC"


def test_what_was_posted_during_a_long_pause_is_not_paid_for(x: FakeX, start: Start) -> None:
    running = start(pace=0.05)
    first = x.post("101", "#lock")
    running.wait(lambda: running.ids == [first])
    x.fail("/101/tweets", *[Fault(500)] * 3)
    running.wait(lambda: running.status.snapshot.health == "waiting")
    running.later = 3600  # it lasted for an hour
    x.post("101", "half an hour ago #lock", age=-1800)
    last = x.post("101", "now #lock", age=-3600)
    running.wait(lambda: last in running.ids)
    assert running.ids == [first, last]


def test_one_account_that_x_does_not_know_any_more_leaves_the_others_alone(x: FakeX, start: Start) -> None:
    x.fail("/101/tweets", *[Fault(404, {"title": "Not Found Error"})] * 50)
    running = start()
    running.wait(lambda: running.status.snapshot.health == "connected")
    post = x.post("102", "#lock")
    running.wait(lambda: running.ids == [post])
    assert "X does not give the posts of 101" in running.status.snapshot.last_error


def test_too_many_requests_wait_for_the_reset_time_and_stopping_is_at_once(x: FakeX, start: Start) -> None:
    reset = int(time.time()) + 700
    x.fail("/101/tweets", Fault(429, {"title": "Too Many Requests"}, {"x-rate-limit-reset": str(reset)}))
    running = start(pace=1)
    running.wait(lambda: running.status.snapshot.health == "waiting")
    next_try = running.status.snapshot.next_try
    assert next_try is not None
    assert reset <= next_try <= reset + 2
    begun = time.monotonic()
    running.poll.stop()
    running.thread.join(5)
    assert time.monotonic() - begun < 2


def test_a_rate_limit_that_would_not_last_stretches_the_interval(x: FakeX, start: Start) -> None:
    x.rate_limit = {"x-rate-limit-remaining": "2", "x-rate-limit-reset": str(int(time.time()) + 400)}
    running = start(pace=0.01)
    running.wait(lambda: running.status.snapshot.health == "connected")
    time.sleep(1)
    assert len(x.requests) == 2, "the next round waits 4 of these seconds, not 0.1"


def test_nobody_to_ask_for_costs_nothing_until_there_is_somebody(x: FakeX, start: Start) -> None:
    running = start(wanted=Wanted(), pace=1)
    running.wait(lambda: running.status.snapshot.health == "waiting")
    assert x.requests == []
    running.poll.want(WANTED)
    running.wait(lambda: running.status.snapshot.health == "connected")


def test_a_start_with_a_clock_that_is_years_ahead_does_not_make_it_deaf_when_the_clock_is_right(
    x: FakeX, start: Start
) -> None:
    running = start(later=600_000_000)
    running.wait(lambda: len(x.asked("/tweets")) >= 2)
    running.later = 0.0
    post = x.post("101", "#lock")
    running.wait(lambda: post in running.ids)


def test_a_clock_that_is_years_behind_does_not_make_it_wait_for_years() -> None:
    now = 1_790_000_000.0
    for wrong in (-600_000_000.0, -3600.0, 600_000_000.0):
        wait = interval_seconds(60, people=2, remaining=10, reset_at=now + 900, now=now + wrong)
        assert wait == 60
    assert interval_seconds(60, people=2, remaining=10, reset_at=now + 900, now=now) == 180
