"""A process that is to begin anew stops first; and one that is told to end meanwhile ends."""

import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import os, signal, sys
from pathlib import Path
from latchwire.errors import Anew
from latchwire.health import Health
from latchwire.service import frame

class Running:
    def start(self): pass
    def stop(self):
        print("stopped", flush=True)
        if sys.argv[2] == "at its end":
            os.kill(os.getpid(), signal.SIGTERM)
    def health(self): return Health()

def make():
    if sys.argv[2] == "at its begin":
        os.kill(os.getpid(), signal.SIGTERM)
    raise Anew

members = {"first": frame.Member("1", "one", Running), "second": frame.Member("1", "another", make)}
try:
    status = frame.main(frame.Program("test", "", "0", Path(sys.argv[1]), lambda: frame.Found(members), {}), [])
except Anew:
    print("anew", flush=True)
    os.kill(os.getpid(), signal.SIGTERM)
    print("still there")
sys.exit(status)
"""


@pytest.mark.parametrize(
    ("told", "said", "status"),
    [
        ("never", "stopped\nanew\n", -15),  # what is told to end then ends at once: nothing runs any more
        ("at its begin", "stopped\n", 0),
        ("at its end", "stopped\n", 0),
    ],
)
def test_it_begins_anew_unless_it_was_told_to_end(tmp_path: Path, told: str, said: str, status: int) -> None:
    command = [sys.executable, "-c", PROGRAM, str(tmp_path), told]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert (done.stdout, done.returncode) == (said, status), done.stderr
