"""What a post makes happen: a command, or nothing and why.

| event | what happens |
|---|---|
| one of the people posts, replies or quotes with a configured hashtag in their own words | that action |
| one of the people retweets a post of one of the people that has such a hashtag | that action |
| anybody else posts, or retweets one of the people | nothing |
| several hashtags in one post | the first one in the text that is configured |

Who is meant is the numeric id, for a name can change hands. Whether that person may do that to that device is
asked where all ingresses ask (the signing half), for the retweeter in case of a retweet. Time comes in as an
argument.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from latchwire_twitter_listener.posts import Post, PostKind, fold

FRESH_SECONDS = 60.0
"""A post older than this acts no more, so that a late delivery never opens a door (twice the interval in
polling)."""


@dataclass(frozen=True, slots=True)
class Target:
    """What a hashtag stands for."""

    device: str
    action: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Household:
    """What the user configured, with names already resolved.

    Attributes:
        hashtags: what each stands for; keys as :func:`~latchwire_twitter_listener.posts.fold` writes them.
        people: numeric id → the person's name in config.json.
        no_retweets: the devices that do not obey retweets.
        to_confirm: what takes a confirmation, for which nobody can be asked on X.
    """

    hashtags: Mapping[str, Target] = field(default_factory=dict)
    people: Mapping[str, str] = field(default_factory=dict)
    no_retweets: frozenset[str] = frozenset()
    to_confirm: frozenset[Target] = frozenset()

    def __post_init__(self) -> None:
        for hashtag in self.hashtags:
            if not hashtag or hashtag != fold(hashtag):
                raise ValueError(f"a hashtag is given without # and folded: {fold(hashtag)!r}, not {hashtag!r}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """What to ask for.

    Attributes:
        identity: ``twitter:<numeric id>`` of the author (of a retweet: the retweeter).
        person: their name in config.json.
        device: the device's name.
        action: one of the device's actions.
        jti: the command's id, derived from the post's first version, so that hearing it twice is one command.
        post: what was heard.
    """

    identity: str
    person: str
    device: str
    action: str
    jti: str
    post: Post


@dataclass(frozen=True, slots=True, kw_only=True)
class Ignored:
    """Nothing happens; ``reason`` is for the log, at INFO if somebody may wonder (``told``)."""

    reason: str
    told: bool


def jti_of(origin_id: str) -> str:
    """The id of the command that a post makes: 27 characters that show which post it was."""
    return f"x-post-{origin_id:0>20}"


def decide(
    post: Post, household: Household, *, now: float, started_at: float, fresh_seconds: float = FRESH_SECONDS
) -> Command | Ignored:
    """What this post makes happen.

    Args:
        post: what was heard.
        household: people and hashtags in force.
        now: seconds since 1970.
        started_at: when this process started; what was posted before that, or in that very second, is never obeyed.
        fresh_seconds: how old a post may be.
    """
    person = household.people.get(post.author_id)
    if person is None:
        return Ignored(reason="its author is none of the people in config.json", told=False)
    retweet = post.kind is PostKind.RETWEET
    if retweet and post.retweeted_author_id not in household.people:
        return Ignored(reason=_foreign(post), told=True)
    target = next((household.hashtags[tag] for tag in post.hashtags if tag in household.hashtags), None)
    if target is None:
        return Ignored(reason="it has no configured hashtag", told=False)
    if target in household.to_confirm:
        return Ignored(reason=f"{target.action} of {target.device} takes a confirmation, and X cannot ask", told=True)
    if retweet and target.device in household.no_retweets:
        return Ignored(reason=f"{target.device} does not obey retweets", told=True)
    late = _late(post.created_at, now=now, started_at=started_at, fresh_seconds=fresh_seconds)
    if late:
        return Ignored(reason=late, told=True)
    return Command(
        identity=f"twitter:{post.author_id}",
        person=person,
        device=target.device,
        action=target.action,
        jti=jti_of(post.origin_id),
        post=post,
    )


def _foreign(post: Post) -> str:
    if post.retweeted_author_id is None:
        return "it retweets a post that X did not send along, so nobody knows whose words it repeats"
    return "it retweets somebody who is none of the people in config.json"


def _late(created_at: float, *, now: float, started_at: float, fresh_seconds: float) -> str:
    """Why this time of writing is not obeyed; X gives whole seconds, so what is of the start's own is in doubt."""
    age = now - created_at
    doubt = "(is this machine's clock right?)"
    if created_at < started_at:
        said = "it is from before the start of this service"
        return f"{said}, {age:.0f} seconds old {doubt}" if age > fresh_seconds else said
    if age > fresh_seconds:
        return f"it is {age:.0f} seconds old, the limit is {fresh_seconds:.0f} seconds {doubt}"
    if age < -fresh_seconds:
        return f"it is from {-age:.0f} seconds in the future (this machine's clock is slow)"
    return ""
