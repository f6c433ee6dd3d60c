"""One command while 1, 100, 1,000 and 5,000 agents are connected, each with its nonce rolling."""

import resource
import time
from pathlib import Path
from typing import Any, Final

from bench.lab import Lab
from bench.measuring import Variant, in_turns
from bench.peers.crowd import WORD
from bench.row import Check, Missing, Outcome, Row
from bench.statistics import Ratio, p50, pooled, ratio
from support.broker import Broker
from support.house import House, example

COUNTS: Final = (1, 100, 1000, 5000)
SPARE: Final = 500
"""Descriptors that a process needs beside one for each connection."""
NOTES: Final = """
One agent is the kit's, and its latency is what is measured; the others are stand-ins in one process that do on the
wire what an agent does when nobody asks: they are connected with a login and a will, subscribed to their own topics,
renew their nonce every 30 s, hear it, and keep alive. Every nonce also goes to the asking side, which is subscribed
to all nonces, as every ingress is. The broker's configuration is the project's but for `max_connections` and its
memory of logins. Two houses stand side by side in one run, each with a broker of its own: one with one agent for
good, one that grows; each turn asks both, so each count is compared with one agent in the same moments.
"""
MISSED: Final = """
The broker hands each nonce to every asking side: at 5,000 agents that is 167 messages a second, which a sender's
thread reads between a command and its receipt. Next step: let a sender subscribe to the nonces of its own agents by
name.
"""


class CrowdedBroker(Broker):
    """The project's broker with room for so many connections."""

    def _write_conf(self) -> None:
        super()._write_conf()
        path = self.folder / "mosquitto.conf"
        path.write_text(path.read_text().replace("max_connections 100", "max_connections -1"))


class CrowdedHouse(House):
    """A house with such a broker."""

    def _start_broker(self, **options: Any) -> Broker:
        return self._brokers.enter_context(CrowdedBroker(folder=self.folder / "broker", **options))


def run(lab: Lab) -> Outcome:
    """Measures."""
    most = lab.scaled(max(COUNTS), 100)
    _allow_descriptors(most + SPARE)
    alone, crowded = (_asking(lab, name) for name in ("alone", "crowded"))
    house, asking = crowded
    house.broker.logins.update({f"agent-{number}": WORD for number in range(most)})
    house.broker.add_login("agent-0", WORD)  # writes and loads them all
    crowd = lab.peer("crowd", house.broker.host, house.broker.port)
    checks, told, points = [], [], []
    resident, traffic, series = {}, {}, {}
    seconds = 2.0 if lab.quick else 14.0
    for count in [each for each in COUNTS if each <= most]:
        crowd.ask(count - 1)
        crowd.ask(count - 1)
        begun = time.monotonic()
        found = in_turns(
            {"alone": Variant(alone[1].measure, 10), "crowded": Variant(asking.measure, 10)},
            rounds=400,
            seconds=seconds,
        )
        moved, took = crowd.ask(count - 1), time.monotonic() - begun
        resident[count] = _resident(house.broker)
        traffic[count] = (moved["written"] + moved["read"]) / took / max(1, count - 1)
        compared = ratio(found["crowded"], found["alone"])
        points.append((count, compared))
        series[f"{count:,} agents"] = pooled(found["crowded"])
        told.append(
            f"{count:,} agents: p50 {p50(pooled(found['crowded'])):.0f} µs beside {p50(pooled(found['alone'])):.0f} µs "
            f"with one; broker {resident[count] / 1e6:.1f} MB resident"
            + (f"; {traffic[count]:.0f} bytes a second for each other agent, both ways" if count > 1 else "")
        )
        if count > 1:
            goal = f"p50 with {count:,} agents / with one"
            checks.append(Check(goal, compared, 1.5, missed=MISSED))
    each = (resident[most] - resident[1]) / (most - 1)
    told.append(f"Each agent takes {each / 1000:.1f} KB of the broker, its four retained messages included")
    return Outcome(checks, told, NOTES, _plots(series, points, resident), {"bytes a second": traffic})


def _resident(broker: Broker) -> int:
    """Bytes of its memory that are in RAM."""
    pages = int(Path(f"/proc/{broker.pid}/statm").read_text().split()[1])
    return pages * resource.getpagesize()


def _asking(lab: Lab, name: str) -> Any:
    house = CrowdedHouse(folder=lab.folder / name, document=example())
    lab.at_end(house.close)
    broker, state = house.broker, house.places.state
    lab.peer("kit_agent", broker.host, broker.port, state, "magiq")
    return house, lab.peer("asking", broker.host, broker.port, state, "magiq", "light", "whatsapp")


def _plots(series: Any, points: list[tuple[int, Ratio]], resident: dict[int, int]) -> tuple[dict[str, Any], ...]:
    return (
        {
            "kind": "lines",
            "file": "agents",
            "title": "One command's p50, beside the same with one agent connected",
            "series": {
                "p50 / with one agent": [[count, each.value] for count, each in points],
                "interval, lower end": [[count, each.low] for count, each in points],
                "interval, upper end": [[count, each.high] for count, each in points],
            },
            "x": "agents connected, each with its nonce rolling (logarithmic)",
            "y": "ratio",
            "log_x": True,
            "limits": {"goal": 1.5},
        },
        {
            "kind": "distribution",
            "file": "agents-latency",
            "title": "One command while so many agents are connected",
            "series": series,
            "x": "µs (logarithmic)",
        },
        {
            "kind": "lines",
            "file": "agents-memory",
            "title": "The broker's resident memory",
            "series": {"Mosquitto": [[count, size / 1e6] for count, size in resident.items()]},
            "x": "agents connected (logarithmic)",
            "y": "MB",
            "log_x": True,
        },
    )


def _allow_descriptors(count: int) -> None:
    """Raises this process's soft limit, which its children inherit.

    Raises:
        Missing: the hard limit is below.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < count:
        raise Missing(f"{count} open files are needed and {hard} allowed. Type, as root:  ulimit -n {count}")
    if soft < count:
        resource.setrlimit(resource.RLIMIT_NOFILE, (count, hard))


ROW: Final = Row(
    order=8,
    name="agents",
    what="1, 100, 1,000, 5,000 agents connected, each with its nonce rolling",
    against="the latency of one command with one agent",
    run=run,
)
