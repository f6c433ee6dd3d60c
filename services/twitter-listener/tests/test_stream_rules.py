"""The rules that X keeps for the stream: ours are there, those of others stay, changes count at once."""

import pytest

from latchwire_twitter_listener.source import Wanted
from support.x_api import FakeX
from support.x_http import Fault
from support.x_stream import WANTED, Listen


def test_the_question_asks_for_all_that_decides(x: FakeX, listen: Listen) -> None:
    listen()
    x.wait_for_stream()
    (request,) = x.asked("/stream", "GET")
    fields = request.query["tweet.fields"].split(",")
    assert {"author_id", "created_at", "entities", "referenced_tweets", "edit_history_tweet_ids", "note_tweet"} <= {
        *fields
    }
    assert request.query["expansions"] == "referenced_tweets.id"


def test_old_rules_of_ours_go_and_those_of_others_stay(x: FakeX, listen: Listen) -> None:
    x.rules = {
        "1": {"value": "(from:gone) (#unlock)", "tag": "latchwire"},
        "2": {"value": "cats", "tag": "somebody else's"},
    }
    listen()
    x.wait_for_stream()
    values = [rule["value"] for rule in x.rules.values()]
    assert "(from:gone) (#unlock)" not in values
    assert "cats" in values
    assert len(values) == 2


def test_changed_people_change_the_rules_without_a_new_connection(x: FakeX, listen: Listen) -> None:
    running = listen()
    x.wait_for_stream()
    running.stream.want(Wanted(usernames=("john_smith",), user_ids=("101",), hashtags=("lock",), retweets=False))
    running.wait(lambda: [r["value"] for r in x.rules.values()] == ["(from:john_smith) (#lock) -is:retweet"])
    assert len(x.asked("/stream", "GET")) == 1


def test_a_rule_that_x_does_not_take_is_told_and_the_others_count(
    x: FakeX, listen: Listen, caplog: pytest.LogCaptureFixture
) -> None:
    x.rules = {"1": {"value": "cats", "tag": ""}}
    listen(wanted=Wanted(usernames=("bad_name",), user_ids=("101",), hashtags=("lock",)))
    x.wait_for_stream()
    assert "X does not take a rule: InvalidRule: no such operator" in caplog.text


def test_nobody_to_listen_to_is_no_connection_until_there_is_somebody(x: FakeX, listen: Listen) -> None:
    running = listen(wanted=Wanted(), pace=1)
    running.wait(lambda: "nothing to listen to" in running.status.snapshot.message)
    assert x.requests == []
    running.stream.want(WANTED)
    x.wait_for_stream(seconds=3)


def test_rules_that_cannot_be_changed_now_do_not_end_a_good_connection(x: FakeX, listen: Listen) -> None:
    running = listen()
    x.wait_for_stream()
    running.wait(lambda: running.status.snapshot.health == "connected")
    x.fail("/rules", Fault(503), Fault(503))
    running.stream.want(Wanted(usernames=("john_smith",), user_ids=("101",), hashtags=("lock",), retweets=False))
    running.wait(lambda: "not at X yet: X has a fault of its own (HTTP 503" in running.status.snapshot.last_error)
    running.wait(lambda: [r["value"] for r in x.rules.values()] == ["(from:john_smith) (#lock) -is:retweet"])
    assert len(x.asked("/stream", "GET")) == 1


def test_rules_that_cannot_be_asked_for_are_no_connect(x: FakeX, listen: Listen) -> None:
    x.fail("/rules", Fault(503), Fault(200, b"no JSON"), Fault(200, []), Fault(429, []))
    listen(pace=0.001)
    x.wait_for_stream()
    assert len(x.asked("/stream", "GET")) == 1
    assert len(x.asked("/rules", "GET")) == 5
