"""``latchwire bundle``: one archive with all that one agent's own hardware needs, and how to take it there."""

import argparse
import shlex
from pathlib import Path
from typing import Any

from latchwire.cli import bundled, bundling
from latchwire.cli.files import Writer
from latchwire.cli.listeners import is_loopback
from latchwire.config.environment import environment
from latchwire.config.home import Config
from latchwire.config.loading import load
from latchwire.config.places import find
from latchwire.config.wording import meant
from latchwire.errors import ConfigurationError


def add(subparsers: Any) -> None:
    """Adds the command to the command line."""
    parser = subparsers.add_parser(
        "bundle",
        help="make the archive that an agent's own hardware needs",
        description="Makes one archive with an agent's configuration, its keys, its password at the broker, and what "
        "it checks the broker by; says how to take it there.",
    )
    parser.add_argument("agent", help="its name in config.json")
    parser.add_argument("--host", default="", help="where it finds the broker (default: the certificate's first name)")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Runs it."""
    places = find()
    config = load(places.config)
    agent = known_agent(config, options.agent)
    if config.agents[agent].runs == "here":
        raise ConfigurationError(
            f'{agent} runs here and needs no bundle; for hardware of its own write "runs": "elsewhere"'
        )
    where = bundling.broker(places, environment(places.state), host=options.host)
    kind = config.agents[agent].type
    folder = bundling.FOLDERS.get(kind, agent)
    contents = bundling.files(config, places, agent, where)
    writer, path = Writer(places.state), places.bundles / f"{agent}.tar.gz"
    with writer.locked():
        writer.folder(places.bundles)
        writer.replace(path, bundling.archive(folder, contents, mtime=where.floor))
    bundled.mark(config, places, agent, host=where.host)
    print("\n".join(_said(path, folder, contents, where)))
    if config.agents[agent].simulated:
        print(f'Note: config.json says "runs": "simulated" of {agent}; there, too, it will only pretend.')
    return 0


def known_agent(config: Config, name: str) -> str:
    """The name, if it is an agent's.

    Raises:
        ConfigurationError: it is none; it says which there are.
    """
    if name in config.agents:
        return name
    what = f"There is no agent {name!r}"
    if name in config.issuers():
        what = f"{name} is an issuer and no agent; new keys for it, after a theft: ./latchwire rotate {name} --now"
    raise ConfigurationError(f"{what}{meant(name, config.agents)}; you have: {', '.join(config.agents) or 'none'}")


def shown(path: Path) -> str:
    """A path for a line to type, in this folder if that is where it is."""
    return shlex.quote(str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path))


def _said(path: Path, folder: str, contents: dict[str, bytes], where: bundling.Broker) -> list[str]:
    if is_loopback(where.host):
        return [
            f"Made {shown(path)}, readable by you alone: {', '.join(contents)}.",
            f"The agent will connect to {where.address}, on this machine. Unpack it where its program reads it:",
            f"  (umask 077 && tar -xzf {shown(path)} -C FOLDER && rm {shown(path)})",
        ]
    security = "with TLS" if where.authority else "WITHOUT TLS: whoever is on the way can read its password"
    unpack = "umask 077 && tar -xzf - -C /etc"
    if folder == bundling.FOLDERS["relay"]:
        unpack += " && /etc/init.d/relay-agent restart"
    return [
        f"Made {shown(path)}, readable by you alone: {', '.join(contents)}.",
        f"The agent will connect to {where.address}, {security}.",
        "Take it to its hardware (put the device's name or address in place of DEVICE):",
        f"  ssh root@DEVICE '{unpack}' < {shown(path)}",
        "Then remove it here, for its keys are in it:",
        f"  rm {shown(path)}",
    ]
