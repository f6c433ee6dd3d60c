"""How the fake X reads rules, hashtags and times: as much of X's rule language as the listener writes.

A rule is groups in parentheses that all have to match, with ``OR`` inside them, and ``-is:retweet``. As on X,
``#`` also matches what is in a quoted post, and a retweet is matched by its own text, which is cut at 140
characters.
"""

import re
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

_MOST_CHARACTERS = 1024
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


def change_rules(
    rules: dict[str, dict[str, str]], body: Mapping[str, object], *, new_id: Callable[[], str]
) -> dict[str, object]:
    """Adds or deletes rules (id → value and tag) as X does: what is wrong with one is told inside a 2xx."""
    errors: list[dict[str, object]] = []
    created: list[dict[str, object]] = []
    add = body.get("add")
    for rule in add if isinstance(add, list) else []:
        if len(rule["value"]) > _MOST_CHARACTERS or "bad" in rule["value"]:
            errors.append({"value": rule["value"], "title": "InvalidRule", "details": ["no such operator"],
                           "type": "https://api.twitter.com/2/problems/invalid-rules"})  # fmt: skip
        elif any(rule["value"] == present["value"] for present in rules.values()):
            errors.append({"value": rule["value"], "title": "DuplicateRule",
                           "type": "https://api.twitter.com/2/problems/duplicate-rules"})  # fmt: skip
        else:
            rule_id = new_id()
            rules[rule_id] = {"value": rule["value"], "tag": rule.get("tag", "")}
            created.append({"id": rule_id, **rules[rule_id]})
    delete = body.get("delete")
    for rule_id in delete["ids"] if isinstance(delete, dict) else []:
        rules.pop(rule_id, None)
    answer: dict[str, object] = {"meta": {"sent": written(time.time()), "summary": {"created": len(created)}}}
    if created:
        answer["data"] = created
    if errors:
        answer["errors"] = errors
    return answer


def written(at: float) -> str:
    """A time as X writes it: whole seconds, with zeros as milliseconds."""
    return datetime.fromtimestamp(int(at), UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def moved_to_now(lines: list[bytes], *, newest_age: float = -1) -> list[bytes]:
    """Sample lines with their times moved to now; the newest one is ``newest_age`` seconds old.

    By a clock that is a second ahead, as that of :class:`support.x_api.FakeX` is, and for the same reason.
    """
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
