"""The virtual Omega2 with the package installed, and somebody who plays procd's part.

What is installed is the very content of ``dist/*.ipk``. Instead of procd a loop in the shell starts the agent again a
second after it ended; the files in ``/run`` tell the loop to wait, and tell us its process.
"""

import base64
import io
import re
import tarfile
import time
from pathlib import Path
from typing import Final, NamedTuple

import paho

from omega.household import BUNDLE, Household
from omega.virtual.machine import Machine
from omega.virtual.recipe import HOST_ADDRESS, default_cache
from support.publisher import Publisher

BARE: Final = "/opt/bare"
RUNS: Final = 3
"""Of which the least counts: what else the host does only adds to the others."""
"""Of what is measured; the median counts."""
_PROCD: Final = """
mkdir -p /run/relay-agent /var/run
while :; do
    if [ -e /run/hold ]; then usleep 100000; continue; fi
    LATCHWIRE_BUNDLE=/etc/relay-agent LATCHWIRE_RUN=/run/relay-agent /usr/bin/relay-agent >>/tmp/agent.log 2>&1 &
    echo $! >/run/agent.pid
    wait $!
    echo "ended $?" >>/tmp/agent.log
    rm -f /run/agent.pid
    sleep 1
done
"""


class Memory:
    """What a process holds, in MB of 1000 KB."""

    def __init__(self, status: str) -> None:
        def field(name: str) -> float:
            found = re.search(rf"^{name}:\s+(\d+) kB", status, re.MULTILINE)
            assert found, status
            return int(found[1]) / 1000

        self.resident, self.private = field("VmRSS"), field("RssAnon")


class Omega:
    """The device.

    Args:
        folder: for its console's log.
        household: whose agent it runs.
        ipk: the package.
    """

    def __init__(self, *, folder: Path, household: Household, ipk: Path) -> None:
        self.household = household
        self.installed = contents(ipk)
        bundle = {f"{BUNDLE}/{name}": content for name, content in household.bundle(HOST_ADDRESS).items()}
        held = {"/run/hold": b""}
        bare = Path(paho.__file__).parent  # as other programs on the device would have it
        library = {f"{BARE}/paho/{path.relative_to(bare)}": path.read_bytes() for path in bare.rglob("*.py")}
        self.machine = Machine(
            cache=default_cache(),
            files={**self.installed, **bundle, **held, **library},
            command=_PROCD,
            console=folder / "console.log",
        )
        self.expansion = self.machine.expansion

    def sh(self, command: str, seconds: float = 120.0) -> str:
        """Runs a line of shell in the guest; what it printed."""
        answer = self.machine.run(command, seconds)
        assert answer.status == 0, f"{command}: {answer.status}\n{answer.output}"
        return answer.output

    def log(self) -> str:
        """All that the agent has logged."""
        return self.sh("cat /tmp/agent.log 2>/dev/null || true")

    def wait_for_log(self, words: str, times: int, seconds: float = 60.0) -> None:
        """Waits until the log has these words so often."""
        until = time.monotonic() + seconds
        while len(re.findall(words, self.log())) < times:
            assert time.monotonic() < until, f"{words!r} not {times} times within {seconds} s in:\n{self.log()}"
            time.sleep(0.2)

    def count(self, words: str) -> int:
        """How often the log has these words."""
        return len(re.findall(words, self.log()))

    def go(self, seconds: float = 90.0) -> None:
        """Lets the agent start, and waits until it is ready for commands."""
        before = self.count("ready for commands")
        self.sh("rm -f /run/hold")
        self.wait_for_log("ready for commands", before + 1, seconds)

    def hold(self) -> None:
        """Ends the agent by SIGTERM and lets nobody start it again."""
        self.sh("touch /run/hold; [ ! -e /run/agent.pid ] || kill $(cat /run/agent.pid) || true")
        self.sh("for i in $(seq 150); do [ -e /run/agent.pid ] || exit 0; usleep 100000; done; exit 1")

    def unpack(self, archive: Path) -> None:
        """Takes a bundle to the device, as ``latchwire bundle`` says."""
        text = base64.b64encode(archive.read_bytes()).decode()
        self.sh(f"rm -rf {BUNDLE} /tmp/bundle")
        for start in range(0, len(text), 2000):
            self.sh(f"echo {text[start : start + 2000]} >>/tmp/bundle")
        self.sh("base64 -d /tmp/bundle >/tmp/bundle.tar.gz")
        self.sh("umask 077 && tar -xzf - -C /etc </tmp/bundle.tar.gz; rm /tmp/bundle*")

    def memory(self) -> Memory:
        """What the agent's process holds."""
        return Memory(self.sh("cat /proc/$(cat /run/agent.pid)/status"))

    def bare_import(self) -> float:
        """The work of Python's start and ``import paho.mqtt.client``, compiled, in seconds of the host's processor."""
        self.sh(f"python3 -m compileall -q --invalidation-mode unchecked-hash {BARE}")  # nothing to do but once
        before = self.machine.processor_seconds()
        self.sh(f"PYTHONPATH={BARE} python3 -c 'import paho.mqtt.client'")
        return self.machine.processor_seconds() - before

    def start(self) -> "Start":
        """The same of a start of the agent, until it has published its nonce; and the seconds by the clock."""
        with Publisher(self.household) as publisher:
            self.hold()
            publisher.forget()
            at, work_at = time.monotonic(), self.machine.processor_seconds()
            self.sh("rm -f /run/hold")
            publisher.wait_for_nonce(120)
            found = Start(self.machine.processor_seconds() - work_at, time.monotonic() - at)
        self.wait_for_log("ready for commands", 1)
        return found


class Start(NamedTuple):
    """Seconds of the host's processor, and by the clock."""

    work: float
    clock: float


def contents(ipk: Path) -> dict[str, bytes]:
    """The files that a package installs, by absolute path."""
    with tarfile.open(ipk) as outer:
        inner = outer.extractfile("./data.tar.gz")
        assert inner
        with tarfile.open(fileobj=io.BytesIO(inner.read())) as data:
            return {
                f"/{item.name.removeprefix('./')}": (data.extractfile(item) or inner).read()
                for item in data
                if item.isfile()
            }
