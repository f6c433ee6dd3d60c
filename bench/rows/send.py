"""``send`` → verified receipt, one command at a time, beside bare paho-mqtt and the floor in C."""

from typing import Final

from bench.lab import Lab, words
from bench.measuring import Variant
from bench.row import COMPILER, LIBMOSQUITTO, Check, Outcome, Row
from bench.statistics import p50, p99, pooled, ratio

OURS: Final = "Latchwire, signed"
RELAY: Final = "Latchwire, signed, and a simulated relay chip"
PAHO: Final = "bare paho, unsigned"
PAHO5: Final = "bare paho on MQTT 5, unsigned"
PAHO_ON_ONE: Final = "bare paho, each end on one CPU"
FLOOR: Final = "libmosquitto in C, unsigned"
NAGLE: Final = "bare paho, Nagle's algorithm left on"

NOTES: Final = """
One command at a time, QoS 1, each ended by its verified receipt: our sender and the kit's agent with a switch in
memory, in a process each, on MQTT 5 as they come. Every command moves the switch, so each also publishes a new state
and writes a line of log. The peer is what one would write with paho-mqtt alone: `loop_start` and a queue on the
asking side, an answer from `on_message` on the other, the word `unlock` both ways, MQTT 3.1.1, which is paho's
default; on MQTT 5 it has the Message Expiry Interval that our commands have. All of them have TCP_NODELAY on and the
same broker, with its access list. *A simulated relay chip* is the real relay agent: its simulation of the chip's
registers is part of that time, where real hardware has its bus. Our services keep their threads on one CPU
(`service/one_cpu.py`); what that would give bare paho stands beside it.

*Nagle's algorithm left on* is bare paho as it comes, against the same broker: the trap that `bus/library.py`
(`TCP_NODELAY`) and `broker/mosquitto.conf` (`set_tcp_nodelay`) close. It shows where an answer is published from
another thread than the one that acknowledges, which everything does that works hardware.
"""
MISSED: Final = """
Counted in Python instructions (`tests/bench/bounds.json`), a command costs our agent 5,500 and our sender 4,000, bare
paho's two ends 8,000 together. PUBLISH and PUBACK go past paho here, both ways (`bus/client.py`), which was four in ten
of all; and the threads of a service stay on one CPU, which was a fifth of the time. About 1,700 instructions are two
signatures made and two checked; what is left is the hand-over to the device's thread and back to the one that asked,
so that slow hardware never holds the connection, the log, and the new state, which is a second publication after the
receipt: where the next command comes at once, it waits for these, and that is the tail. Working the device on the
thread that hears was tried and left: it gains a tenth, and hardware that hangs would then keep the agent silent. Next
step: encode claims without making an encoder each time, and put off log and state while another command waits. Beyond
that it is Python's own pace: the floor in C is reached by a compiled core alone, which an Omega could not take from
source.
"""


def run(lab: Lab) -> Outcome:
    """Measures."""
    house = lab.house()
    broker, state = house.broker, house.places.state
    house.start("relay-agent")
    lab.peer("kit_agent", broker.host, broker.port, state, "magiq")
    program = lab.compiled("round_trip.c", "-lmosquitto")
    lab.worker([program, "answer", *words(broker, asks=False, kind="c")])
    variants = {
        OURS: lab.peer("asking", broker.host, broker.port, state, "magiq", "light", "whatsapp"),
        PAHO5: lab.bare_paho(broker, "mqtt5"),
        PAHO: lab.bare_paho(broker, "nodelay"),
        PAHO_ON_ONE: lab.bare_paho(broker, "one-cpu"),
        FLOOR: lab.worker([program, "ask", *words(broker, asks=True, kind="c")]),
        RELAY: lab.peer("asking", broker.host, broker.port, state, "omega", "front-door", "manual"),
        NAGLE: lab.bare_paho(broker, "nagle", answering="answer-after"),
    }
    found = lab.turns(
        {name: Variant(worker.measure, 1 if name == NAGLE else 20) for name, worker in variants.items()},
        rounds=250,
        seconds=60,
    )
    checks = (
        Check("p50 / bare paho's p50", ratio(found[OURS], found[PAHO]), 1.25, missed=MISSED),
        Check("p99 / bare paho's p99", ratio(found[OURS], found[PAHO], p99), 1.25, missed=MISSED),
        Check("p50 / libmosquitto's p50 in C", ratio(found[OURS], found[FLOOR]), 4.0, missed=MISSED),
    )
    samples = {name: pooled(turns) for name, turns in found.items()}
    told = [
        f"{name}: p50 {p50(each):.0f} µs, p99 {p99(each):.0f} µs, {len(each)} times" for name, each in samples.items()
    ]
    for other in (PAHO5, PAHO_ON_ONE):
        beside = ratio(found[OURS], found[other])
        told.append(f"Ours beside {other}: {beside.value:.2f} × its p50 [{beside.low:.2f} to {beside.high:.2f}]")
    plot = {
        "kind": "distribution",
        "file": "send",
        "title": "One command, from asking to the answer",
        "series": samples,
        "x": "µs (logarithmic)",
    }
    return Outcome(checks, told, NOTES, (plot,), {"turns": "the plot's series, 20 samples a turn"})


ROW: Final = Row(
    order=1,
    name="send",
    what="`send` → verified receipt, QoS 1, one command at a time",
    against="the same round trip unsigned with bare paho-mqtt on both sides; libmosquitto in C, the floor",
    run=run,
    needs=(COMPILER, LIBMOSQUITTO),
)
