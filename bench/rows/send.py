"""``send`` → verified receipt, one command at a time, beside bare paho-mqtt and the floor in C."""

from typing import Final

from bench.lab import Lab, environment, login
from bench.measuring import Variant
from bench.row import COMPILER, LIBMOSQUITTO, Check, Outcome, Row
from bench.statistics import p50, p99, pooled, ratio
from bench.worker import Worker, python
from support.broker import Broker

OURS: Final = "Latchwire, signed"
PAHO: Final = "bare paho, unsigned"
FLOOR: Final = "libmosquitto in C, unsigned"
NAGLE: Final = "bare paho, Nagle's algorithm left on"

NOTES: Final = """
One command at a time, QoS 1, each ended by its verified receipt: the real relay agent on a simulated chip (write, read
back), and our sender in a process of its own. The peer is what one would write with paho-mqtt alone: `loop_start` and
a queue on the asking side, an answer from `on_message` on the other, the word `unlock` both ways. All of them have
TCP_NODELAY on and the same broker, with its access list.

*Nagle's algorithm left on* is bare paho as it comes, against the same broker: the trap that `bus/library.py`
(`TCP_NODELAY`) and `broker/mosquitto.conf` (`set_tcp_nodelay`) close. It shows where an answer is published from
another thread than the one that acknowledges, which everything does that works hardware.
"""
MISSED: Final = """
Beside the round trip itself ours makes and checks two signatures, hands the command to a worker thread, writes and
reads the chip, logs a line and publishes the new state.
"""


def run(lab: Lab) -> Outcome:
    """Measures."""
    house = lab.house()
    house.start("relay-agent")
    broker = house.broker
    ours = lab.worker(
        python("bench.peers.asking", broker.host, broker.port, house.places.state, "omega", "front-door"),
        environment=environment(),
    )
    program = lab.compiled("round_trip.c", "-lmosquitto")
    lab.worker([program, "answer", *_words(broker, "magiq", "c")])
    floor = lab.worker([program, "ask", *_words(broker, "twitter", "c")])
    variants = {
        OURS: Variant(ours.measure, 20),
        PAHO: Variant(_paho(lab, broker, "nodelay", "answer").measure, 20),
        FLOOR: Variant(floor.measure, 20),
        NAGLE: Variant(_paho(lab, broker, "nagle", "answer-after").measure, 1),
    }
    found = lab.turns(variants, rounds=250, seconds=60)
    checks = (
        Check("p50 / bare paho's p50", ratio(found[OURS], found[PAHO]), 1.25, missed=MISSED),
        Check("p99 / bare paho's p99", ratio(found[OURS], found[PAHO], p99), 1.25, missed=MISSED),
        Check("p50 / libmosquitto's p50 in C", ratio(found[OURS], found[FLOOR]), 4.0, missed=MISSED),
    )
    samples = {name: pooled(turns) for name, turns in found.items()}
    told = [
        f"{name}: p50 {p50(each):.0f} µs, p99 {p99(each):.0f} µs, {len(each)} times" for name, each in samples.items()
    ]
    plot = {
        "kind": "distribution",
        "file": "send",
        "title": "One command, from asking to the answer",
        "series": samples,
        "x": "µs (logarithmic)",
    }
    return Outcome(checks, told, NOTES, (plot,), {"turns": "the plot's series, 20 samples a turn"})


def _paho(lab: Lab, broker: Broker, delay: str, answering: str) -> Worker:
    lab.worker(
        python("bench.peers.bare_paho", answering, *_words(broker, "magiq", delay), delay), environment=environment()
    )
    command = python("bench.peers.bare_paho", "ask", *_words(broker, "twitter", delay), delay)
    return lab.worker(command, environment=environment())


def _words(broker: Broker, name: str, device: str) -> list[str]:
    """A login and two topics that the access list allows to it."""
    host, port, name, password = login(broker, name)
    return [
        host,
        str(port),
        name,
        password,
        f"latchwire/magiq/{device}/command",
        f"latchwire/magiq/{device}/receipt/twitter",
    ]


ROW: Final = Row(
    order=1,
    name="send",
    what="`send` → verified receipt, QoS 1, one command at a time",
    against="the same round trip unsigned with bare paho-mqtt on both sides; libmosquitto in C, the floor",
    run=run,
    needs=(COMPILER, LIBMOSQUITTO),
)
