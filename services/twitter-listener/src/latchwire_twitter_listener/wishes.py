"""What config.json says, in the words of this service."""

from latchwire.config.home import Config
from latchwire_twitter_listener.listener import Settings, Wishes
from latchwire_twitter_listener.obeying import Target
from latchwire_twitter_listener.people import Person
from latchwire_twitter_listener.posts import fold

ISSUER = "twitter"


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
