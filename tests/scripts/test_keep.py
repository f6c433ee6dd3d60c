"""`scripts/keep` starts a service again that died, and lets it end when it is told to."""

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.broker import TOP, wait_until

SERVICE = 'trap "echo ended in order >>\\"$0\\"; exit 0" TERM; echo started >>"$0"; while :; do sleep 0.05; done'


@pytest.fixture
def log(tmp_path: Path) -> Path:
    file = tmp_path / "log"
    file.touch()
    return file


@pytest.fixture
def kept(log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A service that is kept, in a process group of its own, as honcho runs it."""
    keep = [str(TOP / "scripts/keep"), "sh", "-c", SERVICE, str(log)]
    with subprocess.Popen(keep, start_new_session=True, stdout=subprocess.PIPE) as process:
        wait_until(lambda: "started" in log.read_text(), "the service has started")
        yield process
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)


def _child(process: subprocess.Popen[bytes]) -> int:
    return int(Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()[0])


def test_a_service_that_is_killed_is_started_again(kept: subprocess.Popen[bytes], log: Path) -> None:
    os.kill(_child(kept), signal.SIGKILL)
    wait_until(lambda: log.read_text() == "started\nstarted\n", "the service is started again")


def test_told_to_end_it_waits_for_its_service_and_starts_nothing(kept: subprocess.Popen[bytes], log: Path) -> None:
    os.killpg(kept.pid, signal.SIGTERM)
    assert kept.wait(10) == 0
    assert log.read_text() == "started\nended in order\n"
    with pytest.raises(ProcessLookupError):
        os.killpg(kept.pid, 0)
