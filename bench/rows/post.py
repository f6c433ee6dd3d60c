"""A post on X's stream → the relay's register, from the line's arrival."""

import mmap
import time
from pathlib import Path
from typing import Final

from bench.lab import Lab
from bench.measuring import Variant
from bench.row import Check, Outcome, Row
from bench.statistics import p50, p99, pooled, ratio
from latchwire_relay_agent.registers import OLAT
from latchwire_relay_agent.simulated import BOARD_BYTES
from support.broker import wait_until
from support.house import example
from support.x_api import FakeX
from support.x_http import BEARER

POST: Final = "post to register"
LATCH: Final = BOARD_BYTES * 7 + OLAT
"""Where the output latch of the board at 0x27 stands in the simulation's memory."""
LOOK: Final = 30e-6
"""Seconds between two looks at the register."""
LIMIT: Final = 10.0
"""Seconds after which a register that did not change ends the row."""
PACE: Final = 0.02
"""Seconds between two posts, so that each finds everything asleep, as in life."""
ACCOUNTS: Final = {"101": "example_john", "102": "example_jane"}
NOTES: Final = f"""
The line arrives when the stand-in for X begins to send it on the filtered stream; the end is the moment when the
output latch of the simulated relay chip holds the new value, looked at in shared memory about each tenth of a
millisecond. Between them: the real listener (rules, people, hashtags, its memory of posts on the disk), signing, the
broker, the agent's checks, the relay agent. The lock is unlocked and locked in turn, {PACE * 1000:.0f} ms after the
last time, so that every part sleeps when a post comes.
"""
MISSED: Final = """
The post's id is on the disk before anything is done with it (one sync of about a millisecond, more on a busy disk).
"""


class Chip:
    """The simulated board, looked at from outside."""

    def __init__(self, lab: Lab, board: Path) -> None:
        file = board.open("rb")
        lab.at_end(file.close)
        self._memory = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        lab.at_end(self._memory.close)

    def latch(self) -> int:
        """What the relays are told."""
        return self._memory[LATCH]

    def wait(self, before: int) -> None:
        """Until it changes."""
        end = time.monotonic() + LIMIT
        while self.latch() == before:
            assert time.monotonic() < end, f"the register did not change within {LIMIT:.0f} s"
            time.sleep(LOOK)


def run(lab: Lab) -> Outcome:
    """Measures."""
    document = example()
    document["devices"]["front-door"]["limit"] = "none"
    house = lab.house(document)
    x = FakeX(accounts=ACCOUNTS, keep_alive=15)
    lab.at_end(x.__exit__, None, None, None)
    x.__enter__()
    house.start("relay-agent")
    house.launch("twitter-listener", X_API_BASE=x.base, X_BEARER_TOKEN=BEARER)
    for words in ("Listening to X", "ready to ask"):
        house.wait_for_log("twitter-listener", words)
    x.wait_for_stream()
    wait_until(lambda: any("example_john" in rule["value"] for rule in x.rules.values()), "the rules are there")
    chip = Chip(lab, house.places.run / "omega.simulated-board")

    def measure(count: int) -> list[float]:
        samples = []
        for _ in range(count):
            time.sleep(PACE)
            before = chip.latch()
            text = "#lock" if house.relay_is_closed() else "#unlock"
            begun = time.perf_counter_ns()
            x.post("101", text)
            chip.wait(before)
            samples.append((time.perf_counter_ns() - begun) / 1000)
        return samples

    found = lab.turns({POST: Variant(measure, 5)}, rounds=150, seconds=30)
    samples = pooled(found[POST])
    thousand = [[1000.0] for _ in found[POST]]
    checks = (Check("p50", ratio(found[POST], thousand), 5.0, unit="ms", missed=MISSED),)
    told = [f"p50 {p50(samples) / 1000:.2f} ms, p99 {p99(samples) / 1000:.2f} ms, {len(samples)} posts"]
    plot = {
        "kind": "distribution",
        "file": "post",
        "title": "From a post's line on the stream to the relay's register",
        "series": {POST: samples},
        "x": "µs (logarithmic)",
    }
    return Outcome(checks, told, NOTES, (plot,), {})


ROW: Final = Row(
    order=3, name="post", what="post on the stream → relay register", against="the line's arrival", run=run
)
