"""``latchwire init``: makes what is missing in the state folder, and never overwrites what is there.

It may be said again at any time, by two at once, and after it was interrupted: it goes on with what is missing.
An agent, an issuer or a port that is new gets its keys, login and lines; what was edited stays as it is.
"""

import argparse
import os
import secrets
import sys
from pathlib import Path
from typing import Any, Final

from latchwire.cli import making, original, reloading
from latchwire.cli.files import Writer
from latchwire.cli.listeners import plan
from latchwire.cli.wanted import Wanted
from latchwire.config import environment, expiry, schema
from latchwire.config.environment import DEMO
from latchwire.config.home import MANUAL, Config
from latchwire.config.loading import load
from latchwire.config.places import Places, find, top
from latchwire.errors import ConfigurationError
from latchwire.ingress import now
from latchwire.service.home import endpoint

_REMEMBERED: Final = (
    "BROKER_PORT", "BROKER_TLS_PORT", "BROKER_BIND", "WEBHOOK_PORT", "WEBHOOK_BIND", "DEMO_X_PORT",
)  # fmt: skip
"""What is set when `.env` is made is written down there."""
_TEMPLATES: Final = ("mosquitto.conf", "acl")


def add(subparsers: Any) -> None:
    """Adds the command to the command line."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "init",
        help="make what is missing: configuration, keys, logins, the broker's files",
        description="Makes what is missing in the state folder and never overwrites what is there.",
    )
    parser.add_argument(
        "--from",
        dest="original",
        metavar="OLD",
        type=Path,
        help="take over people, hashtags and credentials from the original project's config.json",
    )
    parser.add_argument(
        "--tls",
        nargs="*",
        metavar="NAME_OR_ADDRESS",
        help="make a certificate for the broker, under these names and addresses; without any, renew it for those that "
        "it has when its end is less than six weeks away",
    )
    parser.add_argument("--renew", action="store_true", help="with --tls: make a new certificate in any case")
    parser.add_argument(
        "--certificates",
        action=argparse.BooleanOptionalAction,
        help="with --tls: certificates, and no passwords, are the logins of the listener with TLS",
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Runs it.

    Returns:
        The exit status: 0, or 1 if something is wrong; all that is, is told.
    """
    places = find()
    writer = Writer(places.state)
    said: list[str] = []
    try:
        wanted = _wanted(options)
        taken = original.take_over(options.original) if options.original else None
        with writer.locked():
            said = make(places, writer, taken, wanted)
    except ConfigurationError as error:
        if writer.made:
            _tell(places, writer, [])
        for problem in error.problems:
            print(problem, file=sys.stderr)
        return 1
    _tell(places, writer, said)
    return 0


def _wanted(options: argparse.Namespace) -> Wanted | None:
    if options.tls is not None:
        return Wanted(tuple(options.tls), options.renew, options.certificates)
    if options.renew or options.certificates is not None:
        raise ConfigurationError("--renew and --certificates go with --tls: ./latchwire init --tls --renew")
    return None


def make(
    places: Places, writer: Writer, taken: original.Taken | None = None, wanted: Wanted | None = None
) -> list[str]:
    """Makes all that is missing, while the writer holds its lock.

    Returns:
        What a person should know besides the files that were made.

    Raises:
        ConfigurationError: what is there is wrong, or nothing can be written there.
    """
    if taken is not None and places.config.exists():
        raise ConfigurationError(f"{places.config} is there already; move it away, then say it again")
    for name in ("config", "keys", "logins", "broker", "mosquitto", "data", "run"):
        writer.folder(places.state / name)
    writer.replace(places.schema, schema.text())
    said = _env(places, writer, taken)
    if writer.new(places.config, taken.config if taken else schema.example()) and taken is None:
        said.append("It is the demo: every agent in it is simulated, and nobody in it exists but you.")
    config = load(places.config)
    making.make_keys(config, places, writer)
    passwords = making.make_logins(config, places, writer)
    if wanted is not None:
        tls = making.certificates()

        bind = environment.value(environment.environment(places.state), "BROKER_BIND")
        said += tls.Maker(places, writer, now=now(), bind=bind).make(wanted, making.logins(config))
    said += _broker(config, places, writer, passwords)
    if taken:
        said += ["", "Taken over. Assumed, so look at each:", *_points(original.ASSUMED), *_points(taken.notes)]
    return said


def _env(places: Places, writer: Writer, taken: original.Taken | None) -> list[str]:
    # Signed with this, `make whatsapp` speaks to the demo as Twilio would; Twilio's real token takes its place.
    values = {} if taken else {"TWILIO_AUTH_TOKEN": DEMO + secrets.token_hex(16)}
    # `BROKER_PORT=11884 make run` has to hold for `./latchwire` in the next terminal, too.
    values |= {name: os.environ[name] for name in _REMEMBERED if os.environ.get(name)}
    writer.new(places.env, environment.example(values))
    if taken is None or not taken.env:
        return []
    present = environment.read_env(places.env)
    before = places.env.read_text("utf-8")
    lines = [line for line in taken.env.splitlines() if line.partition("=")[0] not in present]
    kept = [name for name in taken.credentials if name in present]
    if lines:
        start = before if before.endswith("\n") else before + "\n"
        writer.replace(places.env, start + "\n# From the original project's config.json\n" + "\n".join(lines) + "\n")
    return [f"{name} stood in .env already and was left as it is." for name in kept]


def _broker(config: Config, places: Places, writer: Writer, passwords: dict[str, str]) -> list[str]:
    variables = environment.environment(places.state)
    making.make_client_options(places, writer, endpoint=endpoint(variables), password=passwords[MANUAL])
    checkout = top()
    if checkout is None:
        return ["The broker's files were not made: that takes a checkout, for broker/mosquitto.conf is in it."]
    before, first = len(writer.made), not (places.broker / "logins").exists()
    templates = {name: (checkout / "broker" / name).read_text("utf-8") for name in _TEMPLATES}
    served = expiry.read(places)
    listeners = plan(variables, served)
    making.make_broker_files(config, places, writer, templates=templates, passwords=passwords, listeners=listeners)
    if served is not None:
        making.copy_certificates(places, writer, served)
    making.give_to_broker(places)
    changed = [] if first else [name.removeprefix("broker/") for name in writer.made[before:]]
    return [line for line in (listeners.warning, *reloading.tell(places, changed)) if line]


def _tell(places: Places, writer: Writer, said: list[str]) -> None:
    """Says what was made, a line a folder."""
    if not writer.made:
        print(f"Nothing was missing in {places.state}.")
    else:
        print(f"Made in {places.state}:")
        folders: dict[str, list[str]] = {}
        for name in dict.fromkeys(writer.made):
            folder, _, file = name.rpartition("/")
            folders.setdefault(folder, []).append(file)
        for folder, files in folders.items():
            print(f"  {folder + '/' if folder else ''}{', '.join(files)}")
    for line in said:
        print(line)


def _points(text: str | tuple[str, ...]) -> list[str]:
    return [f"  - {line}" for line in (text.splitlines() if isinstance(text, str) else text)]
