"""A process whose thread hangs ends, so that it is started again; one that is only slow does not."""

import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from latchwire.actuator.strands import Strands
from latchwire.service.frame import HUNG_STATUS
from latchwire.waiting import LONGEST_SLEEP, Timers
from support.broker import wait_until

PROGRAM = """
import signal, sys, time
from pathlib import Path
from latchwire.actuator import About, Actuator
from latchwire.bus import Endpoint, Login
from latchwire.config.agent import AgentConfig, DeviceConfig
from latchwire.model import Kind, State
from latchwire.protocol.keys import Keyring
from latchwire.service import frame

class Relay:
    poll_seconds = 0.2
    def status(self):
        time.sleep(float(sys.argv[2]))
        return State.LOCKED
    def settle(self):
        return State.LOCKED

def make():
    device = DeviceConfig("front-door", Kind.LOCK, 5, 0, {})
    return Actuator(
        config=AgentConfig("omega", "relay", "here", 30, None, {"front-door": device}, {}), keyring=Keyring(),
        endpoint=Endpoint("127.0.0.1", 1), login=Login("omega", "x"), handlers={"front-door": Relay()},
        about=About("test", "0"), hang_seconds=1.0)

frame.RELOAD_SECONDS = 0.5
if sys.argv[3:]:
    frame.ALARM_SECONDS = 1
    frame._Process._wait = lambda self, listener: time.sleep(60)
found = frame.Found({"omega": frame.Member("1", "one", make)})
sys.exit(frame.main(frame.Program("test", "", "0", Path(sys.argv[1]), lambda: found, {}), []))
"""


def run(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", PROGRAM, str(folder), *arguments]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True)


def test_hardware_that_hangs_ends_the_process_and_says_so(tmp_path: Path) -> None:
    with run(tmp_path, "60") as process:
        _, told = process.communicate(timeout=30)
    assert process.returncode == HUNG_STATUS
    assert "It hangs: the hardware of front-door" in told


def test_hardware_that_is_slow_ends_nothing(tmp_path: Path) -> None:
    with run(tmp_path, "0.5") as process:
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(4)
        process.terminate()
        assert process.wait(10) == 0


def test_a_main_thread_that_hangs_is_ended_by_the_kernel(tmp_path: Path) -> None:
    with run(tmp_path, "0", "hang") as process:
        assert process.wait(20) == -signal.SIGALRM


@pytest.mark.parametrize("end", ["time.sleep(60)", "raise SystemExit"])
@pytest.mark.parametrize("member", ["agent", "ingress"])
def test_a_connection_whose_thread_stalls_or_dies_ends_the_process_and_says_so(
    tmp_path: Path, member: str, end: str
) -> None:
    # As a look-up of a name that never ends; nothing else of the program is touched.
    stalled = f"""
import latchwire.actuator.agent, latchwire.sender.sender
from latchwire.bus import connection, library
from latchwire.sender import Sender
connection.KEEPALIVE = 0.5
latchwire.actuator.agent.STALL_SECONDS = latchwire.sender.sender.STALL_SECONDS = 0.5
def connect(*arguments, **options):
    {end}
library.connect = connect
def make_ingress():
    return Sender(issuer="manual", keyring=Keyring(), endpoint=Endpoint("127.0.0.1", 1), login=Login("manual", "x"))
if {member!r} == "ingress":
    make = make_ingress
frame.RELOAD_SECONDS"""
    program = PROGRAM.replace("\nframe.RELOAD_SECONDS", stalled, 1)
    command = [sys.executable, "-c", program, str(tmp_path), "0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        _, told = process.communicate(timeout=30)
    assert process.returncode == HUNG_STATUS, told
    assert "It hangs: the connection to the broker" in told


def test_the_job_that_runs_longest_is_named() -> None:
    strands = Strands(workers=2, on_fault=lambda _: None)
    let = threading.Event()

    def hold() -> None:
        assert let.wait(10)

    assert strands.longest() == ("", 0.0)
    strands.submit("first", hold)
    wait_until(lambda: strands.longest()[0] == "first", "the first job runs")
    strands.submit("second", hold)
    assert strands.longest()[0] == "first"
    let.set()
    wait_until(lambda: strands.longest() == ("", 0.0), "both have ended")
    strands.stop()


def test_timers_that_hang_are_seen_and_timers_that_sleep_are_not(monkeypatch: pytest.MonkeyPatch) -> None:
    let, begun = threading.Event(), threading.Event()
    timers = Timers(on_fault=lambda _: None)
    assert timers.seconds_stalled() == 0
    timers.start()

    def hold() -> None:
        begun.set()
        assert let.wait(10)

    timers.after(0, hold)
    assert begun.wait(10)
    at = time.clock_gettime(time.CLOCK_BOOTTIME)
    monkeypatch.setattr("latchwire.waiting.now", lambda: at + LONGEST_SLEEP - 1)
    assert timers.seconds_stalled() == 0
    monkeypatch.setattr("latchwire.waiting.now", lambda: at + LONGEST_SLEEP + 200)
    assert timers.seconds_stalled() > 190
    monkeypatch.undo()
    let.set()
    timers.stop()
