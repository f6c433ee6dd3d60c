"""How the fake X reads rules, hashtags and times: as much of X's rule language as the listener writes.

A rule is groups in parentheses that all have to match, with ``OR`` inside them, and ``-is:retweet``. As on X,
``#`` also matches what is in a quoted post, and a retweet is matched by its own text, which is cut at 140
characters.
"""

import re
import time
from collections.abc import Mapping
from datetime import UTC, datetime

_HASHTAG = re.compile(r"(?<!\w)#(\w+)")


def hashtags(text: str) -> list[dict[str, object]]:
    """The hashtag entities of a text, as X writes them."""
    return [{"start": found.start(), "end": found.end(), "tag": found.group(1)} for found in _HASHTAG.finditer(text)]


def matches(rule: str, post: Mapping[str, object], author: str, other: Mapping[str, str]) -> bool:
    """Whether this rule delivers this post.

    Args:
        rule: the rule's value.
        post: ``text`` and ``referenced_tweets`` of it are looked at.
        author: the author's user name.
        other: ``retweeted`` or ``quoted`` → ``username`` and ``text`` of what the post refers to.
    """
    retweet = "retweeted" in other
    if "-is:retweet" in rule and retweet:
        return False
    words = {f"from:{author}".casefold()}
    texts = [str(post["text"])] + ([other["text"]] if "quoted" in other else [])
    words |= {f"#{found['tag']}".casefold() for text in texts for found in hashtags(text)}
    if retweet:
        words.add(f"retweets_of:{other['retweeted']}".casefold())
    groups = re.findall(r"\(([^()]*)\)", rule)
    return bool(groups) and all(
        any(word.strip().casefold() in words for word in group.split(" OR ")) for group in groups
    )


def written(at: float) -> str:
    """A time as X writes it: whole seconds, with zeros as milliseconds."""
    return datetime.fromtimestamp(int(at), UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def moved_to_now(lines: list[bytes], *, newest_age: float = 0) -> list[bytes]:
    """Sample lines with their times moved to now; the newest one is ``newest_age`` seconds old."""
    times = [
        datetime.fromisoformat(found.decode()).timestamp()
        for line in lines
        for found in re.findall(rb'"created_at":"([^"]*)"', line)
    ]
    shift = time.time() - newest_age - max(times, default=0)

    def move(found: re.Match[bytes]) -> bytes:
        at = datetime.fromisoformat(found.group(1).decode()).timestamp() + shift
        return b'"created_at":"' + written(at).encode() + b'"'

    return [re.sub(rb'"created_at":"([^"]*)"', move, line) for line in lines]
