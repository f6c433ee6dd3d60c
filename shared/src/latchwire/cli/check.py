"""``latchwire check``: everything that is wrong, at once, each with its cure, before anything is started.

A problem is something that will not work or is not safe: exit status 1. A note is something to look at: 0.
"""

import argparse
import contextlib
import json
import shlex
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from latchwire.cli import bundled, listeners, making, rotation
from latchwire.config import environment, expiry
from latchwire.config.agent import ALL
from latchwire.config.examples import check_example_people
from latchwire.config.home import BUILT_IN_ISSUERS, KNOWN_TYPES, Config, Confirm, Person
from latchwire.config.loading import load
from latchwire.config.places import Places, find, read_private, top
from latchwire.config.strict_json import quoted
from latchwire.config.wording import meant
from latchwire.confirmation import hashes
from latchwire.errors import ConfigurationError


def add(subparsers: Any) -> None:
    """Adds the command to the command line."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "check",
        help="tell all that is wrong with configuration, keys, logins and .env",
        description="Tells all that is wrong, with its cure. Exit status 1 if anything is.",
    )
    parser.add_argument("--json", action="store_true", help="answer as one JSON object")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Runs it.

    Returns:
        The exit status: 0 if all is well, else 1.
    """
    result = Check(find())
    if options.json:
        print(json.dumps(result.as_json()))
    else:
        for problem in result.problems:
            print(problem)
        for note in result.notes:
            print(f"note: {note}")
        print(result.summary())
    return 1 if result.problems else 0


class Check:
    """Looks at one state folder.

    Attributes:
        problems: what will not work or is not safe.
        notes: what to look at.
        config: the configuration, if it could be read.
    """

    def __init__(self, places: Places) -> None:
        self.places = places
        self._services = (top() or Path.cwd()) / "services"
        self.problems: list[str] = []
        self.notes: list[str] = []
        self.config = self._configuration()
        self._try(self._environment)
        self._try(self._listeners)
        if self.config is not None:
            self._secrets(self.config)
            self._confirmations(self.config)
            self._of_agents(self.config)
            self._try(lambda: self.notes.extend(rotation.notes(load(places.config), places)))
        self.problems = list(dict.fromkeys(self.problems))

    def summary(self) -> str:
        """The last line."""
        config = self.config
        if self.problems or config is None:
            return f"Problems: {len(self.problems)}."
        what = f"agents {len(config.agents)}, devices {len(config.devices)}, people {len(config.people)}"
        return f"All is well: {what}, configuration {config.digest}."

    def as_json(self) -> dict[str, Any]:
        """The same for programs."""
        return {
            "ok": not self.problems,
            "problems": self.problems,
            "notes": self.notes,
            "configuration": self.config.digest if self.config else None,
        }

    def _configuration(self) -> Config | None:
        try:
            return load(self.places.config)
        except ConfigurationError as error:
            self.problems += error.problems
            return None

    def _environment(self) -> None:
        env = self.places.env
        if environment.open_to_others(env):
            self.problems.append(f".env: others can read it; type: chmod 600 {env}")
        self.notes += environment.unknown(env, self._own_services())
        variables = environment.environment(self.places.state, private=False)
        for row in environment.VARIABLES.values():
            if row.secret:
                self._try(lambda name=row.name: environment.secret(variables, name))  # type: ignore[misc]
            if row.name.endswith("_PORT"):
                self._try(lambda name=row.name: environment.port(variables, name))  # type: ignore[misc]

    def _own_services(self) -> set[str]:
        """What somebody's own services go by: the beginnings of their variables are made of it."""
        if self.config is None:
            return set()
        types = {agent.type for agent in self.config.agents.values()}
        return types.union(self.config.issuers(), self.config.observers) - {*KNOWN_TYPES, *BUILT_IN_ISSUERS}

    def _listeners(self) -> None:
        served = expiry.read(self.places)
        warning = listeners.plan(environment.environment(self.places.state, private=False), served).warning
        self.notes += [warning] if warning else []
        if served is None:
            return
        now = time.time()
        if text := expiry.sentence(served.until, now):
            (self.problems if served.until <= now else self.notes).append(text)
        cure = "type: ./latchwire init, and restart the broker"
        for name in ("broker.pem", "ca.crl") if served.certificates else ("broker.pem",):
            made = read_private(self.places.tls / name, self.places.state, cure="type: ./latchwire init --tls")
            with contextlib.suppress(OSError):  # not made here, or the broker's alone
                if (self.places.broker / name).read_text("ascii") != made:
                    self.problems.append(f"broker/{name}: is not what is in tls/; {cure}")
        if self.places.authority.exists():
            read_private(self.places.authority, self.places.state)

    def _secrets(self, config: Config) -> None:
        self._try(lambda: check_example_people(config, environment.environment(self.places.state, private=False)))
        for name in (*config.issuers(), *config.agents):
            self._try(lambda name=name: self._keyring(config, name))  # type: ignore[misc]
        before = len(self.problems)
        passwords: dict[str, str] = {}
        for name in making.logins(config):
            self._try(lambda name=name: passwords.update({name: self.places.password(name)}))  # type: ignore[misc]
        if before == len(self.problems):
            with contextlib.suppress(OSError):  # not made here, or the broker's alone
                text = (self.places.broker / "logins").read_text("utf-8", errors="replace")
                if not making.holds(text, passwords):
                    cure = "run `latchwire init`, restart the broker"
                    self.problems.append(f"broker/logins does not hold the logins; {cure}")

    def _keyring(self, config: Config, name: str) -> None:
        ring = self.places.keyring(name)
        others = config.issuers() if name in config.agents else tuple(config.agents)
        for other in others:
            issuer, agent = (other, name) if name in config.agents else (name, other)
            if ring.signing(issuer, agent) is None:
                self.problems.append(f"keys/{name}: no key of {issuer} toward {agent}; run `latchwire init`")
            elif name in config.agents:
                newest = self.places.keyring(issuer).signing(issuer, agent)
                if newest is not None and ring.find(newest.kid, agent) != newest:
                    self.problems.append(
                        f"keys/{name}: does not hold the key that {issuer} signs with ({newest.kid}); "
                        f"copy its line from keys/{issuer}"
                    )

    def _of_agents(self, config: Config) -> None:
        for agent in config.agents.values():
            if agent.type not in KNOWN_TYPES and not (self._services / agent.type).is_dir():
                near = meant(agent.type, KNOWN_TYPES)
                what = f"{quoted(agent.type)} does not come with Latchwire; it takes a service of your own"
                self.notes.append(f"config.json: agents.{agent.name}.type: {what}{near}")
            for issuer in agent.obeys or ():
                near = meant(issuer, BUILT_IN_ISSUERS)
                if issuer not in (*BUILT_IN_ISSUERS, *config.ingresses) and near:
                    what = f"{quoted(issuer)} does not come with Latchwire{near}"
                    self.notes.append(f"config.json: agents.{agent.name}.obeys: {what}")
            if agent.runs == "elsewhere":
                self._try(lambda name=agent.name: self._bundle(config, name))  # type: ignore[misc]

    def _confirmations(self, config: Config) -> None:
        pins: dict[str, str] = {}
        self._try(lambda: pins.update(hashes.read(self.places)))
        for device in config.devices.values():
            if device.confirm and "unlock" not in device.confirm and "unlock" in device.kind.actions:
                self.notes.append(f"config.json: devices.{device.name}.confirm: unlock is not in it, and opens without")
        for tag, (name, action) in config.hashtags.items():
            if action in config.devices[name].confirm:
                what = f"{action} of {name} takes a confirmation, and on X nobody can be asked: it will never work"
                self.notes.append(f"config.json: hashtags.#{tag}: {what}; take it out")
        for person in config.people.values():
            strict = [name for name in config.devices if person.name not in pins and _takes_pin(config, person, name)]
            if strict:
                what = f"{', '.join(strict)}: it takes a PIN, and {person.name} has none; type: latchwire pin"
                self.notes.append(f"config.json: people.{person.name}: {what} {shlex.quote(person.name)}")
        for name in pins.keys() - config.people.keys():
            cure = f"type: latchwire pin --remove {shlex.quote(name)}"
            self.notes.append(f"pins.json: {quoted(name)} is nobody in config.json; {cure}")

    def _bundle(self, config: Config, agent: str) -> None:
        cure = f"type `latchwire bundle {agent}` and take it there"
        match bundled.stale(config, self.places, agent):
            case True:
                self.problems.append(f"{agent}: its hardware holds an older configuration or older keys; {cure}")
            case None:
                self.notes.append(f"{agent}: nothing was bundled for its hardware yet; {cure}")

    def _try(self, look: Callable[[], object]) -> None:
        try:
            look()
        except ConfigurationError as error:
            self.problems += error.problems


def _takes_pin(config: Config, person: Person, device: str) -> bool:
    """Whether this person may do something with the device that takes a PIN, and no YES."""
    granted = person.may if isinstance(person.may, str) else person.may.get(device, ())
    confirm = config.devices[device].confirm
    return any(how is Confirm.PIN and (granted == ALL or action in granted) for action, how in confirm.items())
