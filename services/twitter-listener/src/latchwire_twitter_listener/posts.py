"""What X sends → a post that can be decided on, or the reason why it is none.

Hashtags come from where the author's own words are complete: ``note_tweet.entities``, then ``entities``, then
the text itself; for a retweet the same of the post that it repeats, which comes in ``includes``. They never
come from ``matching_rules`` (a rule also matches what is in a quoted post) and never from a quoted post.

Whatever arrives, nothing is raised: broken JSON, unknown messages and hostile values end as
:class:`NotAPost`. Sources: docs.x.com, filtered stream, "Matching returned posts", and the "Truncated Retweet
text" of timelines.
"""

import enum
import html
import json
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from latchwire.kit import words

_ID: Final = re.compile(r"[0-9]{1,19}\Z", re.ASCII)
_HASHTAG: Final = re.compile(r"(?<![\w&/])[#\uFF03](\w++)(?!…)")
"""A hashtag in a text: not inside a word, an HTML entity or a path, and not one that was cut off by an
ellipsis."""

_ERROR_KEYS: Final = frozenset(("errors", "connection_issue", "disconnect_type"))


class PostKind(enum.StrEnum):
    """How a post came about."""

    OWN = "own"
    REPLY = "reply"
    RETWEET = "retweet"
    QUOTE = "quote"


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """A post, as far as it can decide anything.

    Attributes:
        post_id: this version's id; each edit has a new one.
        origin_id: the id of the first version: what was acted on is remembered by it.
        author_id: the numeric id of who posted, replied, quoted or retweeted.
        created_at: seconds since 1970.
        hashtags: in order of appearance, without ``#``, as :func:`fold` writes them.
        kind: own, reply, retweet or quote.
        retweeted_author_id: whose post a retweet repeats; ``None`` if X did not say (or it is no retweet).
    """

    post_id: str
    origin_id: str
    author_id: str
    created_at: float
    hashtags: tuple[str, ...]
    kind: PostKind
    retweeted_author_id: str | None = None


@dataclass(frozen=True, slots=True)
class NotAPost:
    """What arrived is no post that could be decided on; ``reason`` is for the log."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamError:
    """What X says in the stream instead of a post: the connection is of no more use."""

    title: str
    too_many_connections: bool


def fold(hashtag: str) -> str:
    """How hashtags are compared, in config.json as here."""
    return words.hashtag(hashtag)


def parse_json(line: bytes) -> Mapping[str, object] | NotAPost:
    """One line of the stream as JSON; a line that is no JSON object is no post."""
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return NotAPost("it is no whole JSON")
    return value if isinstance(value, dict) else NotAPost("it is no JSON object")


def stream_error(message: Mapping[str, object]) -> StreamError | None:
    """The error that this message of the stream is, if it is one.

    A post may come with ``errors`` of its own (what could not be looked up); those end nothing.
    """
    if "data" in message or not _ERROR_KEYS & message.keys():
        return None
    problems = [message, *_mappings(message.get("errors"))]
    too_many = any(problem.get("connection_issue") == "TooManyConnections" for problem in problems)
    titles = [problem["title"] for problem in reversed(problems) if isinstance(problem.get("title"), str)]
    return StreamError(title=printable(titles[0] if titles else "no reason"), too_many_connections=too_many)


def parse_post(message: Mapping[str, object]) -> Post | NotAPost:
    """Reads ``{"data": …, "includes": …}`` as the stream sends it and as a polled post is wrapped."""
    data = message.get("data")
    if not isinstance(data, dict):
        return NotAPost("it has no data")
    post_id, author_id, created_at = data.get("id"), data.get("author_id"), _seconds(data.get("created_at"))
    if not is_id(post_id) or not is_id(author_id):
        return NotAPost("it has no numeric id and author")
    if created_at is None:
        return NotAPost("it does not say when it was written")
    kind, reference = _kind(data)
    words: Mapping[str, object] | None = data
    retweeted_author = None
    if kind is PostKind.RETWEET:
        words = _included(message, reference)
        found = words.get("author_id") if words else None
        retweeted_author = found if is_id(found) else None
    hashtags = _hashtags(words) if words else ()
    if hashtags is None:
        return NotAPost("it has neither text nor hashtags")
    return Post(
        post_id=str(post_id),
        origin_id=_origin(data, str(post_id)),
        author_id=str(author_id),
        created_at=created_at,
        hashtags=hashtags,
        kind=kind,
        retweeted_author_id=str(retweeted_author) if retweeted_author else None,
    )


def is_id(value: object) -> bool:
    """Whether this is a numeric id as X writes it: 1 to 19 digits in a string."""
    return isinstance(value, str) and _ID.match(value) is not None


def printable(text: object) -> str:
    """What somebody else wrote, fit for one line of a log: printable, at most 120 characters."""
    return "".join(c if c.isprintable() else "?" for c in str(text)[:120])


def _mappings(value: object) -> list[Mapping[str, object]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _seconds(value: object) -> float | None:
    if not isinstance(value, str) or len(value) > 40:
        return None
    try:
        moment = datetime.fromisoformat(value)
        return moment.timestamp() if moment.tzinfo else None
    except (ValueError, OverflowError):
        return None


def _origin(data: Mapping[str, object], post_id: str) -> str:
    history = data.get("edit_history_tweet_ids")
    if isinstance(history, list) and history and is_id(history[0]):
        return str(history[0])
    return post_id


def _kind(data: Mapping[str, object]) -> tuple[PostKind, object]:
    references = {str(item.get("type")): item.get("id") for item in _mappings(data.get("referenced_tweets"))}
    if "retweeted" in references:
        return PostKind.RETWEET, references["retweeted"]
    if "quoted" in references:
        return PostKind.QUOTE, None
    if "replied_to" in references:
        return PostKind.REPLY, None
    return PostKind.OWN, None


def _included(message: Mapping[str, object], post_id: object) -> Mapping[str, object] | None:
    includes = message.get("includes")
    posts = _mappings(includes.get("tweets")) if isinstance(includes, dict) else []
    return next((post for post in posts if is_id(post_id) and post.get("id") == post_id), None)


def _hashtags(words: Mapping[str, object]) -> tuple[str, ...] | None:
    """The hashtags in order of appearance; ``None`` where there is nothing to read them from."""
    note = words.get("note_tweet")
    for part in (note, words):
        if not isinstance(part, dict):
            continue
        entities = part.get("entities")
        if isinstance(entities, dict):
            tags = _entity_hashtags(entities.get("hashtags", []))
            if tags is not None:
                return tags
        if isinstance(part.get("text"), str):
            text = unicodedata.normalize("NFC", html.unescape(part["text"]))  # a lone accent ends a word
            return tuple(_fold_all(_HASHTAG.findall(text)))
    return None


def _entity_hashtags(value: object) -> tuple[str, ...] | None:
    """``None`` if any entry is malformed: skipping one could make a later hashtag the first."""
    if not isinstance(value, list):
        return None
    tags: list[tuple[int, str]] = []
    for entry in value:
        if not isinstance(entry, dict):
            return None
        start, tag = entry.get("start"), entry.get("tag")
        if type(start) is not int or not isinstance(tag, str):
            return None
        tags.append((start, tag))
    return tuple(_fold_all(tag for _, tag in sorted(tags)))


def _fold_all(tags: Iterable[str]) -> list[str]:
    return [folded for folded in map(fold, tags) if folded]
