"""The virtual Omega for the tests in this folder, and the report of what was measured there.

They run by ``make test-omega``, one after the other on one guest, and are skipped elsewhere: QEMU takes a processor.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from omega.device import Omega
from omega.household import Household
from omega.virtual.recipe import default_cache, is_up_to_date, missing_packages

TOP = Path(__file__).parents[3]
HERE = Path(__file__).parent
MEASURED: list[str] = []


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    why = ""
    if os.environ.get("LATCHWIRE_TEST_OMEGA") != "1":
        why = "takes minutes of QEMU: make test-omega"
    elif missing_packages():
        why = f"packages are missing: apt-get install {' '.join(missing_packages())}"
    elif not is_up_to_date(default_cache()):
        why = "the virtual Omega's images are not made yet: make test-omega"
    for item in items:
        if why and item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.skip(reason=why))


@pytest.fixture(scope="session")
def measured() -> list[str]:
    """Lines for the report."""
    return MEASURED


@pytest.fixture(scope="session")
def household(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Household]:
    made = Household(folder=tmp_path_factory.mktemp("household"))
    made.start_broker()
    yield made
    made.stop_broker()


@pytest.fixture(scope="session")
def omega(household: Household, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Omega]:
    """Booted, with the package installed and compiled, and the agent not started yet."""
    ipk = next((TOP / "dist").glob("relay-agent_*_all.ipk"))
    made = Omega(folder=tmp_path_factory.mktemp("omega"), household=household, ipk=ipk)
    with made.machine:
        MEASURED.append(f"booted in {made.machine.boot_seconds:.0f} s")
        yield made


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if MEASURED:
        terminalreporter.section("the virtual Omega: what was measured")
        for line in MEASURED:
            terminalreporter.write_line(line)
