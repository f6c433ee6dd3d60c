"""``latchwire status``: one screen about all of it, with the cure beside each trouble."""

import argparse
import json
import time
from typing import Any

from latchwire import __version__
from latchwire.cli import place, rotation, words
from latchwire.cli.survey import Survey, look
from latchwire.cli.words import colour
from latchwire.config import expiry
from latchwire.config.environment import DEMO
from latchwire.config.home import KNOWN_TYPES, MANUAL, Config, agent_extract
from latchwire.config.places import Places
from latchwire.config.strict_json import digest
from latchwire.errors import ConfigurationError
from latchwire.model import Cause, State

LOOK_SECONDS = 2.0

_CREDENTIALS = {
    "WhatsApp": ("TWILIO_AUTH_TOKEN",),
    "X": ("X_BEARER_TOKEN", "X_CONSUMER_KEY"),
    "MagIQ": ("MAGIQ_API_KEY",),
}
"""By service one variable of which one has to be set; which of them are missing is for each service to say."""


def add(subparsers: Any) -> None:
    """Adds the command to the command line."""
    parser = subparsers.add_parser(
        "status",
        help="show how all is: broker, agents, ingresses, hardware, credentials, versions",
        description="Shows how all is, with the cure beside each trouble. The exit status is 0 if nothing is wrong.",
    )
    parser.add_argument("--json", action="store_true", help="print it as one JSON object")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Runs it."""
    here = place.here()
    config = here.config.current()
    agents = list(config.agents)

    def complete(survey: Survey) -> bool:
        return all(survey.online.get(name) and name in survey.statuses for name in agents)

    document = _document(here, config, look(here, enough=complete, seconds=LOOK_SECONDS))
    if options.json:
        print(json.dumps(document))
    else:
        print("\n".join(_screen(document)))
    return 0 if document["ok"] else 1


def _document(here: place.Place, config: Config, survey: Survey) -> dict[str, Any]:
    where = here.endpoint
    broker: dict[str, Any] = {"address": f"{where.host}:{where.port}", "tls": where.ca_file is not None}
    if survey.trouble:
        cure = "Start it: make run, or docker compose up"
        if "refuses" in survey.trouble:
            cure = "Another broker may have that port; else make logins and broker agree: ./latchwire init, restart it"
        broker["trouble"] = f"{survey.trouble}. {cure}"
    if served := expiry.read(here.places):
        text = expiry.sentence(served.until, time.time())
        until = time.strftime("%Y-%m-%d", time.gmtime(served.until))
        broker["certificate"] = {"names": served.names, "until": until}
        if text:
            broker.setdefault("trouble" if served.until <= time.time() else "note", text)
    agents = {} if survey.trouble else {name: _agent(name, here, config, survey) for name in config.agents}
    issuers = [name for name in config.issuers() if name != MANUAL and name in survey.online]
    ingresses = {name: _service(name, survey, config.digest) for name in issuers}
    observers = {name: _service(name, survey, config.digest) for name in config.observers if name in survey.online}
    credentials = {name: _given(here, names) for name, names in _CREDENTIALS.items()}
    troubles = [
        broker.get("trouble"),
        *(part.get("trouble") for part in (*agents.values(), *ingresses.values(), *observers.values())),
    ]
    troubles += [device.get("trouble") for agent in agents.values() for device in agent["devices"].values()]
    return {
        "ok": not any(troubles),
        "version": __version__,
        "time": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "configuration": {"file": str(here.places.config), "digest": config.digest, "people": len(config.people)},
        "broker": broker,
        "agents": agents,
        "ingresses": ingresses,
        "observers": observers,
        "credentials": credentials,
        "rotations": _rotations(config, here.places),
    }


def _rotations(config: Config, places: Places) -> list[str]:
    try:
        return rotation.notes(config, places)
    except ConfigurationError as error:
        return list(error.problems)


def _given(here: place.Place, names: tuple[str, ...]) -> str:
    texts = [here.variables.get(one) or here.variables.get(f"{one}_FILE", "") for one in names]
    if not any(texts):
        return ""
    return "demo" if all(text.startswith(DEMO) for text in texts if text) else "given"


def _agent(name: str, here: place.Place, config: Config, survey: Survey) -> dict[str, Any]:
    agent = config.agents[name]
    ours = agent.type in KNOWN_TYPES  # a program of somebody's own has versions of its own
    part = _service(name, survey, digest(agent_extract(config, name)), ours=ours)
    part |= {"type": agent.type, "runs": agent.runs}
    if not survey.online.get(name):
        cure = "Look at its power and its network" if agent.runs == "elsewhere" else "Start it, or look at its log"
        part["trouble"] = f"it is not connected. {cure}"
    elif (keys := _keys(name, here, config, survey)) and "trouble" not in part:
        part["trouble"] = keys
    part["devices"] = {device.name: _device(device.name, survey) for device in config.devices_of(name)}
    if "trouble" in part and not (part["online"] and part.get("troubles")):
        # What its devices were is not what they are. An agent that is there and tells a trouble, as of one device,
        # still tells how the others are.
        part["devices"] = {device: {"state": State.UNKNOWN.value} for device in part["devices"]}
    return part


def _keys(name: str, here: place.Place, config: Config, survey: Survey) -> str:
    """What is wrong with the keys that an agent tells to take: "" if it tells none, or the right ones."""
    verifies = survey.statuses.get(name, {}).get("verifies")
    if not isinstance(verifies, list):
        return ""
    try:
        held = {key.kid for key in here.places.keyring(name)}
        signing = [here.places.keyring(issuer).signing(issuer, name) for issuer in config.issuers()]
    except ConfigurationError as error:
        return error.problems[0]
    lacks = sorted({key.kid for key in signing if key is not None} - set(map(str, verifies)))
    old = [words.printable(str(kid)) for kid in verifies if kid not in held]
    cure = f"take it a new bundle: ./latchwire bundle {name}" if config.agents[name].runs == "elsewhere" else (
        "it reads its keyring within seconds; if this stays, look at its log"
    )  # fmt: skip
    if lacks:
        return f"it lacks keys that are signed with: {', '.join(lacks)}; {cure}"
    return f"it still takes keys that were replaced: {', '.join(old)}; {cure}" if old else ""


def _service(name: str, survey: Survey, expected: str, *, ours: bool = True) -> dict[str, Any]:
    status = survey.statuses.get(name, {})
    online = survey.online.get(name, False)
    part: dict[str, Any] = {"online": online}
    for key in ("version", "health", "config"):
        if isinstance(status.get(key), str):
            part[key] = status[key]
    for key in ("troubles", "notes"):
        lines = status.get(key)
        if isinstance(lines, list):
            part[key] = [words.printable(str(line)) for line in lines]
    if online and part.get("troubles"):
        part["trouble"] = "; ".join(part["troubles"])
    elif online and part.get("config") not in {None, expected}:
        part["trouble"] = "it uses another configuration than config.json holds: `latchwire check` says what to do"
    elif online and ours and part.get("version") not in {None, __version__}:
        part["trouble"] = f"it is version {part['version']} and this is {__version__}: upgrade the older one"
    return part


def _device(name: str, survey: Survey) -> dict[str, Any]:
    seen = survey.states.get(name)
    if seen is None:
        return {"state": State.UNKNOWN.value}
    part: dict[str, Any] = {"state": seen.state.value}
    if seen.simulated:
        part["simulated"] = True
    if seen.by:
        part["by"] = words.printable(seen.by)
    if seen.cause is not None:
        part["cause"] = seen.cause.wire
        if seen.cause is Cause.NOT_CONFIGURED:
            part["note"] = seen.cause.sentence  # what to set is a note of its agent
        else:
            part["trouble"] = f"{seen.cause.sentence} {seen.cause.remedy}"
    return part


def _screen(document: dict[str, Any]) -> list[str]:
    broker = document["broker"]
    lines = [
        colour(f"Latchwire {document['version']}", "bold")
        + f"   configuration {document['configuration']['digest']}, {document['configuration']['people']} people",
        "",
        _row("broker", broker["address"] + (" TLS" if broker["tls"] else ""), broker.get("trouble"), "reachable"),
        *([f"    note: {broker['note']}"] if "note" in broker else []),
    ]
    for name, agent in document["agents"].items():
        about = f"{agent['type']}, {agent['runs']}" + (f", {agent['version']}" if "version" in agent else "")
        lines.append(_row(f"agent {name}", about, agent.get("trouble"), "connected"))
        for device, part in agent["devices"].items():
            text = part["state"].upper() + (" (simulated)" if part.get("simulated") else "")
            by = f"by {part['by']}" if "by" in part else ""
            lines.append(_row(f"  {device}", text, part.get("trouble") or part.get("note"), by))
        lines += [f"    note: {note}" for note in agent.get("notes", ())]
    others = [("ingress", document["ingresses"]), ("observer", document["observers"])]
    for what, name, part in ((what, name, part) for what, parts in others for name, part in parts.items()):
        trouble = part.get("trouble") or (None if part["online"] else "it is not connected. Look at its log")
        lines.append(_row(f"{what} {name}", part.get("version", ""), trouble, "connected"))
        lines += [f"    note: {note}" for note in part.get("notes", ())]
    lines += [f"note: {note}" for note in document["rotations"]]
    lines.append("")
    for name, given in document["credentials"].items():
        wanted = " or ".join(_CREDENTIALS[name])
        text = {"given": "given", "demo": f"the demo's own; set the real {wanted} in state/.env when you want it"}.get(
            given, f"none; set {wanted} in state/.env when you want it"
        )
        lines.append(f"{'credentials ' + name:<22}{text}")
    return lines


def _row(name: str, about: str, trouble: str | None, good: str) -> str:
    tail = colour(trouble, "red") if trouble else colour(good, "green") if good else ""
    return f"{name:<22}{about:<30} {tail}".rstrip()
