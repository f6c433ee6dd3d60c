"""``latchwire new actuator|observer|ingress NAME``: a service of your own, whole and at work, to be changed from there.

It is a copy of a folder in ``templates/``, with its name in the place of the template's. Everything is looked at before
anything is written, nothing is overwritten, and the folder appears in one step.
"""

import argparse
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, Final, NamedTuple

from latchwire.cli import init, insertion
from latchwire.cli.files import Writer
from latchwire.config.home import Config
from latchwire.config.loading import load
from latchwire.config.places import Places, find, top
from latchwire.config.references import RESERVED
from latchwire.config.strict_json import quoted
from latchwire.errors import ConfigurationError

KINDS: Final = ("actuator", "observer", "ingress")
LONGEST: Final = 25
"""Characters of a name: a device is called NAME-device, and a name at the broker has at most 32."""

_NAME: Final = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*\Z", re.ASCII)
_TAKEN: Final = (*RESERVED, "broker", "ready", "demo-x", "latchwire", "self-test")
_COMPOSE_MARK: Final = "  # ---- Services of your own stand here: `latchwire new` writes them.\n"
_COMPOSE: Final = """  {name}:
    <<: *service
    build: {{context: ., args: {{<<: *images, SERVICE: {name}}}}}
"""


class Wanted(NamedTuple):
    """What to make."""

    kind: str
    name: str

    @property
    def words(self) -> dict[str, str]:
        """What stands in the template, and what takes its place."""
        old, new = f"my-{self.kind}", self.name
        return {spell(old): spell(new) for spell in (str, _module, _variable, class_name)}


def add(subparsers: Any) -> None:
    """Adds the command to the command line."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "new",
        help="make a service of your own: an actuator, an observer or an ingress",
        description="Makes a whole service in services/NAME: package, tests, lock file, its lines for `make run` and "
        "Compose, its login and keys, its part of config.json. Nothing is overwritten. docs/extending.md is the walk.",
    )
    parser.add_argument("kind", choices=KINDS, help="what it does: works devices, sees what passes, hears somebody")
    parser.add_argument("name", help="its name: small letters, digits and dashes, as garage or smart-plug")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Runs it.

    Returns:
        The exit status: 0.

    Raises:
        ConfigurationError: the name cannot be used, or something it needs is missing; then nothing was made.
    """
    wanted, checkout, places = Wanted(options.kind, options.name), _checkout(), find()
    _check_name(wanted, checkout)
    writer = Writer(places.state)
    with writer.locked():
        init.make(places, writer)  # what is missing, first: there may be no config.json yet
        config = load(places.config)
        _check_free(wanted, config)
        text, person = _configured(wanted, config, places.config.read_text("utf-8"))
        compose = _composed(wanted, checkout)
        _copy(wanted, checkout)
        _replace(checkout / "docker-compose.yml", compose)
        writer.replace(places.config, text)
        said = init.make(places, writer)
    print("\n".join(_told(wanted, places, person, said)))
    return 0


def class_name(name: str) -> str:
    """``smart-plug`` as a class is called: ``SmartPlug``."""
    return "".join(part.capitalize() for part in name.split("-"))


def _module(name: str) -> str:
    return name.replace("-", "_")


def _variable(name: str) -> str:
    return _module(name).upper()


# ------------------------------------------------------------------------------------------- may it be made?


def _checkout() -> Path:
    checkout = top()
    if checkout is None or not (checkout / "templates").is_dir() or not (checkout / "services").is_dir():
        raise ConfigurationError(
            "`latchwire new` writes into a checkout of Latchwire, and this is none (nor is a container of Compose's). "
            "In the checkout type:  scripts/setup   and say it again"
        )
    return checkout


def _check_name(wanted: Wanted, checkout: Path) -> None:
    name = wanted.name
    if not _NAME.match(name) or len(name) > LONGEST:
        close = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-0123456789")[:LONGEST].strip("-")
        hint = f", as {close}" if _NAME.match(close) else ", as smart-plug"
        raise ConfigurationError(
            f"{quoted(name)} can be no service's name: 1 to {LONGEST} small letters and digits, a letter first, "
            f"a dash between words{hint}"
        )
    if (checkout / "services" / name).exists():
        raise ConfigurationError(f"services/{name} is there already, and is left as it is; choose another name")
    composed = (checkout / "docker-compose.yml").read_text("utf-8")
    if name in _TAKEN or re.search(rf"^  {name}:", composed, re.MULTILINE):
        raise ConfigurationError(f"{name} is the name of a part of Latchwire; choose another")


def _check_free(wanted: Wanted, config: Config) -> None:
    name = wanted.name
    sections = {
        "agents": config.agents, "devices": config.devices, "people": config.people, "ingresses": config.issuers(),
        "observers": config.observers,
    }  # fmt: skip
    for section, names in sections.items():
        for one in (name, f"{name}-device") if wanted.kind == "actuator" else (name,):
            if one in names:
                raise ConfigurationError(f"config.json: {section}.{one} is there already; choose another name")


# ----------------------------------------------------------------------------------------------- what is written


def _copy(wanted: Wanted, checkout: Path) -> None:
    """Copies the template, and puts the copy in its place in one step."""
    source, target = checkout / "templates" / wanted.kind, checkout / "services" / wanted.name
    making = target.with_name(f".{wanted.name}.making")
    shutil.rmtree(making, ignore_errors=True)
    try:
        for path in sorted(source.rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts and path.suffix != ".pyc":
                copy = making / _named(str(path.relative_to(source)), wanted)
                copy.parent.mkdir(parents=True, exist_ok=True)
                copy.write_text(_named(path.read_text("utf-8"), wanted), "utf-8")
        # A longer or shorter name makes other lines.
        command = [sys.executable, "-m", "ruff", "format", "--quiet", str(making)]
        subprocess.run(command, cwd=checkout, check=False, stderr=subprocess.DEVNULL)  # noqa: S603  # our own copy
        making.rename(target)
    except OSError as error:
        shutil.rmtree(making, ignore_errors=True)
        raise ConfigurationError(f"services/{wanted.name} cannot be written: {error.strerror}") from None


def _named(text: str, wanted: Wanted) -> str:
    for old, new in wanted.words.items():
        text = text.replace(old, new)
    return text


def _composed(wanted: Wanted, checkout: Path) -> str:
    text = (checkout / "docker-compose.yml").read_text("utf-8")
    if text.count(_COMPOSE_MARK) != 1:
        raise ConfigurationError(
            "docker-compose.yml: the line that says where services of your own stand is not there; write\n"
            f"{_COMPOSE_MARK}below the last of the services, and say it again"
        )
    return text.replace(_COMPOSE_MARK, _COMPOSE_MARK + _COMPOSE.format(name=wanted.name))


def _replace(path: Path, text: str) -> None:
    new = path.with_name(f".{path.name}.new")
    new.write_text(text, "utf-8")
    new.chmod(path.stat().st_mode)
    new.replace(path)


def _configured(wanted: Wanted, config: Config, text: str) -> tuple[str, str]:
    """config.json with the new part in it, all else as it is written there; and the device that somebody may work."""
    name, device = wanted.name, ""
    if wanted.kind == "actuator":
        text = insertion.insert(text, "agents", name, {"type": name, "runs": "simulated"})
        text = insertion.insert(text, "devices", f"{name}-device", {"agent": name, "kind": "switch"})
    elif wanted.kind == "observer":
        text = insertion.insert(text, "observers", name, {})
    else:
        # Somebody to try it with, who may work what is simulated and nothing else.
        pretended = [one.name for one in config.devices.values() if config.agents[one.agent].simulated]
        device = next((one for one in pretended if config.devices[one].kind == "switch"), "")
        may = {device: "*"} if device else {}
        text = insertion.insert(text, "ingresses", name, {})
        text = insertion.insert(text, "people", f"{name}-guest", {"identities": [f"{name}:1234"], "may": may})
    return text, device


# ------------------------------------------------------------------------------------------------- what is told


def _told(wanted: Wanted, places: Places, device: str, said: list[str]) -> list[str]:
    name, part = wanted.name, {"actuator": "agents", "observer": "observers", "ingress": "ingresses"}[wanted.kind]
    parts = [f"{part}.{name}"]
    if wanted.kind == "actuator":
        parts.append(f"devices.{name}-device")
    elif wanted.kind == "ingress":
        parts.append(f"people.{name}-guest")
    main = f"services/{name}/src/latchwire_{_module(name)}/main.py"
    try_it = {
        "actuator": f"./latchwire send {name}-device on",
        "observer": f"tail -f {places.data / f'{name}.txt'}",
        "ingress": f'echo "1234 {device or "DEVICE"} on" > {places.run / f"{name}.pipe"}',
    }[wanted.kind]
    more = {
        "actuator": ['It is simulated: main.py is used once config.json says "runs": "here" there.'],
        "observer": [],
        "ingress": [] if device else [f"Write in config.json what people.{name}-guest may do, for a try."],
    }[wanted.kind]
    return [
        f"Made services/{name}, its lines in docker-compose.yml, its login and keys, and in {places.config}:",
        f"  {', '.join(parts)}",
        *[line for line in said if line],
        "",
        "Then type, the first again if it runs already:",
        "  make run        (in Compose:  docker compose up -d --build, then what is said above of the broker)",
        f"  {try_it}",
        f"  make test ARGS=services/{name}",
        *more,
        f"All of it is in {main}; docs/extending.md goes on from there.",
        f"To undo it: rm -r services/{name}, and take its lines out of docker-compose.yml and config.json.",
    ]
