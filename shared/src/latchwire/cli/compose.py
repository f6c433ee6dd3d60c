"""Compose's one-shot ``setup``: ``latchwire init``, and then to each file its owner.

Nothing else of Latchwire starts as root in a container. What it does as root: it gives the state folder to the user
whose checkout it is (Docker makes a missing one as root's; ``make run`` by root leaves the broker's files to the user
``mosquitto``), and hands the broker and the tunnels copies of what they need in volumes of their own, so that neither
ever sees the state folder and the folder stays the user's alone. All else is ``latchwire init``, run as that user.

Compose has to know before this runs which user the services are. Where it guessed wrong, this writes it to
``state/.env``, which Compose reads too, and says to type the same again.
"""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple

from latchwire.cli import compose_files
from latchwire.cli.listeners import plan
from latchwire.config import expiry
from latchwire.config.environment import env_line, environment, read_env
from latchwire.config.places import Places, find, top
from latchwire.errors import ConfigurationError

TLS_FILES: Final = "docker-compose.yml:docker-compose.tls.yml"
GUESSED: Final = 1000
"""The user and group that docker-compose.yml assumes: the first person's on Debian and Ubuntu."""
FOLDERS: Final = ("config", "keys", "logins", "broker", "mosquitto", "data", "run")
_LOOPBACK: Final = ("127.", "localhost", "::1", "[::1]")


class Owner(NamedTuple):
    """Whose the state folder is: a Unix user and group by number."""

    uid: int
    gid: int


class Choice(NamedTuple):
    """Who owns the state folder, and whether that is whom Compose runs the services as."""

    owner: Owner
    as_guessed: bool


def choose(checkout: Owner, variables: Mapping[str, str], *, rootless: bool) -> Choice:
    """Whose the state folder is to be.

    Args:
        checkout: whose the checkout is.
        variables: LATCHWIRE_UID and LATCHWIRE_GID, if they are set, decide.
        rootless: in a user namespace, whose root is the user who started Docker.

    Raises:
        ConfigurationError: one of the two is no number.
    """
    numbers = {name: _number(variables, name) for name in ("LATCHWIRE_UID", "LATCHWIRE_GID")}
    uid, gid = numbers["LATCHWIRE_UID"], numbers["LATCHWIRE_GID"]
    if uid is not None:
        return Choice(Owner(uid, GUESSED if gid is None else gid), as_guessed=True)
    if checkout.uid == 0 and not rootless:  # root can use anybody's files, and no service of ours runs as root
        return Choice(Owner(GUESSED, GUESSED if gid is None else gid), as_guessed=True)
    return Choice(checkout, as_guessed=checkout.uid == GUESSED)


def _number(variables: Mapping[str, str], name: str) -> int | None:
    text = variables.get(name, "")
    if text and not (text.isascii() and text.isdecimal() and len(text) <= 10):
        raise ConfigurationError(f"{name}: {text!r} is no number; `id -u` and `id -g` tell yours")
    return int(text) if text else None


def give(state: Path, owner: Owner) -> None:
    """Gives the folder, its usual parts and all that is in them to the owner; what Docker made is closed to others."""
    for folder in (state, *(state / name for name in FOLDERS)):
        if folder.is_dir() and not folder.is_symlink() and folder.stat().st_uid != owner.uid:
            folder.chmod(0o700)
    for path in (state, *state.rglob("*")):  # rglob follows no symbolic links
        if path.lstat().st_uid != owner.uid:
            os.chown(path, owner.uid, owner.gid, follow_symlinks=False)


def note_owner(places: Places, owner: Owner) -> None:
    """Writes to ``.env`` whom Compose is to run the services as, unless it stands there."""
    present = read_env(places.env)
    lines = {"LATCHWIRE_UID": owner.uid, "LATCHWIRE_GID": owner.gid}
    text = "".join(env_line(name, str(number)) for name, number in lines.items() if name not in present)
    with places.env.open("a", encoding="utf-8") as file:
        file.write(f"\n# Compose runs the services as this user; written by its `setup`.\n{text}")


def note_tls(places: Places) -> bool:
    """Writes to ``.env`` that Compose is to open the TLS port too, once there is a certificate; whether it did."""
    if expiry.read(places) is None or "COMPOSE_FILE" in read_env(places.env):
        return False
    with places.env.open("a", encoding="utf-8") as file:
        file.write("\n# The broker's TLS port; written by Compose's `setup`.\n" + env_line("COMPOSE_FILE", TLS_FILES))
    return True


def main() -> int:
    """Runs it; the exit status is 0 if the services may start."""
    try:
        return _run(find(), Path("/handed"))
    except ConfigurationError as error:
        sys.stderr.write("".join(f"{problem}\n" for problem in error.problems))
        return 1


def _run(places: Places, handed: Path) -> int:
    checkout = ((top() or Path.cwd()) / "broker").stat()
    rootless = Path("/proc/self/uid_map").read_text(encoding="ascii").split() != ["0", "0", "4294967295"]
    owner, as_guessed = choose(Owner(checkout.st_uid, checkout.st_gid), os.environ, rootless=rootless)
    give(places.state, owner)
    command = [str(Path(sys.executable).with_name("latchwire")), "init", *sys.argv[1:]]
    done = subprocess.run(  # noqa: S603 - our own command line, as its caller gave it
        command, user=owner.uid, group=owner.gid, extra_groups=[], umask=0o077, check=False
    )
    if done.returncode:
        return done.returncode
    if not as_guessed:
        note_owner(places, owner)
        raise ConfigurationError(
            f"This checkout is of the user with the number {owner.uid}. That is noted in state/.env now, and Compose "
            "has to read it: type the same again."
        )
    if checkout.st_uid == 0 and owner.uid and not rootless:
        print(f"The checkout is root's: state/ is of user {owner.uid} (LATCHWIRE_UID in state/.env names another).")
    _hand_over(places, handed)
    return 0


def _hand_over(places: Places, handed: Path) -> None:
    """Gives the broker and the tunnels what they need."""
    variables = environment(places.state)
    host = variables.get("BROKER_HOST", "")
    if host.startswith(_LOOPBACK):
        raise ConfigurationError(
            f"BROKER_HOST: in a container {host} is the container itself; take the line out of state/.env"
        )
    if compose_files.for_broker(places, variables, handed / "broker"):
        print("If the broker runs already, its new logins and access list need:  docker compose restart broker")
    if note_tls(places):
        print("The broker's TLS port is opened at BROKER_BIND by the next:  docker compose up -d")
    elif plan(variables, expiry.read(places)).home:
        print("BROKER_BIND: in Compose only TLS is opened to others. Type:  ./latchwire init --tls NAME_OR_ADDRESS")
    for line in compose_files.for_tunnels(variables, handed):
        print(line)


if __name__ == "__main__":
    sys.exit(main())
