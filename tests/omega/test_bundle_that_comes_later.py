"""The agent was installed first, and gets its bundle afterwards; or another one, with TLS where there was none."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from omega.household import PROGRAMS, Household
from support.broker import wait_until

STARTS, READY = "Starting. agent omega", "ready for commands"


@pytest.fixture
def household(tmp_path: Path) -> Iterator[Household]:
    made = Household(folder=tmp_path, runs="simulated")
    made.start_broker()
    yield made
    made.stop_broker()


def put(household: Household, folder: Path) -> None:
    """Copies the bundle there, the certificate authority last, as an archive may."""
    folder.mkdir(mode=0o700, exist_ok=True)
    files = household.bundle("127.0.0.1")
    for name in sorted(files, key=lambda name: name == "ca.crt"):
        (folder / name).write_bytes(files[name])
        (folder / name).chmod(0o600)


def test_it_waits_for_its_bundle_and_begins_anew_for_one_with_tls(household: Household) -> None:
    folder, path = household.folder / "bundle", household.folder / "agent.log"
    with path.open("wb") as log:
        agent = subprocess.Popen(
            [PROGRAMS / "latchwire-relay-agent", "--bundle", folder],
            env={"LATCHWIRE_RUN": str(household.folder / "run")},
            stderr=log,
        )
    try:
        wait_until(lambda: "there is no such folder" in path.read_text(), "it says that there is no bundle", 20)
        put(household, folder)
        wait_until(lambda: READY in path.read_text(), "it connects without TLS", 20)
        assert "UNLOCKED" in household.say("send", "front-door", "unlock")
        household.start_tls("127.0.0.1")
        put(household, folder)
        wait_until(lambda: READY in path.read_text().partition(STARTS)[2].partition(STARTS)[2], "it has begun anew", 30)
        assert "LOCKED" in household.say("send", "front-door", "status")
    finally:
        agent.terminate()
        assert agent.wait(15) == 0, path.read_text()
