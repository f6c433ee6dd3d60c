"""``latchwire ready``: waits until what should run here runs, says what to type next, and stays (for ``make run``)."""

import argparse
import os
import shlex
import signal
import threading
from pathlib import Path
from typing import Any, Final

from latchwire.cli import place
from latchwire.cli.asking import publish_line
from latchwire.cli.survey import Survey, look
from latchwire.config.environment import environment, value
from latchwire.config.places import top
from latchwire.model import Kind

PATIENCE_SECONDS: Final = 10.0


def add(subparsers: Any) -> None:
    """Adds the command to the command line."""
    parser = subparsers.add_parser("ready", help="wait until all runs, then say what to type next")
    parser.add_argument("--once", action="store_true", help="end after that instead of staying")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Runs it; with ``--once`` the exit status says whether all runs."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # both end it at once, wherever it waits
    try:
        return _run(options)
    except KeyboardInterrupt:
        return 0


def _run(options: argparse.Namespace) -> int:
    here = place.here()
    config = here.config.current()
    agents = [agent.name for agent in config.agents.values() if agent.runs != "elsewhere"]
    expected = [*agents, *config.ingresses, *config.observers]

    def complete(survey: Survey) -> bool:
        return not survey.trouble and all(survey.online.get(name) for name in expected)

    survey = look(here, enough=complete, seconds=PATIENCE_SECONDS)
    while survey.trouble:
        if options.once:
            return 1
        print(f"Still waiting for the broker: {survey.trouble}", flush=True)
        survey = look(here, enough=complete, seconds=PATIENCE_SECONDS)
    missing = [name for name in expected if not survey.online.get(name)]
    print("\n".join(_what_next(here, missing)), flush=True)
    if not options.once:
        threading.Event().wait()
    return 1 if missing else 0


def _what_next(here: place.Place, missing: list[str]) -> list[str]:
    config = here.config.current()
    kept = environment(here.places.state, {})
    usual = {"LATCHWIRE_STATE": str((top() or Path.cwd()) / "state"), "BROKER_PORT": value(kept, "BROKER_PORT")}
    # What another terminal has to be told, for it stands in this one's environment alone.
    prefix = "".join(
        f"{name}={shlex.quote(os.environ[name])} "
        for name, would_be in usual.items()
        if os.environ.get(name, would_be) != would_be
    )
    devices = [*config.devices.values()]
    lines = ["", "Latchwire runs. In another terminal, in this folder, type:"]
    if devices:
        device = next((device for device in devices if device.kind is Kind.LOCK), devices[0])
        first, second = ("unlock", "lock") if device.kind is Kind.LOCK else ("on", "off")
        lines += [
            f"  {prefix}./latchwire send {device.name} {first}",
            f"  {prefix}./latchwire sign {device.name} {second} | {publish_line(here, device)}",
        ]
    lines += [
        f"  {prefix}./latchwire watch        see what passes",
        f"  {prefix}./latchwire status       see how all is",
        *(f"{name} is not there yet; `./latchwire status` says more." for name in missing),
        f"Who may do what stands in {here.places.config}. Ctrl-C here ends all of it.",
        "",
    ]
    return lines
