"""``latchwire watch``: commands, receipts, states and alerts as they pass, readable, marked verified or not."""

import argparse
import json
import os
import signal
import sys
import threading
import time
from typing import Any

from latchwire.cli import place, words
from latchwire.cli.about_x import x_line
from latchwire.cli.words import colour
from latchwire.model import Outcome
from latchwire.observer import (
    AlertSeen,
    AvailabilitySeen,
    CommandSeen,
    Event,
    NonceSeen,
    Observer,
    ReceiptSeen,
    StateSeen,
    StatusSeen,
    Unreadable,
)
from latchwire.service.home import login


def add(subparsers: Any) -> None:
    """Adds the command to the command line."""
    parser = subparsers.add_parser(
        "watch",
        help="show what passes: commands, receipts, states, alerts",
        description="Shows what passes at the broker until Ctrl-C. `verified` means: signed with a key that is in "
        "state/keys, for just this device. States and alerts are not signed.",
    )
    parser.add_argument("--json", action="store_true", help="one JSON object a line, nonces and status included")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Runs until Ctrl-C or SIGTERM."""
    here = place.here()
    stop = threading.Event()
    x_lines: dict[str, str] = {}
    signal.signal(signal.SIGTERM, lambda *_: stop.set())

    def show(event: Event) -> None:
        line = _as_json(event) if options.json else _as_text(event) or _about_x(event, x_lines)
        if line:
            try:
                print(line, flush=True)
            except BrokenPipeError:  # `latchwire watch | head`: nobody reads any more
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
                stop.set()

    def connection(trouble: str) -> None:
        text = f"The broker is away, trying again: {trouble}" if trouble else f"Watching {here.endpoint.host}"
        print(colour(text, "yellow" if trouble else "dim", sys.stderr), file=sys.stderr, flush=True)

    observer = Observer(
        keyring=here.all_keys(),
        endpoint=here.endpoint,
        login=login(here.places, place.OBSERVER),
        on_event=show,
        on_connection=connection,
        reread=here.all_keys,
    )
    observer.start()
    try:
        stop.wait()
    except KeyboardInterrupt:
        pass
    finally:
        observer.stop()
    return 0


def _as_text(event: Event) -> str:
    """One line, or "" for what only machines want to know."""
    head = colour(time.strftime("%H:%M:%S"), "dim")
    match event:
        case CommandSeen(_, device, command, verified):
            return f"{head}  command  {device} {command.act}  by {command.sub}  {_mark(verified)}"
        case ReceiptSeen(_, device, receipt, verified):
            done = receipt.outcome is Outcome.DONE
            text = f"{device} {receipt.act or '?'}: {receipt.outcome.value}"
            if receipt.cause is not None:
                text += f", {receipt.cause.wire}: {receipt.cause.sentence}"
            elif receipt.changed is False:
                text += ", nothing changed"
            text += f"  {words.state(receipt.state, simulated=receipt.simulated)}"
            return f"{head}  receipt  {colour(text, 'green' if done else 'red')}  {_mark(verified)}"
        case StateSeen():
            return f"{head}  state    {_state(event)}"
        case AlertSeen(agent, cause, device, kid, times):
            about = " ".join(
                filter(None, (words.printable(device), words.printable(kid), f"{times} times" if times > 1 else ""))
            )
            text = f"{agent}: {cause.wire}: {cause.sentence}" + (f" ({about})" if about else "")
            return f"{head}  alert    {colour(text, 'red')}  {cause.remedy}"
        case AvailabilitySeen(name, online):
            return f"{head}  service  {name} is {'here' if online else colour('away', 'yellow')}"
        case Unreadable(topic, detail):
            return f"{head}  strange  {colour(words.printable(topic), 'yellow')}: {words.printable(detail)}"
        case NonceSeen() | StatusSeen():
            return ""


def _about_x(event: Event, told: dict[str, str]) -> str:
    """One line about an ingress that listens to X, when what ``told`` remembers of it has changed; else ""."""
    if not isinstance(event, StatusSeen):
        return ""
    line = x_line(event.status)
    if line == told.get(event.name, ""):
        return ""
    told[event.name] = line
    return f"{colour(time.strftime('%H:%M:%S'), 'dim')}  x        {event.name}: {line}" if line else ""


def _state(event: StateSeen) -> str:
    text = f"{event.device} is {words.state(event.state, simulated=event.simulated)}"
    if event.cause is not None:
        text += f": {event.cause.sentence}"
    if event.by:
        text += f"  by {words.printable(event.by)}"
    if event.locks_in is not None:
        text += f", locks in {event.locks_in} s"
    return text


def _mark(verified: bool) -> str:  # noqa: FBT001  # one word for one flag
    return colour("verified", "green") if verified else colour("NOT VERIFIED", "red")


def _as_json(event: Event) -> str:
    document: dict[str, object] = {
        "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "event": type(event).__name__.removesuffix("Seen").lower(),
    }
    match event:
        case CommandSeen(agent, device, command, verified):
            document |= {"agent": agent, "device": device, "verified": verified, **command.to_claims()}
        case ReceiptSeen(agent, device, receipt, verified):
            document |= {"agent": agent, "device": device, "verified": verified, **receipt.to_claims()}
        case StateSeen() | AlertSeen():
            fields = {name: getattr(value, "wire", value) for name, value in event._asdict().items()}
            document |= {name: value for name, value in fields.items() if value is not None}
        case _:
            document |= event._asdict()
    return json.dumps(document)
