"""Bytes of X's stream: cut into lines wherever they come apart, and no line acts for somebody who did not write it.

The first byte is the size of the chunks that the rest arrives in.
"""

import html
import json
import re
import unicodedata
from collections.abc import Iterator, Mapping
from typing import Any, Final

from latchwire_twitter_listener.lines import Lines
from latchwire_twitter_listener.obeying import Command, Household, Ignored, Target, decide
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

LONGEST: Final = 5000

HOUSE: Final = Household(
    hashtags={
        "lock": Target("front-door", "lock"),
        "unlock": Target("front-door", "unlock"),
        "toggle": Target("front-door", "toggle"),
        fold("#Straße"): Target("light", "on"),
    },
    people={"101": "john", "102": "jane"},
    no_retweets=frozenset({"light"}),
)
NOW: Final = 1795255230.0
"""2026-11-21T10:00:30Z: the samples' posts are fresh."""
_SHORT: Final = 48


def one_input(data: bytes) -> None:
    """Feeds it to both halves of the listener."""
    size, stream = (data[0] or 1, data[1:]) if data else (1, b"")
    whole = _lines(stream, size, most=1 << 20)
    wanted = stream.split(b"\r\n")[:-1]
    assert whole == ([line for line in wanted if line], 0), "lines are whole wherever the chunks are cut"
    short = [line for line in wanted if line and len(line) <= _SHORT]
    assert _lines(stream, size, most=_SHORT) == (short, sum(len(line) > _SHORT for line in wanted))
    for line in {*whole[0], stream}:
        _line(line)


def _lines(stream: bytes, size: int, *, most: int) -> tuple[list[bytes], int]:
    lines = Lines(most_bytes=most)
    found = [line for start in range(0, len(stream), size) for line in lines.feed(stream[start : start + size])]
    return found, lines.dropped


def _line(line: bytes) -> None:
    message = parse_json(line)
    if isinstance(message, NotAPost):
        return
    error = stream_error(message)
    if isinstance(error, StreamError):
        assert error.title.isprintable()
        assert "data" not in message
    post = parse_post(message)
    if isinstance(post, Post):
        _post(post, message)


def _post(post: Post, message: Mapping[str, Any]) -> None:
    data = message["data"]
    assert (post.post_id, post.author_id) == (data["id"], data["author_id"])
    assert all(fold(tag) == tag for tag in post.hashtags), "folding again changes nothing"
    said = decide(post, HOUSE, now=NOW, started_at=NOW - 1000)
    if isinstance(said, Ignored):
        assert said.reason.isprintable()
        return
    _is_theirs(said, post, message)
    if post.kind is not PostKind.RETWEET:
        assert _decided({"data": data}) == said, "nobody else's words, and no rule of X, decide"


def _decided(message: Mapping[str, Any]) -> Command | Ignored:
    post = parse_post(message)
    assert isinstance(post, Post)
    return decide(post, HOUSE, now=NOW, started_at=NOW - 1000)


def _is_theirs(command: Command, post: Post, message: Mapping[str, Any]) -> None:
    data = message["data"]
    assert command.identity == f"twitter:{data['author_id']}"
    assert HOUSE.people[data["author_id"]] == command.person
    assert re.fullmatch(r"[A-Za-z0-9_-]{16,64}", command.jti)
    assert abs(NOW - post.created_at) <= 60
    words = data
    if post.kind is PostKind.RETWEET:
        retweeted = [each["id"] for each in data["referenced_tweets"] if isinstance(each, dict) and each.get("id")]
        words = next(
            each for each in message["includes"]["tweets"] if isinstance(each, dict) and each.get("id") in retweeted
        )
        assert words["author_id"] in HOUSE.people, "whose words it repeats is one of the people"
        assert command.device not in HOUSE.no_retweets
    tags = [tag for tag, target in HOUSE.hashtags.items() if target == Target(command.device, command.action)]
    assert any(tag in text for tag in tags for text in _texts(words)), "their own words have that hashtag"


def _texts(words: Mapping[str, Any]) -> Iterator[str]:
    """All that the author wrote, with the entities that X found in it."""
    for part in (words, words.get("note_tweet")):
        if isinstance(part, dict):
            found = [part.get("text"), json.dumps(part.get("entities"), ensure_ascii=False)]
            for text in found:
                if isinstance(text, str):
                    yield unicodedata.normalize("NFKC", html.unescape(text)).casefold()
