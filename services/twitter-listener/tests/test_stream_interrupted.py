"""A stream that ends, is mute or is refused: connected again in time and no sooner, and nothing missed."""

import itertools
import time

import pytest

from latchwire_twitter_listener.rules import TAG
from latchwire_twitter_listener.source import Wanted
from latchwire_twitter_listener.stream import KEEP_ALIVE_SECONDS
from support.x_api import FakeX
from support.x_http import Fault
from support.x_stream import RULES, Listen, no_more_connects


def test_a_clean_close_is_followed_by_one_connect_after_a_gap(x: FakeX, listen: Listen) -> None:
    running = listen(pace=1)
    x.wait_for_stream()
    x.cut(clean=True)
    running.wait(lambda: len(x.asked("/stream", "GET")) == 2)
    first, second = x.asked("/stream", "GET")
    assert second.at - first.at >= 1
    x.wait_for_stream()
    post = x.post("101", "#lock")
    running.wait(lambda: post in running.ids)


def test_a_server_that_always_closes_meets_no_storm(x: FakeX, listen: Listen) -> None:
    running = listen(pace=0.1)

    def connected_four_times() -> bool:
        x.cut(clean=True)
        return len(x.asked("/stream", "GET")) >= 4

    running.wait(connected_four_times)
    at = [request.at for request in x.asked("/stream", "GET")]
    gaps = [later - earlier for earlier, later in itertools.pairwise(at)]
    assert all(gap >= least for gap, least in zip(gaps, (0.1, 0.2, 0.4), strict=False)), gaps


def test_a_connection_that_breaks_in_the_middle_is_made_again(x: FakeX, listen: Listen) -> None:
    running = listen()
    x.wait_for_stream()
    x.send(b'{"data":{"id":"1')
    x.cut(clean=False)
    running.wait(lambda: len(x.asked("/stream", "GET")) == 2)
    x.wait_for_stream()
    post = x.post("101", "#lock")
    running.wait(lambda: {*running.ids} == {post})


def test_what_is_posted_while_nobody_listens_is_asked_for_afterwards(x: FakeX, listen: Listen) -> None:
    x.rules = {"1": {"value": RULES[0], "tag": TAG}}  # none is new, so that is no reason to ask
    running = listen(pace=0.05)
    running.wait(lambda: len(x.asked("/102/tweets")) == 1)  # for what was posted before the connect
    x.fail("/stream", Fault(503))  # 5 seconds, here a quarter of one
    x.cut(clean=False)
    running.wait(lambda: running.status.snapshot.health == "waiting")
    post = x.post("102", "#lock")
    running.wait(lambda: post in running.ids)
    assert len(x.asked("/stream", "GET")) == 3


def test_what_is_posted_before_new_rules_count_is_asked_for_afterwards(x: FakeX, listen: Listen) -> None:
    running = listen()
    x.deaf = True
    x.wait_for_stream()
    post = x.post("101", "#lock")
    running.wait(lambda: post in running.ids)
    running.stream.want(Wanted(usernames=("jane_doe",), user_ids=("102",), hashtags=("lock",)))
    running.wait(lambda: [rule["value"].count("john") for rule in x.rules.values()] == [0])
    later = x.post("102", "#lock")
    running.wait(lambda: later in running.ids)


def test_what_was_missed_is_asked_for_again_when_x_has_a_fault(x: FakeX, listen: Listen) -> None:
    x.fail("/101/tweets", Fault(503), Fault(503))
    running = listen()
    x.deaf = True
    x.wait_for_stream()
    post = x.post("101", "#lock")
    running.wait(lambda: post in running.ids)


def test_what_was_missed_and_cannot_be_asked_for_is_told(x: FakeX, listen: Listen) -> None:
    x.fail("/101/tweets", Fault(403, {"title": "Forbidden"}))
    running = listen()
    running.wait(lambda: "may be lost" in running.status.snapshot.last_error)
    assert running.status.snapshot.health == "connected"


def test_a_mute_connection_is_noticed_within_25_seconds(
    x: FakeX, listen: Listen, caplog: pytest.LogCaptureFixture
) -> None:
    assert KEEP_ALIVE_SECONDS <= 25
    running = listen(keep_alive=1.5)
    x.wait_for_stream()
    time.sleep(2.5)
    assert len(x.asked("/stream", "GET")) == 1, "keep-alives keep it"
    x.mute = True
    running.wait(lambda: len(x.asked("/stream", "GET")) == 2, seconds=5)
    assert "The stream went mute" in caplog.text


def test_an_error_in_the_stream_forces_another_connection_though_this_one_stays_open(
    x: FakeX, listen: Listen, caplog: pytest.LogCaptureFixture
) -> None:
    running = listen()
    x.wait_for_stream()
    x.send({"errors": [{"title": "operational-disconnect", "disconnect_type": "UpstreamOperationalDisconnect"}]})
    running.wait(lambda: len(x.asked("/stream", "GET")) >= 2)
    assert "operational-disconnect" in caplog.text
    running.wait(lambda: running.status.snapshot.health == "connected")


def test_ghosts_of_earlier_connections_are_closed(x: FakeX, listen: Listen) -> None:
    x.ghosts = 1
    running = listen()
    x.wait_for_stream()
    assert len(x.asked("/2/connections/all", "DELETE")) == 1
    post = x.post("101", "#lock")
    running.wait(lambda: post in running.ids)


@pytest.mark.parametrize(
    ("status", "cure"),
    [(401, "X_BEARER_TOKEN"), (402, "Buy credits"), (403, "source to poll"), (409, "config.json")],
)
def test_what_no_waiting_heals_is_told_once_and_tried_again_rarely(
    x: FakeX, listen: Listen, caplog: pytest.LogCaptureFixture, status: int, cure: str
) -> None:
    x.fail("/stream", *[Fault(status, {"title": "no"})] * 3)
    running = listen(pace=0.0005)  # a quarter of an hour is 0.45 seconds
    running.wait(lambda: running.status.snapshot.health == "waiting")
    assert cure in running.status.snapshot.message
    next_try = running.status.snapshot.next_try
    assert next_try is not None
    assert next_try - time.time() > 890
    running.wait(lambda: running.status.snapshot.health == "connected")
    assert caplog.text.count(cure) == 1
    times = [request.at for request in x.asked("/stream", "GET")]
    assert len(times) == 4
    assert times[3] - times[0] >= 3 * 0.45


def test_too_many_requests_wait_for_the_reset_time(x: FakeX, listen: Listen) -> None:
    reset = int(time.time()) + 300
    x.fail("/stream", Fault(429, {"title": "Too Many Requests"}, {"x-rate-limit-reset": str(reset)}))
    running = listen(pace=1)
    running.wait(lambda: running.status.snapshot.health == "waiting")
    next_try = running.status.snapshot.next_try
    assert next_try is not None
    assert reset <= next_try <= reset + 2
    with no_more_connects(x, seconds=0.5):
        running.stream.want(Wanted(usernames=("john_smith",), user_ids=("101",), hashtags=("lock",)))


def test_420_waits_a_minute_and_a_fault_of_the_server_five_seconds(x: FakeX, listen: Listen) -> None:
    x.fail("/stream", Fault(503), Fault(420, b"Enhance your calm"), Fault(503, b"<html>"))
    running = listen()
    x.wait_for_stream()
    at = [request.at for request in x.asked("/stream", "GET")]
    assert at[1] - at[0] >= 0.05
    assert at[2] - at[1] >= 0.6
    assert running.status.snapshot.last_error.startswith("X has a fault of its own")
