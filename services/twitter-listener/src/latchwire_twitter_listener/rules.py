"""The rules of the filtered stream: what we want, what X has, and the difference.

Rules stay at X across runs, so they are compared at each start and whenever people or hashtags change; only
those with our tag are touched. A rule is ``(from:a OR from:b) (#lock OR #unlock)``, and ``retweets_of:`` for
retweets among the people, whose own text may be cut before the hashtag. Rules only choose what X sends (and
bills): what a post makes happen is decided in ``obeying.py`` alone.

Limits on pay-per-use, 2026-11: 1,000 rules of 1,024 characters (docs.x.com, "Build a rule").
"""

import re
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple, Protocol

from latchwire_twitter_listener.results import Rule

TAG: Final = "latchwire"
MOST_CHARACTERS: Final = 1024
_WORDS_CHARACTERS: Final = 400
_HASHTAG: Final = re.compile(r"\w+\Z")


class RulesApi(Protocol):
    """What is needed of X. All raise ApiError."""

    def rules(self) -> list[Rule]:
        """The rules that X keeps."""

    def add_rules(self, values: Sequence[str], *, tag: str) -> list[str]:
        """Adds rules; returns what X did not like."""

    def delete_rules(self, ids: Sequence[str]) -> None:
        """Deletes rules."""


class Plan(NamedTuple):
    """What has to change at X."""

    add: tuple[str, ...]
    delete: tuple[str, ...]


def wanted_rules(*, usernames: Iterable[str], hashtags: Iterable[str], retweets: bool) -> tuple[str, ...]:
    """The rules that deliver what these people say with these hashtags.

    Args:
        usernames: user names without ``@``.
        hashtags: without ``#``; those that X cannot have as a hashtag are left out.
        retweets: whether any device obeys retweets.
    """
    names = sorted(set(usernames), key=str.casefold)
    tags = [f"#{tag}" for tag in sorted(set(hashtags)) if _HASHTAG.match(tag)]
    if not names or not tags:
        return ()
    words = [*tags, *(f"retweets_of:{name}" for name in names)] if retweets else tags
    end = "" if retweets else " -is:retweet"
    rules = []
    for some_words in _groups(words, _WORDS_CHARACTERS):
        room = MOST_CHARACTERS - len(some_words) - len(end) - 1
        rules += [f"{some} {some_words}{end}" for some in _groups([f"from:{name}" for name in names], room)]
    return tuple(rules)


def plan(present: Sequence[Rule], wanted: Sequence[str]) -> Plan:
    """What to add, and the ids to delete: ours that are not wanted any more, and doubles of ours."""
    ours: dict[str, str] = {}
    delete = []
    for rule in present:
        if rule.tag != TAG:
            continue
        if rule.value in wanted and rule.value not in ours:
            ours[rule.value] = rule.id
        else:
            delete.append(rule.id)
    return Plan(tuple(value for value in wanted if value not in ours), tuple(delete))


class Reconciled(NamedTuple):
    """What became of the wanted rules.

    Attributes:
        added: whether there are new ones, which count only after up to 20 seconds.
        problems: what X did not like, as sentences.
    """

    added: bool
    problems: list[str]


def reconcile(api: RulesApi, wanted: Sequence[str]) -> Reconciled:
    """Makes X have the wanted rules."""
    change = plan(api.rules(), wanted)
    problems = api.add_rules(change.add, tag=TAG) if change.add else []
    if change.delete:
        api.delete_rules(change.delete)
    return Reconciled(bool(change.add), problems)


def _groups(words: Sequence[str], room: int) -> list[str]:
    """``(a OR b)`` as often as needed for all words, each at most ``room`` characters long."""
    groups: list[list[str]] = [[]]
    for word in words:
        if groups[-1] and len(" OR ".join([*groups[-1], word])) + 2 > room:
            groups.append([])
        groups[-1].append(word)
    return [f"({' OR '.join(group)})" for group in groups]
