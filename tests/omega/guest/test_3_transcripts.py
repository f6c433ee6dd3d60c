"""One transcript, the same registers: on the simulated chip of the agent's own tests, and on this one."""

import base64
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

import pytest

from latchwire.errors import ActionError
from latchwire.model import Cause
from latchwire_relay_agent.hardware import Handler
from omega.device import Omega
from support.relay_transcript import read_transcripts, replay

TOP = Path(__file__).parents[3]
TRANSCRIPTS = read_transcripts(TOP / "services/relay-agent/tests/transcripts.json")
REPLAYER = Path(__file__).with_name("replayer.py")


class Guest:
    """The replayer in the guest."""

    def __init__(self, omega: Omega) -> None:
        self._omega = omega
        text = base64.b64encode(REPLAYER.read_bytes()).decode()
        omega.sh(f"echo {text} | base64 -d >/tmp/replayer.py; mkfifo /tmp/replayer.in")
        omega.sh(
            "(python3 -I -S /tmp/replayer.py /usr/lib/relay-agent/relay-agent-*.zip /tmp/replayer.out "
            "</tmp/replayer.in >/tmp/replayer.log 2>&1 & "
            "sleep 100000 >/tmp/replayer.in 2>/dev/null & echo $! >/tmp/replayer.pid)"
        )

    def ask(self, line: str) -> str:
        text = base64.b64encode(f"{line}\n".encode()).decode()
        wait = "for i in $(seq 300); do [ -s /tmp/replayer.out ] && exec cat /tmp/replayer.out; usleep 50000; done"
        return self._omega.sh(
            f"rm -f /tmp/replayer.out; echo {text} | base64 -d >/tmp/replayer.in; {wait}; cat /tmp/replayer.log; exit 1"
        ).strip()

    def end(self) -> None:
        self._omega.sh("kill $(cat /tmp/replayer.pid)")


class InTheGuest:
    """A handler whose methods are called there."""

    def __init__(self, guest: Guest, name: str) -> None:
        self._guest, self._name = guest, name

    def __getattr__(self, method: str) -> Any:
        def call(*arguments: bool) -> str:
            if method == "hold":
                return self._ask("hold" if arguments[0] else "forget")
            return self._ask(method)

        return call

    def _ask(self, method: str) -> str:
        answer = self._guest.ask(f"{method} {self._name}")
        for cause in Cause:
            if cause.wire == answer:
                raise ActionError(cause)
        return answer


@pytest.fixture(scope="module")
def guest(omega: Omega) -> Iterator[Guest]:
    """With the agent out of the way."""
    omega.hold()
    made = Guest(omega)
    yield made
    made.end()


@pytest.mark.parametrize("transcript", TRANSCRIPTS, ids=lambda transcript: transcript["title"])
def test_the_virtual_omegas_chip_holds_what_the_transcript_says(
    guest: Guest, omega: Omega, transcript: Mapping[str, Any]
) -> None:
    expansion = omega.expansion
    expansion.chip.power_on()
    devices = {
        name: {"kind": "lock" if "locked" in item else "switch", **item} for name, item in transcript["devices"].items()
    }

    def start() -> Mapping[str, Handler]:
        assert guest.ask(f"open {json.dumps(devices)}") == "opened"
        return {name: cast("Handler", InTheGuest(guest, name)) for name in devices}

    def fault(name: str) -> None:
        expansion.fault = name

    replay(transcript["steps"], start=start, registers=expansion.chip.by_name, fault=fault)
