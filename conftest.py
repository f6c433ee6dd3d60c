"""Fixtures for every test of the repository: real brokers on the loopback interface."""

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from support.broker import Broker
from support.home import Home

# A machine may be busy, so no example is timed. What lands is judged by the same examples each time; run by hand, the
# tests look for new ones.
settings.register_profile("latchwire", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", settings.get_profile("latchwire"), derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "latchwire")


@pytest.fixture
def start_broker(tmp_path: Path) -> Iterator[Callable[..., Broker]]:
    """Starts brokers of the test's own: ``start_broker(tls=True, logins={…})``; all end with the test."""
    with ExitStack() as running:
        count = 0

        def start(**options: object) -> Broker:
            nonlocal count
            count += 1
            broker = Broker(folder=tmp_path / f"broker-{count}", **options)  # type: ignore[arg-type]
            return running.enter_context(broker)

        yield start


@pytest.fixture
def broker(start_broker: Callable[..., Broker]) -> Broker:
    """A broker of the test's own: nothing retained, no session and no login comes from another test."""
    return start_broker()


@pytest.fixture(scope="session")
def shared_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """One broker for a whole test run (one for each worker), for tests that use names of their own."""
    with Broker(folder=tmp_path_factory.mktemp("shared-broker")) as running:
        yield running


@pytest.fixture
def make_home(tmp_path: Path, start_broker: Callable[..., Broker]) -> Iterator[Callable[..., Home]]:
    """Makes homes of the test's own: ``make_home(document={…}, tls=True)``; what runs there ends with the test."""
    with ExitStack() as running:
        count = 0

        def make(**options: object) -> Home:
            nonlocal count
            count += 1
            home = Home(folder=tmp_path / f"home-{count}", start_broker=start_broker, **options)  # type: ignore[arg-type]
            running.callback(home.close)
            return home

        yield make


@pytest.fixture
def home(make_home: Callable[..., Home]) -> Home:
    """A home with a lock and a switch on one simulated board, and a broker."""
    return make_home()


@pytest.fixture(autouse=True)
def logs_as_they_were() -> Iterator[None]:
    """Gives the loggers back as a test found them: a program configures them for its whole process."""
    loggers = [logging.getLogger(), logging.getLogger("latchwire")]
    levels, handlers = [logger.level for logger in loggers], list(loggers[0].handlers)
    yield
    for logger, level in zip(loggers, levels, strict=True):
        logger.setLevel(level)
    loggers[0].handlers[:] = handlers
