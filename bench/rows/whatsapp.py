"""WhatsApp POST → TwiML with the receipt's outcome, beside a Flask route that only checks and answers."""

from typing import Any, Final

from bench.lab import Lab
from bench.measuring import Variant
from bench.peers.posting import number
from bench.row import Check, Outcome, Row
from bench.statistics import Ratio, Turns, p50, p99, pooled, ratio
from bench.worker import Worker
from support.house import House, example

OURS: Final = "WhatsApp to receipt to TwiML"
FLASK: Final = "a Flask route that checks the signature"
PAHO: Final = "a round trip by bare paho"
SUM: Final = "the Flask route and bare paho's round trip"
CROWD: Final = 64
"""At once; as many sockets, for one socket's commands stay in order."""
PEOPLE: Final = 768
"""Nobody may write more than twelve messages at once and one more each five seconds."""
BATCH: Final = 256
NOTES: Final = f"""
A post is signed as Twilio signs, and answered with what the agent's verified receipt says: the real webhook with its
journal on the disk, the broker, and the kit's agent with switches in memory. The Flask route stands behind the same
server with the same threads (waitress, the webhook's own settings), checks the same signature with Twilio's own code
and answers TwiML made by Twilio's own code; it keeps no journal, knows no people and asks nobody. The sum is made turn
by turn of the route's samples and those of bare paho's round trip (as in *send*).

{CROWD} at once: {CROWD} connections, each with one post on its way, {CROWD} people and sockets at a time, {BATCH} posts
a turn. Whoever posts is a process of its own and has signed all before the clock starts; it counts what is not `Done`
as an error, which ends the row.
"""
MISSED: Final = """
The sum has no disk in it: the message is synced to the disk before anything is done, and that promise stays. The rest
is Python in the webhook, twice the processor time of the Flask route, which half of it is: beside that people and
rights, the words, the form read strictly, journal, log, two signatures, the connection to the broker. Messages that
come at once share one sync, so with many at once it is that processor time that counts, on the one CPU that an
interpreter uses. (Its threads stay on one, `service/one_cpu.py`: spread over two, they took the interpreter from each
other fifty times a message, and a third fewer got through.) Next step: write the reply from the thread that hears the
receipt, so that nobody is woken for it, and a lighter way from the socket to the form than Flask's.
"""


def crowd(sockets: int, *, door: str | tuple[str, ...] = ("lock",)) -> dict[str, Any]:
    """The example's configuration with so many sockets, and many people who may use one of them each, and the door."""
    document = example()
    devices = document["devices"]
    names = socket_names(sockets)
    devices["front-door"]["limit"] = "none"
    for name in names:
        devices[name] = {"agent": "magiq", "kind": "switch", "deviceId": name.replace("-", ""), "limit": "none"}
    for index in range(PEOPLE):
        own = names[index % len(names)]
        document["people"][f"p{index}"] = {"whatsapp": number(index), "may": {own: "*", "front-door": door}}
    return document


def socket_names(count: int) -> list[str]:
    """Of the sockets that are added."""
    return [f"socket-{index}" for index in range(count)]


def posting(lab: Lab, port: int | str, expected: str, *devices: str, path: str = "/whatsapp") -> Worker:
    """Who posts."""
    return lab.peer("posting", port, path, expected, PEOPLE, *devices)


def webhook_port(house: House) -> str:
    """Where the webhook listens."""
    return house.webhook.partition("/whatsapp")[0].rpartition(":")[2]


def many(worker: Worker, at_once: int, batch: int = BATCH) -> Variant:
    """So many at once; a sample is the time of one post in a batch, all of it by its size."""
    return Variant(lambda count: [worker.ask(f"{count} {at_once}")["seconds"] * 1e6 / count], batch)


def added(ours: Turns, theirs: Turns) -> list[list[float]]:
    """The sums, turn by turn."""
    return [[a + b for a, b in zip(*turns, strict=True)] for turns in zip(ours, theirs, strict=True)]


def run(lab: Lab) -> Outcome:
    """Measures."""
    house = lab.house(crowd(CROWD))
    broker = house.broker
    lab.peer("kit_agent", broker.host, broker.port, house.places.state, "magiq")
    house.start("whatsapp-webhook")
    route = lab.peer("flask_route").ask("port")
    ours = posting(lab, webhook_port(house), "Done", *socket_names(CROWD))
    flask = posting(lab, route, "Done", *socket_names(CROWD))
    paho = lab.bare_paho(broker)
    single = {OURS: ours, FLASK: flask, PAHO: paho}
    found = lab.turns({name: Variant(worker.measure, 10) for name, worker in single.items()}, rounds=150, seconds=30)
    found[SUM] = added(found[FLASK], found[PAHO])
    crowded = lab.turns({OURS: many(ours, CROWD), FLASK: many(flask, CROWD)}, rounds=20, seconds=30)
    checks = (
        Check("p50 / the sum's p50", ratio(found[OURS], found[SUM]), 1.25, missed=MISSED),
        Check(
            f"{CROWD} at once: throughput / the Flask route's",
            ratio(crowded[FLASK], crowded[OURS]), 0.5, at_least=True, missed=MISSED,
        ),
        Check(f"{CROWD} at once: errors", Ratio.exact(0), 0, unit=""),
    )  # fmt: skip
    samples = {name: pooled(turns) for name, turns in found.items()}
    told = [
        f"{name}: p50 {p50(each) / 1000:.2f} ms, p99 {p99(each) / 1000:.2f} ms, {len(each)} times"
        for name, each in samples.items()
    ]
    told += [
        f"{CROWD} at once, {name}: {1e6 / p50(pooled(turns)):.0f} posts a second" for name, turns in crowded.items()
    ]
    plot = {
        "kind": "distribution",
        "file": "whatsapp",
        "title": "One WhatsApp message, from post to reply",
        "series": samples,
        "x": "µs (logarithmic)",
    }
    return Outcome(checks, told, NOTES, (plot,), {"crowded": crowded})


ROW: Final = Row(
    order=2,
    name="whatsapp",
    what="WhatsApp POST → TwiML with the receipt's outcome",
    against="a Flask route behind the same server that only checks Twilio's signature and answers TwiML, plus a bare "
    "paho round trip",
    run=run,
)
