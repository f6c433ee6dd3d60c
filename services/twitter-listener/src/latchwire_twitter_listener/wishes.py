"""What config.json says, in the words of this service."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from latchwire.kit.ingress import Config
from latchwire_twitter_listener.answers import How
from latchwire_twitter_listener.obeying import FRESH_SECONDS, Target
from latchwire_twitter_listener.people import Person
from latchwire_twitter_listener.posts import fold

ISSUER = "twitter"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How to listen.

    Attributes:
        source: ``stream`` or ``poll``.
        poll_seconds: the interval of polling.
        posts_per_day: how many posts a day (UTC) polling may be billed for.
        fresh_seconds: how old a post may be; when polling, at least twice the interval.
        answer: whether the outcome is posted: ``off``, ``reply`` or ``message``.
    """

    source: Literal["stream", "poll"] = "stream"
    poll_seconds: float = 30
    posts_per_day: int = 500
    fresh_seconds: float = FRESH_SECONDS
    answer: How = "off"

    def __post_init__(self) -> None:
        if self.source not in {"stream", "poll"} or self.answer not in {"off", "reply", "message"}:
            raise ValueError("source is stream or poll; answer is off, reply or message")

    @property
    def limit_seconds(self) -> float:
        """How old a post may be with this source."""
        return max(self.fresh_seconds, 2 * self.poll_seconds) if self.source == "poll" else self.fresh_seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What the user's file says for this listener.

    Attributes:
        people: who has an account on X.
        hashtags: what each hashtag stands for; keys folded (``posts.fold``).
        no_retweets: the devices that do not obey retweets.
        to_confirm: what takes a confirmation, so that no post can do it.
    """

    people: tuple[Person, ...] = ()
    hashtags: Mapping[str, Target] = field(default_factory=dict)
    no_retweets: frozenset[str] = frozenset()
    to_confirm: frozenset[Target] = frozenset()

    @property
    def offered(self) -> tuple[str, ...]:
        """The hashtags that can do something; X is asked for no others."""
        return tuple(tag for tag, target in self.hashtags.items() if target not in self.to_confirm)

    def not_offered(self) -> tuple[str, ...]:
        """A sentence for the log about each hashtag that can do nothing."""
        return tuple(
            f"The hashtag #{tag} does nothing: {target.action} of {target.device} takes a confirmation "
            "(`confirm` in config.json), and on X nobody can be asked for it."
            for tag, target in self.hashtags.items()
            if target in self.to_confirm
        )

    @property
    def retweets(self) -> bool:
        """Whether any device obeys retweets."""
        return any(self.hashtags[tag].device not in self.no_retweets for tag in self.offered)


def wishes_of(config: Config) -> Wishes:
    """People with an account on X, hashtags, and the devices that do not obey retweets."""
    return Wishes(
        people=tuple(
            Person(name=person.name, username=person.twitter.name, user_id=person.twitter.id)
            for person in config.people.values()
            if person.twitter is not None
        ),
        hashtags={fold(tag): Target(device, action) for tag, (device, action) in config.hashtags.items()},
        no_retweets=frozenset(device.name for device in config.devices.values() if not device.retweets),
        to_confirm=frozenset(
            Target(device.name, action) for device in config.devices.values() for action in device.confirm
        ),
    )


def settings_of(config: Config) -> Settings:
    """How to listen; what is not written has its default."""
    written = config.ingresses.get(ISSUER, {})
    usual = Settings()
    return Settings(
        source=written.get("source", usual.source),
        posts_per_day=written.get("postsPerDay", usual.posts_per_day),
        fresh_seconds=written.get("freshSeconds", usual.fresh_seconds),
        answer=written.get("answer", usual.answer),
    )
