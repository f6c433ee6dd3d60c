"""``latchwire ready``: waits until what should run here runs, says what to type next, and stays (for ``make run``)."""

import argparse
import signal
import threading
import time
from typing import Any

from latchwire.cli import place
from latchwire.cli.asking import publish_line
from latchwire.cli.survey import Survey, look
from latchwire.model import Kind


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
    here, told = place.here(), time.monotonic()
    expected = [agent.name for agent in here.config.current().agents.values() if agent.runs != "elsewhere"]

    def complete(survey: Survey) -> bool:
        return not survey.trouble and all(survey.online.get(name) for name in expected)

    survey = look(here, enough=complete, seconds=5)
    while not stop.is_set() and not complete(survey):
        if options.once:
            return 1
        if time.monotonic() - told > 15:
            told = time.monotonic()
            missing = ", ".join(name for name in expected if not survey.online.get(name))
            waits_for = f"the broker ({survey.trouble})" if survey.trouble else missing
            print(f"Still waiting for {waits_for}. `./latchwire status` in another terminal says more.", flush=True)
        survey = look(here, enough=complete, seconds=5)
    if not stop.is_set():
        print("\n".join(_what_next(here)), flush=True)
    if not options.once:
        stop.wait()
    return 0


def _what_next(here: place.Place) -> list[str]:
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
        f"Who may do what stands in {here.places.config}. Ctrl-C here ends all of it.",
        "",
    ]
    return lines
