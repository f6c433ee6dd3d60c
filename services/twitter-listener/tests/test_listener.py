"""The whole listener against the fake X: from a post to what is asked for."""

import json
import logging
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from latchwire.config.loading import load
from latchwire.errors import LatchwireError
from latchwire.model import Cause
from latchwire.sender.answer import refused_here
from latchwire_twitter_listener.asking import Answer
from latchwire_twitter_listener.credentials import Credentials
from latchwire_twitter_listener.listener import Listener
from latchwire_twitter_listener.obeying import Target
from latchwire_twitter_listener.outcome import sentence
from latchwire_twitter_listener.people import Person
from latchwire_twitter_listener.status import Snapshot
from latchwire_twitter_listener.stream import Stream
from latchwire_twitter_listener.wishes import Settings, Wishes, settings_of, wishes_of
from support.x_api import FakeX
from support.x_http import BEARER, CONSUMER_KEY, CONSUMER_SECRET, Fault
from support.x_rules import moved_to_now

WISHES = Wishes(
    people=(Person(name="john", username="@john_smith"), Person(name="jane", user_id="102")),
    hashtags={
        "lock": Target("front-door", "lock"),
        "unlock": Target("front-door", "unlock"),
        "toggle": Target("front-door", "toggle"),
        "cool": Target("ac", "on"),
    },
)
KEYS = Credentials(bearer_token=BEARER)
SAMPLES = Path(__file__).parent / "samples" / "x-stream.jsonl"
EXAMPLE = Path(__file__).parents[3] / "config.example.json"


class FakeAsk:
    """The signing half: notes what was asked, and may take its time or fail."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, str]] = []
        self.ids: list[str] = []
        self.hold: dict[str, threading.Event] = {}
        self.fault: Exception | None = None

    def __call__(self, *, identity: str, device: str, action: str, message_id: str) -> Answer:
        self.asked.append((identity, device, action))
        self.ids.append(message_id)
        if device in self.hold:
            assert self.hold[device].wait(10)
        if self.fault:
            raise self.fault
        return Answer(done=True, sentence=f"{device}: {action}ed #now")


Start = Callable[..., Listener]


@pytest.fixture
def ask() -> FakeAsk:
    return FakeAsk()


@pytest.fixture
def start(x: FakeX, ask: FakeAsk, tmp_path: Path) -> Iterator[Start]:
    """Starts a listener and waits until it listens."""
    running: list[Listener] = []

    def begin(*, wait: bool = True, **changes: Any) -> Listener:
        given: dict[str, Any] = {
            "settings": Settings(),
            "wishes": WISHES,
            "credentials": KEYS,
            "base": x.base,
            "pace": 0.01,
        }
        made = Listener(data=tmp_path / "data", ask=ask, **(given | changes))
        running.append(made)
        made.start()
        if wait:
            until(lambda: made.snapshot().health == "connected" and len(made.x_ids()) == 1, made)
            # john is only known after the look-up; then the rules have both names
            until(lambda: any("john_smith" in rule["value"] for rule in x.rules.values()), made)
        return made

    yield begin
    for made in running:
        made.stop()


def until(condition: Callable[[], bool], listener: Listener | None = None, *, seconds: float = 10) -> None:
    limit = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < limit, listener.snapshot() if listener else "too late"
        time.sleep(0.01)


def test_what_people_say_is_asked_for_and_what_others_say_is_not(x: FakeX, start: Start, ask: FakeAsk) -> None:
    listener = start()
    said = x.post("101", "home soon #Unlock")
    until(lambda: len(ask.asked) == 1)
    x.post("999", "", retweet_of=said)
    x.post("999", "#unlock")
    x.post("102", "@john_smith sure #toggle", reply_to=said)
    until(lambda: len(ask.asked) == 2)
    long = x.post("101", f"{'a very long story ' * 9}#lock")
    until(lambda: len(ask.asked) == 3)
    x.post("102", "", retweet_of=long)
    until(lambda: len(ask.asked) == 4)
    x.post("101", "#lock #unlock")
    until(lambda: len(ask.asked) == 5)
    assert ask.asked == [
        ("twitter:101", "front-door", "unlock"),
        ("twitter:102", "front-door", "toggle"),
        ("twitter:101", "front-door", "lock"),
        ("twitter:102", "front-door", "lock"),
        ("twitter:101", "front-door", "lock"),
    ]
    assert listener.snapshot().last_post is not None


def test_the_sample_stream_does_what_its_readme_says(x: FakeX, start: Start, ask: FakeAsk) -> None:
    start()
    # The two errors at the end force new connections; they have tests of their own. The posts are spread over
    # a minute, so their times are moved on to the moment of this test where a person would have posted them.
    lines = [
        line for line in SAMPLES.read_bytes().splitlines() if b"errors" not in line and b"connection_issue" not in line
    ]
    for line in lines:
        (moved,) = moved_to_now([line]) if b"2026-11-20" not in line else moved_to_now([line], newest_age=86_400)
        x.send(moved + b"\r\n")
    x.post("101", "the last one #cool")
    until(lambda: len(ask.asked) == 7)
    assert [asked for asked in ask.asked if asked[1] == "ac"] == [("twitter:101", "ac", "on")]
    assert [asked for asked in ask.asked if asked[1] == "front-door"] == [
        ("twitter:101", "front-door", "unlock"),
        ("twitter:102", "front-door", "toggle"),
        ("twitter:102", "front-door", "lock"),
        ("twitter:101", "front-door", "lock"),  # "#lock #unlock", whose edit is not heard again
        ("twitter:101", "front-door", "lock"),  # the note
        ("twitter:101", "front-door", "lock"),  # salt & pepper
    ]


def test_a_duplicate_an_edit_and_a_restart_act_once(x: FakeX, start: Start, ask: FakeAsk) -> None:
    first = start()
    post_id = x.post("101", "#unlock")
    until(lambda: len(ask.asked) == 1)
    duplicate = {"data": x.posts[post_id]}
    edit = {"data": x.posts[post_id] | {"id": "2999999999999999999", "text": "#lock", "entities": None}}
    x.send(duplicate)
    x.send(edit)
    x.post("101", "#cool")
    until(lambda: len(ask.asked) == 2)
    first.stop()
    start()
    later = {"created_at": first.snapshot().last_post and moved_to_now([b'{"created_at":"2026-11-21T10:00:00Z"}'])[0]}
    moved = json.loads(later["created_at"] or b"{}")
    x.send({"data": x.posts[post_id] | moved})
    x.send({"data": edit["data"] | moved})
    x.post("101", "#cool again")
    until(lambda: len(ask.asked) == 3)
    assert [action for _, _, action in ask.asked] == ["unlock", "on", "on"]
    assert ask.ids[0] == f"x-post-{post_id:0>20}"


def test_an_older_post_that_comes_late_does_not_have_the_last_word(
    x: FakeX, start: Start, ask: FakeAsk, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    start()
    last = x.post("102", "#lock")
    until(lambda: len(ask.asked) == 1)
    earlier = str(int(last) - 1)
    said = {"author_id": "101", "text": "#unlock", "entities": None}
    x.send({"data": x.posts[last] | said | {"id": earlier, "edit_history_tweet_ids": [earlier]}})
    until(lambda: "came late and is ignored: a newer one for the device was obeyed already" in caplog.text)
    assert ask.asked == [("twitter:102", "front-door", "lock")]


def test_a_post_from_before_the_start_and_an_old_one_are_told_and_ignored(
    x: FakeX, start: Start, ask: FakeAsk, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    start(wall=lambda: time.time() + 200)  # 200 seconds later than the posts below
    x.post("101", "#unlock")
    until(lambda: any("before the start" in str(getattr(r, "fields", "")) for r in caplog.records))
    assert ask.asked == []


def test_polling_obeys_what_is_not_older_than_two_rounds(x: FakeX, start: Start, ask: FakeAsk) -> None:
    settings = Settings(source="poll", poll_seconds=90)
    assert settings.limit_seconds == 180
    assert Settings(source="poll").limit_seconds == 60
    listener = start(wait=False, settings=settings, pace=0.001)
    until(lambda: listener.snapshot().health == "connected" and len(listener.x_ids()) == 1, listener)
    x.post("101", "#unlock")
    until(lambda: ask.asked == [("twitter:101", "front-door", "unlock")], listener)


def test_a_device_that_does_not_answer_keeps_no_other_waiting_and_the_order_stays(
    x: FakeX, start: Start, ask: FakeAsk
) -> None:
    start()
    ask.hold["front-door"] = threading.Event()
    x.post("101", "#unlock")
    x.post("101", "#lock")
    x.post("101", "#cool")
    until(lambda: ("twitter:101", "ac", "on") in ask.asked)
    assert ("twitter:101", "front-door", "lock") not in ask.asked
    ask.hold["front-door"].set()
    until(lambda: len(ask.asked) == 3)
    assert ask.asked[-1] == ("twitter:101", "front-door", "lock")


def test_a_post_that_waited_too_long_for_its_turn_is_not_done(
    x: FakeX, start: Start, ask: FakeAsk, caplog: pytest.LogCaptureFixture
) -> None:
    later = [0.0]
    start(wall=lambda: time.time() + later[0])
    ask.hold["front-door"] = threading.Event()
    x.post("101", "#unlock")
    until(lambda: len(ask.asked) == 1)
    x.post("101", "#lock")
    x.post("101", "#cool")
    until(lambda: len(ask.asked) == 2)
    later[0] = 100
    ask.hold["front-door"].set()
    until(lambda: "waited too long for its turn" in caplog.text)
    assert len(ask.asked) == 2


def test_changed_people_and_hashtags_count_at_once(x: FakeX, start: Start, ask: FakeAsk) -> None:
    listener = start()
    listener.update(
        replace(WISHES, people=(Person(name="jane", user_id="102"),), no_retweets=frozenset({"front-door"}))
    )
    until(lambda: not any("john_smith" in rule["value"] for rule in x.rules.values()))
    x.send({"data": x.posts[x.post("101", "#unlock")]})
    x.post("102", "#lock")
    until(lambda: len(ask.asked) == 1)
    assert ask.asked == [("twitter:102", "front-door", "lock")]


def test_a_fault_of_the_signing_half_is_told_and_the_next_post_is_heard(x: FakeX, start: Start, ask: FakeAsk) -> None:
    listener = start()
    ask.fault = LatchwireError("no broker")
    x.post("101", "#unlock")
    until(lambda: "front-door could not be asked: no broker" in listener.snapshot().last_error)
    ask.fault = None
    x.post("101", "#lock")
    until(lambda: len(ask.asked) == 2)


def test_without_credentials_it_is_idle_and_says_what_to_set(
    x: FakeX, start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    listener = start(wait=False, credentials=Credentials(consumer_key="half"))
    assert listener.snapshot().health == "idle"
    assert "Set X_BEARER_TOKEN, or X_CONSUMER_KEY and X_CONSUMER_SECRET" in listener.snapshot().message
    assert caplog.text.count("X_BEARER_TOKEN") == 1
    listener.update(WISHES)
    assert x.requests == []


def test_the_first_start_says_nothing_of_rules_before_it_knows_who_is_who(
    start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    john = replace(WISHES, people=WISHES.people[:1])
    listener = start(wishes=john)
    assert listener.snapshot().last_error == ""
    assert "rules" not in caplog.text


def test_a_wrong_token_at_the_first_start_is_told_as_what_it_is(
    x: FakeX, start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    john = replace(WISHES, people=WISHES.people[:1])
    listener = start(wait=False, wishes=john, credentials=Credentials(bearer_token="mistyped"), pace=0.0005)
    until(lambda: listener.snapshot().health == "waiting", listener)
    assert "Compare X_BEARER_TOKEN" in listener.snapshot().message
    x.bearer = "mistyped"
    until(lambda: listener.snapshot().health == "connected", listener)
    assert caplog.text.count("Compare X_BEARER_TOKEN") == 1


def test_nobody_who_is_on_x_is_told(start: Start) -> None:
    listener = start(wait=False, wishes=replace(WISHES, people=()))
    until(lambda: "nothing to listen to" in listener.snapshot().message, listener)


def test_the_status_tells_what_a_person_wants_to_know(x: FakeX, start: Start) -> None:
    x.protected = {"102"}
    snapshots: list[Snapshot] = []
    listener = start(on_change=snapshots.append)
    said = x.post("101", "#unlock")
    x.post("101", "", retweet_of=said)
    until(lambda: listener.snapshot().billed_today == 2, listener)
    until(lambda: listener.snapshot().protected == ("jane_doe",), listener)
    said_of_it = " ".join(listener.snapshot().sentences())
    assert "Listening to X by stream since 20" in said_of_it
    assert "Posts billed today: 2." in said_of_it
    assert "@jane_doe is a protected account" in said_of_it
    told = listener.snapshot().as_json()
    assert told["health"] == "connected"
    assert told["billedToday"] == 2
    assert told["protected"] == ("jane_doe",)
    assert str(told["connectedSince"]).endswith("Z")
    assert str(told["lastPost"]).endswith("Z")
    x.fail("/stream", Fault(402, {"title": "Payment Required"}))
    x.cut(clean=True)
    until(lambda: "credits" in listener.snapshot().last_error, listener)
    assert {"nextTry", "lastError", "lastErrorAt", "message"} <= set(listener.snapshot().as_json())
    assert snapshots[-1].source == "stream"
    json.dumps(told)


def test_an_account_with_another_name_is_heard_under_it_within_a_day_and_who_took_the_old_one_is_not(
    x: FakeX, start: Start, ask: FakeAsk
) -> None:
    later = [0.0]
    listener = start(wall=lambda: time.time() + later[0], pace=0.0001)  # an hour is a third of a second
    x.accounts = {"101": "john_moved", "102": "jane_doe", "666": "john_smith"}
    later[0] = 86_500
    until(lambda: any("john_moved" in rule["value"] for rule in x.rules.values()), listener)
    x.post("666", "#unlock", age=-86_500)
    x.post("101", "#lock", age=-86_500)
    until(lambda: len(ask.asked) == 1, listener)
    assert ask.asked == [("twitter:101", "front-door", "lock")]


def test_the_posts_billed_today_are_none_after_midnight(x: FakeX, start: Start) -> None:
    later = [0.0]
    listener = start(wall=lambda: time.time() + later[0])
    x.post("101", "#unlock")
    until(lambda: listener.snapshot().billed_today == 1, listener)
    later[0] = 86_400
    assert listener.snapshot().billed_today == 0


ALL_KEYS = Credentials(
    bearer_token=BEARER,
    consumer_key=CONSUMER_KEY,
    consumer_secret=CONSUMER_SECRET,
    access_token="token",
    access_token_secret="token-secret",
)


def test_the_outcome_is_told_nowhere_unless_somebody_wants_it(x: FakeX, start: Start, ask: FakeAsk) -> None:
    start(credentials=ALL_KEYS)
    x.post("101", "#unlock")
    x.post("101", "#cool")
    until(lambda: len(ask.asked) == 2)
    assert (x.replies, x.messages) == ([], [])


def test_the_outcome_is_posted_as_a_reply_without_hashtags(x: FakeX, start: Start) -> None:
    start(credentials=ALL_KEYS, settings=Settings(answer="reply"))
    post_id = x.post("101", "#unlock")
    until(lambda: len(x.replies) == 1)
    (reply,) = x.replies
    assert reply["reply"] == {"in_reply_to_tweet_id": post_id}
    assert str(reply["text"]).startswith("front-door: unlocked now (")
    assert "#" not in str(reply["text"])


def test_the_outcome_is_sent_as_a_direct_message(x: FakeX, start: Start) -> None:
    start(credentials=ALL_KEYS, settings=Settings(answer="message"))
    x.post("102", "#lock")
    until(lambda: len(x.messages) == 1)
    assert x.messages[0]["to"] == "102"


def test_a_reply_that_x_refuses_changes_nothing(
    x: FakeX, start: Start, ask: FakeAsk, caplog: pytest.LogCaptureFixture
) -> None:
    start(credentials=ALL_KEYS, settings=Settings(answer="reply"))
    x.fail("/2/tweets", Fault(403, {"detail": "duplicate content"}))
    x.post("101", "#unlock")
    until(lambda: "The outcome could not be told on X" in caplog.text)
    x.post("101", "#lock")
    until(lambda: len(x.replies) == 1)
    assert len(ask.asked) == 2


def test_the_example_configuration_is_understood(start: Start, x: FakeX, ask: FakeAsk) -> None:
    config = load(EXAMPLE)
    wishes = wishes_of(config)
    assert settings_of(config) == Settings()
    assert wishes.hashtags["unlock"] == Target("front-door", "unlock")
    assert {person.user_id for person in wishes.people} == {"101", "102"}
    x.accounts = {"101": "example_john", "102": "example_jane"}
    listener = start(wait=False, wishes=wishes)
    until(lambda: any("example_john" in rule["value"] for rule in x.rules.values()), listener)
    until(lambda: listener.snapshot().health == "connected", listener)
    x.post("101", "#unlock")
    until(lambda: ask.asked == [("twitter:101", "front-door", "unlock")], listener)


def test_a_hashtag_that_takes_a_confirmation_is_not_offered_and_the_log_says_why(
    x: FakeX, start: Start, ask: FakeAsk, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    document = json.loads(EXAMPLE.read_text("utf-8"))
    document["devices"]["front-door"]["confirm"] = ["unlock"]
    (tmp_path / "config.json").write_text(json.dumps(document), "utf-8")
    x.accounts = {"101": "example_john", "102": "example_jane"}
    listener = start(wait=False, wishes=wishes_of(load(tmp_path / "config.json")))
    until(lambda: any("example_john" in rule["value"] for rule in x.rules.values()), listener)
    until(lambda: listener.snapshot().health == "connected", listener)
    assert not any("unlock" in rule["value"] or "toggle" in rule["value"] for rule in x.rules.values())
    assert caplog.text.count("The hashtag #unlock does nothing: unlock of front-door takes a confirmation") == 1
    assert caplog.text.count("The hashtag #toggle does nothing") == 1
    x.send({"data": x.posts[x.post("101", "#unlock")]})
    until(lambda: any("X cannot ask" in str(getattr(r, "fields", "")) for r in caplog.records), listener)
    x.post("101", "#lock")
    until(lambda: len(ask.asked) == 1, listener)
    assert ask.asked == [("twitter:101", "front-door", "lock")]


def test_too_often_is_posted_once_with_the_time_to_wait() -> None:
    refused = refused_here("front-door", "lock", Cause.TOO_OFTEN)._replace(wait=37)
    assert sentence(refused) == (
        "front-door: nothing was done. This person asked for this device too often. Try again in 37 seconds."
    )
    assert sentence(refused._replace(told_before=True)) == ""


def test_stopping_is_at_once_and_nothing_more_is_asked(x: FakeX, start: Start, ask: FakeAsk) -> None:
    listener = start()
    ask.hold["front-door"] = threading.Event()
    x.post("101", "#unlock")
    x.post("101", "#lock")
    until(lambda: len(ask.asked) == 1)
    begun = time.monotonic()
    listener.stop()
    assert time.monotonic() - begun < 1.5
    ask.hold["front-door"].set()
    time.sleep(0.1)
    assert len(ask.asked) == 1


def test_what_cannot_be_remembered_is_not_done(x: FakeX, start: Start, ask: FakeAsk) -> None:
    listener = start()
    listener._store.close()  # as if the disk were gone
    x.post("101", "#unlock")
    until(lambda: "state/data cannot be written" in listener.snapshot().last_error, listener)
    listener.update(WISHES)
    until(lambda: "Nobody is obeyed" in listener.snapshot().last_error, listener)
    assert ask.asked == []


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")  # it is meant to die
def test_a_fault_that_nobody_foresaw_is_not_kept_secret(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    def run(*_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(Stream, "run", run)
    listener = start(wait=False)
    until(lambda: listener.snapshot().health == "dead", listener)
    assert "hears nothing any more" in listener.snapshot().message


def test_a_clock_that_was_set_back_does_not_shut_everybody_out(x: FakeX, start: Start, ask: FakeAsk) -> None:
    ahead = [1000.0]
    listener = start(wall=lambda: time.time() + ahead[0])
    ahead[0] = 0
    x.post("999", "@john_smith anything")
    x.send({"data": x.posts[x.post("101", "nothing")]})
    until(lambda: listener.snapshot().last_post is not None, listener)
    time.sleep(1)  # X gives whole seconds, and the clock counts from the second of its setting
    x.post("101", "#unlock")
    until(lambda: len(ask.asked) == 1, listener)
