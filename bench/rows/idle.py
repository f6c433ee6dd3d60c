"""How often an idle agent and an idle ingress wake up in a minute, beside an idle bare paho client."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple

from bench.lab import Lab
from bench.row import Check, Outcome, Row
from bench.statistics import Ratio
from support.broker import wait_until

AGENT: Final = "an agent (relay-agent)"
BRIDGE: Final = "an agent (magiq-bridge)"
INGRESS: Final = "an ingress (whatsapp-webhook)"
PAHO: Final = "bare paho, loop_start"
SETTLED: Final = 12.0
"""Seconds after the start that do not count."""
NOTES: Final = """
The real programs with the example's configuration, connected and left alone, all of them in the same minute. A
wake-up is a voluntary switch of any of a process's threads (`voluntary_ctxt_switches` in `/proc/PID/task/*/status`):
it slept, and something ended that. An agent's minute holds two new nonces, each with what the broker sends back, and
looks at its devices' state: a relay agent's every 15 seconds, on one thread; every program's holds its look whether a
file has changed.
"""
MISSED: Final = """
A relay agent's ten or eleven are four looks at the chip, two new nonces, for each of those two answers of the broker,
and one look at its files. The looks could be fewer than one in 15 seconds: but a door that is locked by power stands
open from the moment at which its chip loses its power to the next look, so they stay. Nor are they done by the thread
that renews the nonce and answers at deadlines: hardware that hangs must not keep it. Next step: none that is worth it.
"""


class Seen(NamedTuple):
    """A process at a moment: switches by thread, and seconds of processor time."""

    switches: Mapping[str, int]
    seconds: float


def look(pid: int) -> Seen:
    """Reads it."""
    switches: dict[str, int] = {}
    nanoseconds = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        lines = dict(line.split(":\t", 1) for line in (task / "status").read_text().splitlines() if ":\t" in line)
        name = f"{lines['Name']}-{task.name}"
        switches[name] = int(lines["voluntary_ctxt_switches"])
        nanoseconds += int((task / "schedstat").read_text().split()[0])
    return Seen(switches, nanoseconds / 1e9)


def run(lab: Lab) -> Outcome:
    """Measures."""
    house = lab.house()
    house.start("relay-agent", "magiq-bridge", "whatsapp-webhook")
    paho = lab.bare_answer(house.broker)
    pids = {
        AGENT: house.pid("relay-agent"),
        BRIDGE: house.pid("magiq-bridge"),
        INGRESS: house.pid("whatsapp-webhook"),
        PAHO: paho.pid,
    }
    seconds = 15.0 if lab.quick else 60.0
    time.sleep(SETTLED)
    before = {name: look(pid) for name, pid in pids.items()}
    end = time.monotonic() + seconds
    wait_until(lambda: time.monotonic() > end, "the minute passes", seconds + 5)
    after = {name: look(pid) for name, pid in pids.items()}
    minute = 60.0 / seconds
    wakes = {
        name: sum(count - before[name].switches.get(thread, 0) for thread, count in seen.switches.items()) * minute
        for name, seen in after.items()
    }
    checks = [
        Check(f"wake-ups of {name}", Ratio.exact(wakes[name]), 10, unit="a minute", missed=MISSED)
        for name in (AGENT, INGRESS)
    ]
    worked = {name: (after[name].seconds - before[name].seconds) * minute * 1e3 for name in pids}
    told = [f"{name}: {wakes[name]:.0f} wake-ups and {worked[name]:.1f} ms of processor time a minute" for name in pids]
    threads = {
        name: {thread: count - before[name].switches.get(thread, 0) for thread, count in seen.switches.items()}
        for name, seen in after.items()
    }
    plot = {
        "kind": "bars",
        "file": "idle",
        "title": "Wake-ups in a minute, when nobody says anything",
        "series": wakes,
        "x": "wake-ups a minute",
        "limits": {"goal": 10},
    }
    return Outcome(checks, told, NOTES, (plot,), {"seconds": seconds, "wake-ups by thread": threads})


ROW: Final = Row(
    order=9,
    name="idle",
    what="an idle agent and an idle ingress, a minute",
    against="bare paho's 60 wake-ups",
    run=run,
)
