"""Each attack against two brokers that have nothing in common: Mosquitto, and three NATS servers in a cluster."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from support.broker import Broker
from support.home import Home
from support.house import House
from support.nats import Cluster
from support.scene import Scene


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """The NATS cluster of the whole run (one for each worker)."""
    with Cluster(tmp_path_factory.mktemp("nats")) as running:
        yield running


@pytest.fixture(params=["mosquitto", "nats"])
def broker_kind(request: pytest.FixtureRequest) -> str:
    """Which broker the attack is against."""
    return str(request.param)


@pytest.fixture
def start_broker(
    broker_kind: str, start_broker: Callable[..., Broker], request: pytest.FixtureRequest
) -> Callable[..., Broker]:
    """Starts a Mosquitto, or takes an account of the cluster; nothing is left of another test."""
    if broker_kind == "mosquitto":
        return start_broker
    cluster: Cluster = request.getfixturevalue("cluster")
    return cluster.broker  # type: ignore[return-value]  # what a home needs of it is the same


@pytest.fixture
def scene(home: Home) -> Scene:
    """The scene of the attack."""
    return Scene(home)


@pytest.fixture
def make_house(
    tmp_path_factory: pytest.TempPathFactory, start_broker: Callable[..., Broker]
) -> Iterator[Callable[..., House]]:
    """Makes houses whose real programs run: ``make_house(document=…)``; all end with the test."""
    houses: list[House] = []

    def make(**options: Any) -> House:
        house = House(folder=tmp_path_factory.mktemp("house"), start_broker=start_broker, **options)
        houses.append(house)
        return house

    yield make
    for house in houses:
        house.close()
