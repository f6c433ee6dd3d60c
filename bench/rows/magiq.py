"""WhatsApp to a MagIQ socket and back, beside the original sample's way of doing it."""

from typing import Any, Final

from bench.lab import Lab
from bench.measuring import Variant
from bench.row import Check, Outcome, Row
from bench.rows.whatsapp import crowd, many, posting, socket_names, webhook_port
from bench.statistics import Ratio, p50, p99, percentile, pooled, ratio
from bench.worker import Worker
from support.magiq_cloud import KEY, PATH, SECRET

OURS: Final = "Latchwire: webhook, broker, bridge, cloud, and back"
THEIRS: Final = "the original sample's way"
CROWD: Final = 32
"""At once; as many sockets, for one socket's commands stay in order."""
PERCENTILES: Final = range(1, 100)
NOTES: Final = f"""
The same post of Twilio's is answered with TwiML once the socket is switched. Ours: the webhook with its journal, the
broker, magiq-bridge with its pool of TLS connections, the cloud's answer read back, a signed receipt. The original
sample's way: one Flask route on `app.run`, `requests.post` with a new TLS connection each time, no signature checked,
nobody's rights, nothing read back. It is given one certificate to trust, which spares it the reading of a whole bundle
for each connection (30 ms and more of CPU with the real one). The cloud is a stand-in over HTTPS on an event loop in a
process of its own; it answers at once, or after 50 ms, keeps connections open for whoever wants that, and does no more
than keep what was set. {CROWD} at once are {CROWD} people, each with a socket of their own.

*Every percentile*: the worst of the ratios of the 1st to the 99th.
"""
MISSED: Final = """
One at a time with a cloud of 0 ms the slow ones are the sync to the disk, which the original's way does without: it
remembers nothing. At once they come as a wave: to the cloud's 50 ms is added the processor time of 32 messages in
webhook and bridge, on two cores beside the cloud and whoever posts. See *whatsapp* for what costs there and what comes
next.
"""


def document() -> dict[str, Any]:
    """The example's configuration with a MagIQ account and as many sockets as are used at once."""
    made = crowd(CROWD)
    made["agents"]["magiq"] = {"type": "magiq", "runs": "here", "pollSeconds": 86400, "requestsPerMinute": 6000}
    return made


def worst(ours: list[float], theirs: list[float]) -> Ratio:
    """The worst ratio of all percentiles."""
    return Ratio.exact(max(percentile(ours, at) / percentile(theirs, at) for at in PERCENTILES))


def run(lab: Lab) -> Outcome:
    """Measures."""
    cloud = lab.peer("magiq_fake", lab.folder)
    ca = str(lab.folder / "magiq-ca.pem")
    url = f"https://127.0.0.1:{cloud.ask('port')}{PATH}"
    house = lab.house(document(), MAGIQ_URL=url, MAGIQ_CA=ca, MAGIQ_API_KEY=KEY, MAGIQ_API_SECRET=SECRET)
    house.start("magiq-bridge", "whatsapp-webhook")
    names = socket_names(CROWD)
    sides = {
        OURS: posting(lab, webhook_port(house), "Done", *names),
        THEIRS: posting(lab, lab.peer("original_way", url, ca).ask("port"), "Done", *names),
    }
    checks: list[Check] = []
    told: list[str] = []
    plots: list[dict[str, Any]] = []
    for delay in (0, 50):
        single, crowded = _measured(lab, cloud, sides, delay)
        checks += _checks(delay, single, crowded)
        told += [
            f"{delay} ms, {name}: p50 {p50(pooled(single[name])) / 1000:.1f} ms, p99 "
            f"{p99(pooled(single[name])) / 1000:.1f} ms; {CROWD} at once "
            f"{1e6 / p50(pooled(crowded[name])):.0f} a second"
            for name in sides
        ]
        plots.append({
            "kind": "distribution",
            "file": f"magiq-{delay}",
            "title": f"WhatsApp to a MagIQ socket and back, the cloud takes {delay} ms",
            "series": {name: pooled(turns) for name, turns in single.items()},
            "x": "µs (logarithmic)",
        })  # fmt: skip
    return Outcome(checks, told, NOTES, plots, {})


def _measured(
    lab: Lab, cloud: Worker, sides: dict[str, Worker], delay: int
) -> tuple[dict[str, list[list[float]]], dict[str, list[list[float]]]]:
    cloud.ask(delay)
    single = lab.turns({name: Variant(side.measure, 5) for name, side in sides.items()}, rounds=80, seconds=15)
    crowded = lab.turns({name: many(side, CROWD, 96) for name, side in sides.items()}, rounds=20, seconds=12)
    return single, crowded


def _checks(delay: int, single: dict[str, list[list[float]]], crowded: dict[str, list[list[float]]]) -> list[Check]:
    throughput = ratio(crowded[THEIRS], crowded[OURS])
    if delay == 0:
        every = worst(pooled(single[OURS]), pooled(single[THEIRS]))
        return [
            Check("cloud of 0 ms: every percentile / the original's", every, 1.0, missed=MISSED),
            Check(f"0 ms, {CROWD} at once: throughput", throughput, 1.5, at_least=True, missed=MISSED),
        ]
    return [
        Check(f"cloud of {delay} ms: p50 / the original's", ratio(single[OURS], single[THEIRS]), 1.1, missed=MISSED),
        Check(f"{delay} ms, {CROWD} at once: throughput", throughput, 1.8, at_least=True, missed=MISSED),
    ]


ROW: Final = Row(
    order=4,
    name="magiq",
    what="WhatsApp → broker → magiq-bridge → cloud and back",
    against="the original sample's way: a Flask route that calls `requests.post` with a new TLS connection each time, "
    "against a cloud of 0 and of 50 ms",
    run=run,
)
