"""All threads of a service on one CPU: none elsewhere, others where there are two, and no harm where it cannot be."""

import os
import subprocess
import sys

import pytest

from latchwire.service.one_cpu import settle

CPUS = len(os.sched_getaffinity(0))
NEEDS_TWO = pytest.mark.skipif(CPUS < 2, reason="this machine has one CPU; run it on one that has two")
PROGRAM = """
import os, sys, threading
{before}
from latchwire.service.one_cpu import settle
settle(sys.argv[1], os.environ, acts=sys.argv[2] == "acts")
found = []
thread = threading.Thread(target=lambda: found.append(os.sched_getaffinity(0)))
thread.start()
thread.join()
print(sorted(found[0]))
"""


def cpus_of(name: str, *, acts: bool, before: str = "", **variables: str) -> list[int]:
    """Where a thread may run that the service starts."""
    words = [sys.executable, "-c", PROGRAM.format(before=before), name, "acts" if acts else "asks"]
    done = subprocess.run(
        words, env={**os.environ, **variables}, capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == 0, done.stderr
    return [int(number) for number in done.stdout.strip("[]\n").split(",")]


@NEEDS_TWO
def test_who_asks_and_who_acts_have_a_cpu_each() -> None:
    asks, acts = cpus_of("whatsapp-webhook", acts=False), cpus_of("relay-agent", acts=True)
    assert len(asks) == len(acts) == 1
    assert (asks != acts) or CPUS > 2
    assert asks == cpus_of("whatsapp-webhook", acts=False), "it is no luck which one"


@NEEDS_TWO
def test_all_of_them_where_the_owner_says_so() -> None:
    assert len(cpus_of("whatsapp-webhook", acts=False, SERVICE_CPUS="all")) == CPUS


@NEEDS_TWO
def test_a_setting_that_means_nothing_is_told(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(os, "sched_setaffinity")  # these tests stay where they are
    settle("whatsapp-webhook", {"SERVICE_CPUS": "2"}, acts=False)
    assert caplog.messages == ['SERVICE_CPUS: "2" is neither one nor all; it stays on one CPU.']


def test_only_those_that_it_may_use() -> None:
    one = min(os.sched_getaffinity(0))
    assert cpus_of("relay-agent", acts=True, before=f"os.sched_setaffinity(0, {{{one}}})") == [one]


@pytest.mark.parametrize("before", ["del os.sched_setaffinity", "def denied(*_): raise PermissionError"])
def test_a_system_without_the_call_or_that_forbids_it_does_no_harm(before: str) -> None:
    if before.startswith("def"):
        before += "\nos.sched_setaffinity = denied"
    assert len(cpus_of("relay-agent", acts=True, before=before)) == CPUS
