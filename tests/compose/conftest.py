"""One clone for all tests of this folder, brought up once: a start is most of the time."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.compose import Stack


@pytest.fixture(scope="session")
def place() -> Iterator[Path]:
    """A folder that other users may pass through, as a home folder of Debian's."""
    folder = Path(tempfile.mkdtemp(prefix="latchwire-compose-"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


@pytest.fixture(scope="session")
def stack(place: Path) -> Iterator[Stack]:
    """The demo, up and healthy."""
    running = Stack(folder=place / "clone", project=f"latchwire-test-{os.getpid()}")
    try:
        running.up()
        yield running
    finally:
        running.close()
    assert running.leftovers() == [], "docker compose down leaves nothing"
