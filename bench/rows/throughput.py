"""Commands per second through one agent, and through one bridge with a thousand sockets."""

from typing import Any, Final

from bench.lab import Lab, words
from bench.measuring import Variant
from bench.row import Check, Outcome, Row
from bench.statistics import Turns, p50, pooled, ratio
from support.house import example

AGENT: Final = "one lock, the kit's agent"
BRIDGE: Final = "1,000 sockets, the MagIQ bridge (simulated cloud)"
PAHO: Final = "bare paho subscriber that answers"
PAHO5: Final = "the same on MQTT 5"
SOCKETS: Final = 1000
BATCH: Final = 150
NOTES: Final = """
A client on a raw socket keeps six commands on their way and publishes the next when an answer comes; its commands are
signed before the clock starts. The agent verifies, acts (in memory), reads back, signs and answers every command, and
publishes the state of a device ten times a second while more commands wait for it, and after the last; the nonce rolls
by itself after 1,024 of them. The bridge is the real program with 1,000 sockets in its configuration, all in turn, its
cloud simulated in the process. Bare paho answers the same word in `on_message`, and does nothing else.
"""
MISSED: Final = """
An agent does more for a command than answer it: it verifies, hands over to the device's own thread, reads back,
signs, writes a line of log and publishes the new state, which is a second publication with its own acknowledgement:
for one device ten times a second while more commands wait for it, and after the last; for a thousand, each its own, and
each wakes a thread that another one has just worked before. Next step: let a thread that has finished take what waits
before another is woken, where the hardware was quick.
"""


def run(lab: Lab) -> Outcome:
    """Measures."""
    house = lab.house(document(SOCKETS))
    broker = house.broker
    house.start("magiq-bridge")
    state = house.places.state
    lab.peer("kit_agent", broker.host, broker.port, state, "omega")

    def signed(agent: str) -> Variant:
        return Variant(lab.peer("flood", "signed", broker.host, broker.port, state, agent).measure, BATCH)

    def bare(kind: str) -> Variant:
        lab.bare_answer(broker, kind)
        return Variant(lab.peer("flood", "bare", *words(broker, asks=True, kind=kind)).measure, BATCH)

    variants = {AGENT: signed("omega"), BRIDGE: signed("magiq"), PAHO: bare("nodelay"), PAHO5: bare("mqtt5")}
    found = lab.turns(variants, rounds=60, seconds=50)
    checks = [
        Check(f"{what}: throughput / bare paho's", ratio(found[PAHO], found[name]), 0.7, at_least=True, missed=MISSED)
        for what, name in (("one agent", AGENT), (f"a bridge with {SOCKETS:,} sockets", BRIDGE))
    ]
    told = [f"{name}: {rate(turns):,.0f} commands a second" for name, turns in found.items()]
    told += [
        f"{name}: {ratio(found[PAHO5], found[name]).value:.2f} × bare paho's throughput on MQTT 5"
        for name in (AGENT, BRIDGE)
    ]
    plot = {
        "kind": "bars",
        "file": "throughput",
        "title": "Commands answered in a second, six on their way at a time",
        "series": {name: rate(turns) for name, turns in found.items()},
        "x": "commands a second (median of batches)",
        "limits": {"0.7 × bare paho": 0.7 * rate(found[PAHO])},
    }
    return Outcome(checks, told, NOTES, (plot,), {"microseconds a command, batch by batch": found})


def rate(turns: Turns) -> float:
    """Commands a second, the median of the batches."""
    return 1e6 / p50(pooled(turns))


def document(sockets: int) -> dict[str, Any]:
    """The example's configuration with one lock at one agent and so many sockets at the other."""
    made = example()
    made["devices"] = {"front-door": made["devices"]["front-door"]} | {
        f"socket-{number}": {"agent": "magiq", "kind": "switch", "deviceId": f"socket-{number}"}
        for number in range(sockets)
    }
    made["people"] = {"owner": {"manual": True, "may": "*"}}
    return made


ROW: Final = Row(
    order=7,
    name="throughput",
    what="commands per second through one agent; through one bridge with 1,000 sockets",
    against="a bare paho subscriber that answers",
    run=run,
)
