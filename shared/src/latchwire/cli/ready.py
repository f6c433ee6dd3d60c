"""``latchwire ready``: waits until what should run here runs, says what to type next, and stays (for ``make run``)."""

import argparse
import signal
import threading
from typing import Any, Final

from latchwire.cli import place
from latchwire.cli.asking import publish_line
from latchwire.cli.survey import Survey, look
from latchwire.model import Kind

PATIENCE_SECONDS: Final = 10.0


def add(subparsers: Any) -> None:
    """Adds the command to the command line."""
    parser = subparsers.add_parser("ready", help="wait until all runs, then say what to type next")
    parser.add_argument("--once", action="store_true", help="end after that instead of staying")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Runs it; with ``--once`` the exit status says whether all runs."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    here = place.here()
    expected = [agent.name for agent in here.config.current().agents.values() if agent.runs != "elsewhere"]

    def complete(survey: Survey) -> bool:
        return not survey.trouble and all(survey.online.get(name) for name in expected)

    survey = look(here, enough=complete, seconds=PATIENCE_SECONDS)
    while not stop.is_set() and survey.trouble:
        if options.once:
            return 1
        print(f"Still waiting for the broker: {survey.trouble}", flush=True)
        survey = look(here, enough=complete, seconds=PATIENCE_SECONDS)
    missing = [name for name in expected if not survey.online.get(name)]
    if not stop.is_set():
        print("\n".join(_what_next(here, missing)), flush=True)
    if not options.once:
        stop.wait()
    return 1 if missing else 0


def _what_next(here: place.Place, missing: list[str]) -> list[str]:
    config = here.config.current()
    devices = [*config.devices.values()]
    lines = ["", "Latchwire runs. In another terminal, in this folder, type:"]
    if devices:
        device = next((device for device in devices if device.kind is Kind.LOCK), devices[0])
        first, second = ("unlock", "lock") if device.kind is Kind.LOCK else ("on", "off")
        lines += [
            f"  ./latchwire send {device.name} {first}",
            f"  ./latchwire sign {device.name} {second} | {publish_line(here, device)}",
        ]
    lines += [
        "  ./latchwire watch        see what passes",
        "  ./latchwire status       see how all is",
        *(f"Agent {name} is not there yet; `./latchwire status` says more." for name in missing),
        f"Who may do what stands in {here.places.config}. Ctrl-C here ends all of it.",
        "",
    ]
    return lines
