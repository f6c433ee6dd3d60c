"""A fake MagIQ cloud with two sockets for each test, and a client of it."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from latchwire_magiq_bridge.budget import Budget
from latchwire_magiq_bridge.client import MagiqCloud
from latchwire_magiq_bridge.credentials import Credentials
from support.magiq_cloud import MagiqCloudServer

AC, LIGHT = "16612385", "11715506"


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[MagiqCloudServer]:
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    with MagiqCloudServer(folder=tmp_path) as cloud:
        cloud.add(AC, name="AC")
        cloud.add(LIGHT, name="Bob's lamp")
        yield cloud
    assert cloud.faults == []


@pytest.fixture
def connect(server: MagiqCloudServer) -> Iterator[Callable[..., MagiqCloud]]:
    """Makes clients, with other arguments than the right ones if a test wants to."""
    made = []

    def make(
        *, url: str = server.url, ca: str = str(server.ca), key: str = server.key, secret: str = server.secret
    ) -> MagiqCloud:
        client = MagiqCloud(
            url=url,
            ca=ca,
            credentials=Credentials(key=key, secret=secret),
            connections=4,
            budget=Budget(per_minute=60),
        )
        made.append(client)
        return client

    yield make
    for client in made:
        client.close()


@pytest.fixture
def client(connect: Callable[..., MagiqCloud]) -> MagiqCloud:
    return connect()
