"""A stream of the Twitter listener that runs against a fake X."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from latchwire_twitter_listener.api import XApi
from latchwire_twitter_listener.connects import Connects
from latchwire_twitter_listener.credentials import Credentials
from latchwire_twitter_listener.rules import wanted_rules
from latchwire_twitter_listener.source import Wanted
from latchwire_twitter_listener.status import Status
from latchwire_twitter_listener.store import Store
from latchwire_twitter_listener.stream import Stream
from support.x_api import FakeX

RULES = wanted_rules(usernames=("john_smith", "jane_doe"), hashtags=("lock", "unlock"), retweets=True)
WANTED = Wanted(usernames=("john_smith", "jane_doe"), user_ids=("101", "102"), hashtags=("lock", "unlock"))


class Running:
    """A stream in its thread, and what it delivered."""

    def __init__(self, x: FakeX, store: Store, *, keep_alive: float, pace: float, credentials: Credentials) -> None:
        self.status = Status(source="stream")
        self.stream = Stream(
            api=XApi(credentials=credentials, base=x.base),
            connects=Connects(store=store),
            status=self.status,
            keep_alive_seconds=keep_alive,
            pace=pace,
        )
        self.delivered: list[Mapping[str, object]] = []
        self.thread = threading.Thread(target=self.stream.run, args=(self.delivered.append,), daemon=True)

    @property
    def ids(self) -> list[str]:
        """Of all posts, those that were asked for afterwards included."""
        return [str(m["data"]["id"]) if isinstance(m.get("data"), dict) else "" for m in self.delivered]  # type: ignore[index]

    @property
    def streamed(self) -> list[str]:
        """Of the posts that came by the stream."""
        return [of for of, m in zip(self.ids, list(self.delivered), strict=False) if "matching_rules" in m]

    def wait(self, condition: Callable[[], bool], *, seconds: float = 10) -> None:
        """Waits until it is so."""
        until = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < until, f"not within {seconds} seconds; {self.status.snapshot}"
            time.sleep(0.01)

    def stop_seconds(self) -> float:
        """Ends it; the seconds that this took."""
        begun = time.monotonic()
        self.stream.stop()
        self.thread.join(10)
        assert not self.thread.is_alive()
        return time.monotonic() - begun


Listen = Callable[..., Running]
"""The fixture ``listen``."""


@contextmanager
def no_more_connects(x: FakeX, *, seconds: float) -> Iterator[None]:
    """Fails if a connection is made within that time."""
    before = len(x.asked("/stream", "GET"))
    yield
    time.sleep(seconds)
    assert len(x.asked("/stream", "GET")) == before
