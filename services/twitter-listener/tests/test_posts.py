"""What X sends → posts: every sample line, where hashtags come from, and what nobody should ever send."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from latchwire_twitter_listener.posts import (
    NotAPost,
    Post,
    PostKind,
    StreamError,
    fold,
    parse_json,
    parse_post,
    stream_error,
)

LINES = (Path(__file__).parent / "samples" / "x-stream.jsonl").read_bytes().splitlines()


def read(line: bytes) -> Post | NotAPost | StreamError:
    message = parse_json(line)
    if isinstance(message, NotAPost):
        return message
    return stream_error(message) or parse_post(message)


def message(**changes: Any) -> dict[str, Any]:
    post = {
        "id": "11",
        "author_id": "101",
        "created_at": "2026-11-21T10:00:00.000Z",
        "edit_history_tweet_ids": ["11"],
        "text": "home #unlock",
        "entities": {"hashtags": [{"start": 5, "end": 12, "tag": "unlock"}]},
    }
    return {"data": {name: value for name, value in (post | changes).items() if value is not None}}


def hashtags(**changes: Any) -> tuple[str, ...]:
    post = parse_post(message(**changes))
    assert isinstance(post, Post)
    return post.hashtags


@pytest.mark.parametrize(
    ("number", "kind", "found", "retweeted"),
    [
        (0, PostKind.OWN, ("unlock",), None),
        (1, PostKind.REPLY, ("toggle",), None),
        (2, PostKind.RETWEET, ("lock",), "101"),
        (3, PostKind.OWN, ("unlock",), None),
        (5, PostKind.OWN, ("lock", "unlock"), None),
        (6, PostKind.QUOTE, (), None),
        (7, PostKind.OWN, ("lock",), None),
        (8, PostKind.OWN, ("lock", "unlock"), None),
        (11, PostKind.RETWEET, ("unlock",), "101"),
        (12, PostKind.RETWEET, ("unlock",), "999"),
        (13, PostKind.OWN, ("lock",), None),
    ],
)
def test_each_sample_post_is_read_as_its_author_meant_it(
    number: int, kind: PostKind, found: tuple[str, ...], retweeted: str | None
) -> None:
    post = read(LINES[number])
    assert isinstance(post, Post)
    assert (post.kind, post.hashtags, post.retweeted_author_id) == (kind, found, retweeted)


def test_an_edit_is_the_post_that_it_edits() -> None:
    post = read(LINES[8])
    assert isinstance(post, Post)
    assert (post.post_id, post.origin_id) == ("1900000000000000008", "1900000000000000005")


def test_half_a_line_and_an_unknown_message_are_no_posts() -> None:
    assert read(LINES[14]) == NotAPost("it is no whole JSON")
    assert read(LINES[15]) == NotAPost("it has no data")


def test_errors_in_the_stream_are_told_from_posts() -> None:
    assert read(LINES[16]) == StreamError(title="operational-disconnect", too_many_connections=False)
    assert read(LINES[17]) == StreamError(title="ConnectionException", too_many_connections=True)


def test_a_post_that_comes_with_errors_of_its_own_is_a_post() -> None:
    with_errors = message() | {"errors": [{"title": "Not Found Error", "resource_type": "tweet"}]}
    assert stream_error(with_errors) is None
    assert isinstance(parse_post(with_errors), Post)


def test_hashtags_come_from_the_note_before_the_cut_text() -> None:
    note = {"text": "… #lock", "entities": {"hashtags": [{"start": 2, "end": 7, "tag": "lock"}]}}
    assert hashtags(note_tweet=note) == ("lock",)
    assert hashtags(note_tweet={"text": "only text #Toggle"}) == ("toggle",)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a #lock and #Unlock!", ("lock", "unlock")),
        ("＃lock in full width", ("lock",)),  # noqa: RUF001 - what Japanese keyboards write
        ("salt &amp; pepper #lock", ("lock",)),
        ("salt&#39;s no hashtag", ()),
        ("https://example.org/#unlock is a link", ()),
        ("half#unlock", ()),
        ("cut in the middle of #unlock…", ()),
        ("#straße #STRASSE", ("strasse", "strasse")),
        ("#o\u0308ffne", ("öffne",)),
    ],
)
def test_where_entities_are_missing_the_text_is_read(text: str, found: tuple[str, ...]) -> None:
    assert hashtags(text=text, entities=None) == found


def test_a_malformed_entity_never_makes_a_later_hashtag_the_first() -> None:
    entities = {"hashtags": [{"start": "0", "tag": "lock"}, {"start": 6, "tag": "unlock"}]}
    assert hashtags(text="#lock #unlock", entities=entities) == ("lock", "unlock")


def test_entities_without_hashtags_mean_that_there_are_none() -> None:
    assert hashtags(text="#unlock", entities={"urls": []}) == ()


def test_the_matching_rules_and_the_quoted_post_say_nothing() -> None:
    quoting = message(text="look", entities=None, referenced_tweets=[{"type": "quoted", "id": "7"}]) | {
        "includes": {"tweets": [{"id": "7", "author_id": "101", "text": "#unlock"}]},
        "matching_rules": [{"id": "1", "tag": "#unlock"}],
    }
    post = parse_post(quoting)
    assert isinstance(post, Post)
    assert post.hashtags == ()


def test_a_retweet_whose_post_did_not_come_along_says_nothing() -> None:
    post = parse_post(message(text="RT @a: #unlock", referenced_tweets=[{"type": "retweeted", "id": "7"}]))
    assert isinstance(post, Post)
    assert (post.hashtags, post.retweeted_author_id) == ((), None)


@pytest.mark.parametrize(
    "changes",
    [
        {"id": None},
        {"id": 11},
        {"id": "11\n"},
        {"id": "٣"},
        {"id": "1" * 20},
        {"author_id": ["101"]},
        {"author_id": "101; DROP"},
        {"created_at": None},
        {"created_at": 5},
        {"created_at": "yesterday"},
        {"created_at": "2026-11-21T10:00:00"},
        {"text": None, "entities": None},
        {"text": 5, "entities": None},
    ],
)
def test_a_post_that_lacks_what_decides_is_none(changes: dict[str, Any]) -> None:
    assert isinstance(parse_post(message(**changes)), NotAPost)


WEIRD: list[Any] = [
    None,
    "0001-01-01T00:00:00+23:59",
    True,
    5,
    -1.5,
    "",
    "x" * 500,
    [],
    [[]],
    [None],
    {},
    {"a": {}},
    {"hashtags": 5},
    "\ud800",
]


@pytest.mark.parametrize("weird", WEIRD)
@pytest.mark.parametrize(
    "name",
    ["id", "author_id", "created_at", "edit_history_tweet_ids", "text", "entities", "note_tweet", "referenced_tweets"],
)
def test_no_value_at_any_place_raises_anything(name: str, weird: Any) -> None:
    hostile = message() | {"includes": weird, "errors": weird}
    hostile["data"][name] = weird
    assert isinstance(parse_post(hostile), Post | NotAPost)
    assert isinstance(parse_post({"data": weird}), NotAPost)
    assert stream_error({"errors": weird}) is not None
    assert stream_error({"errors": [weird], "title": weird}) is not None


@pytest.mark.parametrize(
    "line",
    [b"", b"\xff\xfe", b"[" * 100_000, b"1" * 10_000, b"null", b'"text"', b'{"data":', b"\x00", b'{"a":' * 50_000],
)
def test_no_line_raises_anything(line: bytes) -> None:
    assert isinstance(parse_json(line), NotAPost)


def test_the_sample_is_whole() -> None:
    assert len(LINES) == 18
    assert json.loads(LINES[0])["data"]["text"] == "home soon #unlock"


def test_folding_ignores_the_sign_and_the_case() -> None:
    assert fold("#UnLock") == fold("unlock") == fold("＃unlock")  # noqa: RUF001 - as above


@given(st.text() | st.sampled_from(["﹟unlock", "# #a", "\u00a8", "a\u0345", "\u0390\u0323"]))
def test_what_was_folded_stays_as_it_is(hashtag: str) -> None:
    assert fold(fold(hashtag)) == fold(hashtag)
