"""The filtered stream against a fake X that fails like the real one: what it delivers, and how it ends."""

import logging
import threading
import time

import pytest

from latchwire_twitter_listener.connects import Connects
from latchwire_twitter_listener.credentials import Credentials
from latchwire_twitter_listener.store import Store
from support.x_api import FakeX
from support.x_http import CONSUMER_KEY, CONSUMER_SECRET, Fault
from support.x_stream import Listen


def test_posts_are_delivered_with_the_posts_that_they_refer_to(x: FakeX, listen: Listen) -> None:
    running = listen()
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


def test_the_bearer_token_is_got_from_key_and_secret(x: FakeX, listen: Listen) -> None:
    listen(credentials=Credentials(consumer_key=CONSUMER_KEY, consumer_secret=CONSUMER_SECRET))
    x.wait_for_stream()
    assert len(x.asked("/oauth2/token")) == 1


def test_bad_unknown_and_endless_lines_never_end_the_stream(x: FakeX, listen: Listen) -> None:
    running = listen()
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


def test_a_proxy_of_the_environment_is_not_asked_for_a_stand_in(
    listen: Listen, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    running = listen()
    running.wait(lambda: running.status.snapshot.health == "connected")


def test_connects_are_counted_before_they_are_made(x: FakeX, listen: Listen, store: Store) -> None:
    for number in range(15):
        Connects(store=store).note(now=time.time() - 15 + number)
    running = listen(pace=1)
    running.wait(lambda: "gap" in running.status.snapshot.last_error)
    assert x.asked("/stream", "GET") == []
    assert store.rows("SELECT count(*) FROM connects") == [(15,)]


def test_stopping_is_at_once_while_reading(x: FakeX, listen: Listen) -> None:
    running = listen()
    x.wait_for_stream()
    assert running.stop_seconds() < 2


def test_stopping_is_at_once_while_waiting_a_quarter_of_an_hour(x: FakeX, listen: Listen) -> None:
    x.fail("/stream", Fault(402))
    running = listen(pace=1)
    running.wait(lambda: running.status.snapshot.health == "waiting")
    assert running.stop_seconds() < 2


def test_stopping_is_at_once_while_x_does_not_answer(x: FakeX, listen: Listen) -> None:
    x.fail("/stream", Fault(503, hang=3))
    running = listen()
    running.wait(lambda: len(x.asked("/stream", "GET")) == 1)
    assert running.stop_seconds() < 2


def test_a_token_that_x_took_back_is_got_anew(x: FakeX, listen: Listen, monkeypatch: pytest.MonkeyPatch) -> None:
    running = listen(credentials=Credentials(consumer_key=CONSUMER_KEY, consumer_secret=CONSUMER_SECRET))
    x.wait_for_stream()
    monkeypatch.setattr(running.stream._api, "_token_since", time.monotonic() - 3600)
    x.bearer = "another-token"
    x.cut(clean=False)
    running.wait(lambda: len(x.asked("/oauth2/token")) == 2)
    x.wait_for_stream()


def test_no_secret_is_in_any_log_at_any_level(
    x: FakeX,
    listen: Listen,
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
    running = listen(credentials=keys, pace=0.001)
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


def test_a_mute_connection_is_given_back_when_the_listener_ends(x: FakeX, listen: Listen) -> None:
    before = set(threading.enumerate())
    running = listen(keep_alive=20)
    x.wait_for_stream()
    running.wait(lambda: running.status.snapshot.health == "connected")
    (reader,) = [t for t in threading.enumerate() if t.name == "x-stream-reader" and t not in before]
    x.mute = True
    running.stop_seconds()
    running.wait(lambda: not reader.is_alive(), seconds=2)
