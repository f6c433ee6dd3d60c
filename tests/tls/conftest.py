"""Fixtures for what goes over TLS."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from latchwire.bus import Bus, Endpoint, Login
from support.broker import wait_until
from support.certificates import TlsBroker

StartTls = Callable[..., TlsBroker]
Attempt = Callable[[Endpoint, Login], str]


@pytest.fixture
def start_tls(tmp_path: Path) -> Iterator[StartTls]:
    """Starts brokers with TLS: ``start_tls(names=…, made=…)``; all end with the test."""
    with ExitStack() as running:
        yield lambda **options: running.enter_context(TlsBroker(folder=tmp_path / "broker", **options))


class _Heard:
    """A listener that notes how an attempt went."""

    def __init__(self) -> None:
        self.outcome = ""

    def connected(self) -> None:
        self.outcome = "connected"

    def lost(self, reason: str) -> None:
        self.outcome = self.outcome or reason

    def ready(self) -> None: ...
    def unproved(self, filters: object) -> None: ...
    def heard(self, message: object) -> None: ...
    def denied(self, ticket: int, reason: str) -> None: ...


@pytest.fixture
def attempt() -> Iterator[Attempt]:
    """Connects our own bus once; "connected", or the reason that it gives to a person."""
    buses: list[Bus] = []

    def connect(endpoint: Endpoint, login: Login) -> str:
        heard = _Heard()
        bus = Bus(endpoint=endpoint, login=login, listener=heard, subscriptions=())
        buses.append(bus)
        bus.start()
        wait_until(lambda: heard.outcome != "", "the attempt ends")
        return heard.outcome

    yield connect
    for bus in buses:
        bus.stop()
