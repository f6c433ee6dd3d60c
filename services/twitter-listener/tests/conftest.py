"""Fixtures of the Twitter listener's tests: a memory, and a fake X."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from latchwire_twitter_listener.store import Store
from support.x_api import FakeX


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
