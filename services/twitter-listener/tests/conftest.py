"""Fixtures of the Twitter listener's tests: a memory, and a fake X."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from latchwire_twitter_listener.credentials import Credentials
from latchwire_twitter_listener.source import Wanted
from latchwire_twitter_listener.store import Store
from support.x_api import FakeX
from support.x_http import BEARER
from support.x_stream import WANTED, Listen, Running


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """A memory of the test's own."""
    made = Store(path=tmp_path / "store" / "data.sqlite")
    yield made
    made.close()


@pytest.fixture
def x() -> Iterator[FakeX]:
    """A fake X of the test's own, in which 101 is john_smith and 102 is jane_doe."""
    with FakeX() as fake:
        yield fake


@pytest.fixture
def listen(x: FakeX, store: Store) -> Iterator[Listen]:
    """Starts a stream; its waits are a hundred times shorter unless ``pace`` says otherwise."""
    running: list[Running] = []

    def begin(
        *,
        wanted: Wanted = WANTED,
        keep_alive: float = 5,
        pace: float = 0.01,
        credentials: Credentials = Credentials(bearer_token=BEARER),  # noqa: B008 - it is frozen
    ) -> Running:
        made = Running(x, store, keep_alive=keep_alive, pace=pace, credentials=credentials)
        made.stream.want(wanted)
        made.thread.start()
        running.append(made)
        return made

    yield begin
    for made in running:
        made.stop_seconds()
