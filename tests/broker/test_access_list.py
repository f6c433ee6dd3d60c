"""The table of topics, cell by cell, on Mosquitto (``support.access_table`` says how)."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from support.access_table import CELLS, SYS_READERS, TABLE, Client, Seen, try_every_cell
from support.broker import LOGINS, Broker


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seen]:
    """Tries every cell of the table once, on one broker."""
    with ExitStack() as running:
        folder: Path = tmp_path_factory.mktemp("access-list")
        yield try_every_cell(lambda **options: running.enter_context(Broker(folder=folder, **options)))


@pytest.mark.parametrize(("login", "topic"), CELLS)
def test_a_login_publishes_only_what_the_table_gives_it(seen: Seen, login: str, topic: str) -> None:
    assert ((login, topic) in seen.published) == (login in TABLE[topic].writers)


@pytest.mark.parametrize(("login", "topic"), CELLS)
def test_a_login_reads_only_what_the_table_gives_it(seen: Seen, login: str, topic: str) -> None:
    assert ((login, topic) in seen.read) == (login in TABLE[topic].readers)


@pytest.mark.parametrize("topic", SYS_READERS)
def test_the_brokers_own_figures_are_for_the_health_check_alone(seen: Seen, topic: str) -> None:
    assert {login for login in LOGINS if (login, topic) in seen.read} == SYS_READERS[topic]


def test_nothing_beside_the_table_was_delivered_to_anybody(seen: Seen) -> None:
    assert {topic for _, topic in seen.read} <= {*TABLE, *SYS_READERS}


def test_a_new_agent_needs_a_login_and_a_reload_and_nothing_else(broker: Broker) -> None:
    broker.add_login("garage", "a new password")
    garage, manual = Client(broker, "garage"), Client(broker, "manual")
    manual.subscribe(["latchwire/+/nonce"])
    garage.subscribe(["latchwire/garage/+/command"])
    garage.publish(["latchwire/garage/nonce"], "fresh")
    manual.publish(["latchwire/garage/gate/command"], "open")
    for client in (garage, manual):
        client.subscribe(["fence"])
        client.close()
    assert manual.heard == {("latchwire/garage/nonce", "fresh")}
    assert garage.heard == {("latchwire/garage/gate/command", "open")}
