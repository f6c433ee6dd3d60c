"""The filtered stream against a fake X that fails like the real one."""

import itertools
import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import pytest

from latchwire_twitter_listener.api import XApi
from latchwire_twitter_listener.connects import Connects
from latchwire_twitter_listener.credentials import Credentials
from latchwire_twitter_listener.rules import TAG, wanted_rules
from latchwire_twitter_listener.source import Wanted
from latchwire_twitter_listener.status import Status
from latchwire_twitter_listener.store import Store
from latchwire_twitter_listener.stream import KEEP_ALIVE_SECONDS, Stream
from support.x_api import FakeX
from support.x_http import BEARER, CONSUMER_KEY, CONSUMER_SECRET, Fault

RULES = wanted_rules(usernames=("john_smith", "jane_doe"), hashtags=("lock", "unlock"), retweets=True)
WANTED = Wanted(usernames=("john_smith", "jane_doe"), user_ids=("101", "102"), hashtags=("lock", "unlock"))


class Running:
    """A stream in its thread, and what it delivered."""

    def __init__(self, x: FakeX, store: Store, *, keep_alive: float, pace: float, credentials: Credentials) -> None:
        self.status = Status(source="stream")
        self.stream = Stream(
            api=XApi(credentials=credentials, base=x.base),
            connects=Connects(store=store),
            status=self.status,
            keep_alive_seconds=keep_alive,
            pace=pace,
        )
        self.delivered: list[Mapping[str, object]] = []
        self.thread = threading.Thread(target=self.stream.run, args=(self.delivered.append,), daemon=True)

    @property
    def ids(self) -> list[str]:
        """Of all posts, those that were asked for afterwards included."""
        return [str(m["data"]["id"]) if isinstance(m.get("data"), dict) else "" for m in self.delivered]  # type: ignore[index]

    @property
    def streamed(self) -> list[str]:
        """Of the posts that came by the stream."""
        return [of for of, m in zip(self.ids, list(self.delivered), strict=False) if "matching_rules" in m]

    def wait(self, condition: Callable[[], bool], *, seconds: float = 10) -> None:
        until = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < until, f"not within {seconds} seconds; {self.status.snapshot}"
            time.sleep(0.01)

    def stop_seconds(self) -> float:
        begun = time.monotonic()
        self.stream.stop()
        self.thread.join(10)
        assert not self.thread.is_alive()
        return time.monotonic() - begun


Start = Callable[..., Running]


@pytest.fixture
def start(x: FakeX, store: Store) -> Iterator[Start]:
    """Starts a stream; its waits are a hundred times shorter unless ``pace`` says otherwise."""
    running: list[Running] = []

    def begin(
        *,
        wanted: Wanted = WANTED,
        keep_alive: float = 5,
        pace: float = 0.01,
        credentials: Credentials = Credentials(bearer_token=BEARER),  # noqa: B008 - it is frozen
    ) -> Running:
        made = Running(x, store, keep_alive=keep_alive, pace=pace, credentials=credentials)
        made.stream.want(wanted)
        made.thread.start()
        running.append(made)
        return made

    yield begin
    for made in running:
        made.stop_seconds()


@contextmanager
def no_more_connects(x: FakeX, *, seconds: float) -> Iterator[None]:
    before = len(x.asked("/stream", "GET"))
    yield
    time.sleep(seconds)
    assert len(x.asked("/stream", "GET")) == before


def test_posts_are_delivered_with_the_posts_that_they_refer_to(x: FakeX, start: Start) -> None:
    running = start()
    x.wait_for_stream()
    first = x.post("101", "home soon #Unlock")
    second = x.post("102", "", retweet_of=first)
    x.post("999", "#unlock")
    x.post("101", "nothing of interest")
    third = x.post("101", "#lock")
    running.wait(lambda: running.streamed == [first, second, third])
    (retweet,) = [m for m in running.delivered if m["data"] == x.posts[second] and "matching_rules" in m]
    assert retweet["includes"] == {"tweets": [x.posts[first]]}
    assert running.status.snapshot.health == "connected"


def test_the_question_asks_for_all_that_decides(x: FakeX, start: Start) -> None:
    start()
    x.wait_for_stream()
    (request,) = x.asked("/stream", "GET")
    fields = request.query["tweet.fields"].split(",")
    assert {"author_id", "created_at", "entities", "referenced_tweets", "edit_history_tweet_ids", "note_tweet"} <= {
        *fields
    }
    assert request.query["expansions"] == "referenced_tweets.id"


def test_the_bearer_token_is_got_from_key_and_secret(x: FakeX, start: Start) -> None:
    start(credentials=Credentials(consumer_key=CONSUMER_KEY, consumer_secret=CONSUMER_SECRET))
    x.wait_for_stream()
    assert len(x.asked("/oauth2/token")) == 1


def test_old_rules_of_ours_go_and_those_of_others_stay(x: FakeX, start: Start) -> None:
    x.rules = {
        "1": {"value": "(from:gone) (#unlock)", "tag": "latchwire"},
        "2": {"value": "cats", "tag": "somebody else's"},
    }
    start()
    x.wait_for_stream()
    values = [rule["value"] for rule in x.rules.values()]
    assert "(from:gone) (#unlock)" not in values
    assert "cats" in values
    assert len(values) == 2


def test_changed_people_change_the_rules_without_a_new_connection(x: FakeX, start: Start) -> None:
    running = start()
    x.wait_for_stream()
    running.stream.want(Wanted(usernames=("john_smith",), user_ids=("101",), hashtags=("lock",), retweets=False))
    running.wait(lambda: [r["value"] for r in x.rules.values()] == ["(from:john_smith) (#lock) -is:retweet"])
    assert len(x.asked("/stream", "GET")) == 1


def test_a_rule_that_x_does_not_take_is_told_and_the_others_count(
    x: FakeX, start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    x.rules = {"1": {"value": "cats", "tag": ""}}
    start(wanted=Wanted(usernames=("bad_name",), user_ids=("101",), hashtags=("lock",)))
    x.wait_for_stream()
    assert "X does not take a rule: InvalidRule: no such operator" in caplog.text


def test_nobody_to_listen_to_is_no_connection_until_there_is_somebody(x: FakeX, start: Start) -> None:
    running = start(wanted=Wanted(), pace=1)
    running.wait(lambda: "nothing to listen to" in running.status.snapshot.message)
    assert x.requests == []
    running.stream.want(WANTED)
    x.wait_for_stream(seconds=3)


def test_bad_unknown_and_endless_lines_never_end_the_stream(x: FakeX, start: Start) -> None:
    running = start()
    x.wait_for_stream()
    for line in (
        b"{half",
        b"[1,2]",
        b'{"something_new":{}}',
        b"\xff\xfe",
        b"[" * 50_000,
        b"x" * (3 << 20),
        b'{"data":5}',
    ):
        x.send(line + b"\r\n")
    post = x.post("101", "#lock")
    running.wait(lambda: post in running.ids)
    assert len(x.asked("/stream", "GET")) == 1


def test_a_clean_close_is_followed_by_one_connect_after_a_gap(x: FakeX, start: Start) -> None:
    running = start(pace=1)
    x.wait_for_stream()
    x.cut(clean=True)
    running.wait(lambda: len(x.asked("/stream", "GET")) == 2)
    first, second = x.asked("/stream", "GET")
    assert second.at - first.at >= 1
    x.wait_for_stream()
    post = x.post("101", "#lock")
    running.wait(lambda: post in running.ids)


def test_a_server_that_always_closes_meets_no_storm(x: FakeX, start: Start) -> None:
    running = start(pace=0.1)

    def connected_four_times() -> bool:
        x.cut(clean=True)
        return len(x.asked("/stream", "GET")) >= 4

    running.wait(connected_four_times)
    at = [request.at for request in x.asked("/stream", "GET")]
    gaps = [later - earlier for earlier, later in itertools.pairwise(at)]
    assert all(gap >= least for gap, least in zip(gaps, (0.1, 0.2, 0.4), strict=False)), gaps


def test_a_proxy_of_the_environment_is_not_asked_for_a_stand_in(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    running = start()
    running.wait(lambda: running.status.snapshot.health == "connected")


def test_a_connection_that_breaks_in_the_middle_is_made_again(x: FakeX, start: Start) -> None:
    running = start()
    x.wait_for_stream()
    x.send(b'{"data":{"id":"1')
    x.cut(clean=False)
    running.wait(lambda: len(x.asked("/stream", "GET")) == 2)
    x.wait_for_stream()
    post = x.post("101", "#lock")
    running.wait(lambda: {*running.ids} == {post})


def test_what_is_posted_while_nobody_listens_is_asked_for_afterwards(x: FakeX, start: Start) -> None:
    x.rules = {"1": {"value": RULES[0], "tag": TAG}}  # none is new, so that is no reason to ask
    running = start(pace=0.05)
    running.wait(lambda: len(x.asked("/102/tweets")) == 1)  # for what was posted before the connect
    x.fail("/stream", Fault(503))  # 5 seconds, here a quarter of one
    x.cut(clean=False)
    running.wait(lambda: running.status.snapshot.health == "waiting")
    post = x.post("102", "#lock")
    running.wait(lambda: post in running.ids)
    assert len(x.asked("/stream", "GET")) == 3


def test_what_is_posted_before_new_rules_count_is_asked_for_afterwards(x: FakeX, start: Start) -> None:
    running = start()
    x.deaf = True
    x.wait_for_stream()
    post = x.post("101", "#lock")
    running.wait(lambda: post in running.ids)
    running.stream.want(Wanted(usernames=("jane_doe",), user_ids=("102",), hashtags=("lock",)))
    running.wait(lambda: [rule["value"].count("john") for rule in x.rules.values()] == [0])
    later = x.post("102", "#lock")
    running.wait(lambda: later in running.ids)


def test_what_was_missed_is_asked_for_again_when_x_has_a_fault(x: FakeX, start: Start) -> None:
    x.fail("/101/tweets", Fault(503), Fault(503))
    running = start()
    x.deaf = True
    x.wait_for_stream()
    post = x.post("101", "#lock")
    running.wait(lambda: post in running.ids)


def test_what_was_missed_and_cannot_be_asked_for_is_told(x: FakeX, start: Start) -> None:
    x.fail("/101/tweets", Fault(403, {"title": "Forbidden"}))
    running = start()
    running.wait(lambda: "may be lost" in running.status.snapshot.last_error)
    assert running.status.snapshot.health == "connected"


def test_rules_that_cannot_be_changed_now_do_not_end_a_good_connection(x: FakeX, start: Start) -> None:
    running = start()
    x.wait_for_stream()
    running.wait(lambda: running.status.snapshot.health == "connected")
    x.fail("/rules", Fault(503), Fault(503))
    running.stream.want(Wanted(usernames=("john_smith",), user_ids=("101",), hashtags=("lock",), retweets=False))
    running.wait(lambda: "not at X yet: X has a fault of its own (HTTP 503" in running.status.snapshot.last_error)
    running.wait(lambda: [r["value"] for r in x.rules.values()] == ["(from:john_smith) (#lock) -is:retweet"])
    assert len(x.asked("/stream", "GET")) == 1


def test_a_mute_connection_is_noticed_within_25_seconds(
    x: FakeX, start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    assert KEEP_ALIVE_SECONDS <= 25
    running = start(keep_alive=1.5)
    x.wait_for_stream()
    time.sleep(2.5)
    assert len(x.asked("/stream", "GET")) == 1, "keep-alives keep it"
    x.mute = True
    running.wait(lambda: len(x.asked("/stream", "GET")) == 2, seconds=5)
    assert "The stream went mute" in caplog.text


def test_an_error_in_the_stream_forces_another_connection_though_this_one_stays_open(
    x: FakeX, start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    running = start()
    x.wait_for_stream()
    x.send({"errors": [{"title": "operational-disconnect", "disconnect_type": "UpstreamOperationalDisconnect"}]})
    running.wait(lambda: len(x.asked("/stream", "GET")) >= 2)
    assert "operational-disconnect" in caplog.text
    running.wait(lambda: running.status.snapshot.health == "connected")


def test_ghosts_of_earlier_connections_are_closed(x: FakeX, start: Start) -> None:
    x.ghosts = 1
    running = start()
    x.wait_for_stream()
    assert len(x.asked("/2/connections/all", "DELETE")) == 1
    post = x.post("101", "#lock")
    running.wait(lambda: post in running.ids)


@pytest.mark.parametrize(
    ("status", "cure"),
    [(401, "X_BEARER_TOKEN"), (402, "Buy credits"), (403, "source to poll"), (409, "config.json")],
)
def test_what_no_waiting_heals_is_told_once_and_tried_again_rarely(
    x: FakeX, start: Start, caplog: pytest.LogCaptureFixture, status: int, cure: str
) -> None:
    x.fail("/stream", *[Fault(status, {"title": "no"})] * 3)
    running = start(pace=0.0005)  # a quarter of an hour is 0.45 seconds
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


def test_too_many_requests_wait_for_the_reset_time(x: FakeX, start: Start) -> None:
    reset = int(time.time()) + 300
    x.fail("/stream", Fault(429, {"title": "Too Many Requests"}, {"x-rate-limit-reset": str(reset)}))
    running = start(pace=1)
    running.wait(lambda: running.status.snapshot.health == "waiting")
    next_try = running.status.snapshot.next_try
    assert next_try is not None
    assert reset <= next_try <= reset + 2
    with no_more_connects(x, seconds=0.5):
        running.stream.want(Wanted(usernames=("john_smith",), user_ids=("101",), hashtags=("lock",)))


def test_420_waits_a_minute_and_a_fault_of_the_server_five_seconds(x: FakeX, start: Start) -> None:
    x.fail("/stream", Fault(503), Fault(420, b"Enhance your calm"), Fault(503, b"<html>"))
    running = start()
    x.wait_for_stream()
    at = [request.at for request in x.asked("/stream", "GET")]
    assert at[1] - at[0] >= 0.05
    assert at[2] - at[1] >= 0.6
    assert running.status.snapshot.last_error.startswith("X has a fault of its own")


def test_rules_that_cannot_be_asked_for_are_no_connect(x: FakeX, start: Start) -> None:
    x.fail("/rules", Fault(503), Fault(200, b"no JSON"), Fault(200, []), Fault(429, []))
    start(pace=0.001)
    x.wait_for_stream()
    assert len(x.asked("/stream", "GET")) == 1
    assert len(x.asked("/rules", "GET")) == 5


def test_connects_are_counted_before_they_are_made(x: FakeX, start: Start, store: Store) -> None:
    for number in range(15):
        Connects(store=store).note(now=time.time() - 15 + number)
    running = start(pace=1)
    running.wait(lambda: "gap" in running.status.snapshot.last_error)
    assert x.asked("/stream", "GET") == []
    assert store.rows("SELECT count(*) FROM connects") == [(15,)]


def test_stopping_is_at_once_while_reading(x: FakeX, start: Start) -> None:
    running = start()
    x.wait_for_stream()
    assert running.stop_seconds() < 2


def test_stopping_is_at_once_while_waiting_a_quarter_of_an_hour(x: FakeX, start: Start) -> None:
    x.fail("/stream", Fault(402))
    running = start(pace=1)
    running.wait(lambda: running.status.snapshot.health == "waiting")
    assert running.stop_seconds() < 2


def test_stopping_is_at_once_while_x_does_not_answer(x: FakeX, start: Start) -> None:
    x.fail("/stream", Fault(503, hang=3))
    running = start()
    running.wait(lambda: len(x.asked("/stream", "GET")) == 1)
    assert running.stop_seconds() < 2


def test_a_token_that_x_took_back_is_got_anew(x: FakeX, start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    running = start(credentials=Credentials(consumer_key=CONSUMER_KEY, consumer_secret=CONSUMER_SECRET))
    x.wait_for_stream()
    monkeypatch.setattr(running.stream._api, "_token_since", time.monotonic() - 3600)
    x.bearer = "another-token"
    x.cut(clean=False)
    running.wait(lambda: len(x.asked("/oauth2/token")) == 2)
    x.wait_for_stream()


def test_no_secret_is_in_any_log_at_any_level(
    x: FakeX,
    start: Start,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    caplog.set_level(logging.DEBUG)
    keys = Credentials(
        consumer_key=CONSUMER_KEY,
        consumer_secret=CONSUMER_SECRET,
        access_token="user-access-token",
        access_token_secret="user-access-token-secret",
    )
    x.fail("/stream", Fault(503), Fault(401, {"title": "Unauthorized"}))
    running = start(credentials=keys, pace=0.001)
    for name in list(logging.Logger.manager.loggerDict):  # somebody is curious
        monkeypatch.setattr(logging.getLogger(name), "level", logging.DEBUG)
    logging.root.manager._clear_cache()  # type: ignore[attr-defined]  # as setLevel does
    x.wait_for_stream()
    running.stream._api.accounts(usernames=["john_smith"])
    running.stream._api.reply(post_id="1", text="done")
    running.stream._api.direct_message(user_id="101", text="done")
    running.stop_seconds()
    written = caplog.text + "".join(capfd.readouterr()) + repr(keys) + repr(vars(running.stream))
    assert "Listening to X" in written
    for secret in (x.bearer, CONSUMER_KEY, CONSUMER_SECRET, "user-access-token"):
        assert secret not in written


def test_a_mute_connection_is_given_back_when_the_listener_ends(x: FakeX, start: Start) -> None:
    before = set(threading.enumerate())
    running = start(keep_alive=20)
    x.wait_for_stream()
    running.wait(lambda: running.status.snapshot.health == "connected")
    (reader,) = [t for t in threading.enumerate() if t.name == "x-stream-reader" and t not in before]
    x.mute = True
    running.stop_seconds()
    running.wait(lambda: not reader.is_alive(), seconds=2)
