"""The same job in Node-RED: an HTTP request to MQTT, the answer from MQTT back to HTTP; unsigned."""

import contextlib
import json
import os
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Final

from bench.lab import CACHE, Lab, words
from bench.measuring import Variant
from bench.row import Check, Missing, Outcome, Row
from bench.rows.whatsapp import crowd, posting, webhook_port
from bench.statistics import p50, p99, pooled, ratio
from support.broker import Broker, free_port

OURS: Final = "Latchwire: webhook to a simulated relay chip, signed"
THEIRS: Final = "Node-RED, unsigned, QoS 1"
QUICKEST: Final = "Node-RED, unsigned, QoS 0"
VERSION: Final = "4.1.15"
HOME: Final = CACHE / "node-red"
FLOW: Final = Path(__file__).parents[1] / "peers/node-red-flow.json"
START_SECONDS: Final = 60.0
NOTES: Final = f"""
Node-RED {VERSION} from npm, headless, with a flow of ours (`bench/peers/node-red-flow.json`): *http in*, a function
that remembers who asks, *mqtt out*, *mqtt in*, a function that finds who asked, *http response*. It answers the same
posts as our webhook, checks no signature, knows no people, keeps no journal, and its command is answered by bare paho
(TCP_NODELAY on), which works nothing. Ours checks Twilio's signature, remembers the message on the disk, signs, and
the relay agent verifies, works the simulated chip, reads it back and signs the receipt. Both use the same broker.
Node-RED's MQTT client leaves Nagle's algorithm on, as it comes: with QoS 1 each answer waits 40 ms for an
acknowledgement. With QoS 0, Node-RED's default, it does not wait, and nobody sends again what is lost.
"""
MISSED: Final = """
Node-RED does a part of the job: it checks no signature, remembers no message on the disk, reads nothing back, and with
QoS 0 nobody acknowledges anything. See *whatsapp* for what costs in the webhook and what comes next.
"""


def install() -> Path:
    """Node-RED's program, installed into the cache where it is missing.

    Raises:
        Missing: there is no npm, or it cannot install; the text says what to type.
    """
    program = HOME / "node_modules/node-red/red.js"
    package = HOME / "node_modules/node-red/package.json"
    if package.exists() and json.loads(package.read_text("utf-8"))["version"] == VERSION:
        return program
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        raise Missing("npm is missing. Type: sudo apt-get install -y --no-install-recommends nodejs npm")
    HOME.mkdir(parents=True, exist_ok=True)
    line = [npm, "install", "--no-audit", "--no-fund", "--loglevel=error", "--prefix", str(HOME), f"node-red@{VERSION}"]
    done = subprocess.run(line, capture_output=True, text=True, check=False, cwd=HOME)
    if done.returncode:
        raise Missing(f"Node-RED could not be installed. With the network back, type: {' '.join(line)}\n{done.stderr}")
    return program


def start(lab: Lab, broker: Broker, *, qos: int) -> int:
    """Runs it with our flow; the port of its HTTP side."""
    program = install()
    _, _, name, password, command, answer = words(broker, asks=True, kind=f"qos-{qos}")
    lab.bare_answer(broker, f"qos-{qos}")
    folder, port = lab.folder / f"node-red-{qos}", free_port()
    folder.mkdir()
    shutil.copy(FLOW, folder / "flows.json")
    (folder / "flows_cred.json").write_text(json.dumps({"broker": {"user": name, "password": password}}), "utf-8")
    settings = "module.exports = {{credentialSecret: false, uiHost: '127.0.0.1', uiPort: {}, httpAdminRoot: false}};\n"
    (folder / "settings.js").write_text(settings.format(port), "utf-8")
    environment = os.environ | {
        "BROKER_HOST": broker.host,
        "BROKER_PORT": str(broker.port),
        "COMMAND_TOPIC": command,
        "ANSWER_TOPIC": answer,
        "QOS": str(qos),
    }
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [shutil.which("node") or "node", program, "--userDir", folder, "--settings", folder / "settings.js",
             "flows.json"],
            env=environment, cwd=folder, stdout=log, stderr=log,
        )  # fmt: skip
    lab.at_end(process.wait)
    lab.at_end(process.kill)
    _wait(port, folder / "log")
    return port


def _wait(port: int, log: Path) -> None:
    """Until a post goes all the way."""
    end = time.monotonic() + START_SECONDS
    request = urllib.request.Request(f"http://127.0.0.1:{port}/whatsapp", b"MessageSid=x&Body=y")
    while time.monotonic() < end:
        with (
            contextlib.suppress(urllib.error.URLError, TimeoutError),
            urllib.request.urlopen(request, timeout=2) as answer,  # noqa: S310  # our own
        ):
            assert b"Done" in answer.read()
            return
        time.sleep(0.2)
    raise RuntimeError(f"Node-RED does not answer:\n{log.read_text('utf-8')[-1000:]}")


def run(lab: Lab) -> Outcome:
    """Measures."""
    house = lab.house(crowd(1, door="*"))
    house.start("relay-agent", "whatsapp-webhook")
    sides = {
        OURS: posting(lab, webhook_port(house), "Done", "front-door"),
        THEIRS: posting(lab, start(lab, house.broker, qos=1), "Done", "front-door"),
        QUICKEST: posting(lab, start(lab, house.broker, qos=0), "Done", "front-door"),
    }
    found = lab.turns({name: Variant(side.measure, 10) for name, side in sides.items()}, rounds=200, seconds=30)
    checks = (
        Check("p50 / Node-RED's p50, QoS 1 as ours", ratio(found[OURS], found[THEIRS]), 1.0, missed=MISSED),
        Check("p50 / Node-RED's p50, QoS 0", ratio(found[OURS], found[QUICKEST]), 1.0, missed=MISSED),
    )
    samples = {name: pooled(turns) for name, turns in found.items()}
    told = [
        f"{name}: p50 {p50(each) / 1000:.2f} ms, p99 {p99(each) / 1000:.2f} ms, {len(each)} times"
        for name, each in samples.items()
    ]
    plot = {
        "kind": "distribution",
        "file": "node-red",
        "title": "One message, from post to reply: Latchwire and Node-RED",
        "series": samples,
        "x": "µs (logarithmic)",
    }
    return Outcome(checks, told, NOTES, (plot,), {})


ROW: Final = Row(
    order=5,
    name="node-red",
    what="our webhook → relay",
    against="the same job in Node-RED (npm): http-in → MQTT → MQTT → http response, unsigned",
    run=run,
)
