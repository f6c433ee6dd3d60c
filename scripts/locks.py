"""Writes and checks the lock files.

    locks.py write [--upgrade]    resolves with uv (needs the network; keeps today's pins where they still fit)
    locks.py check                tells which lock is out of step with its pyproject.toml (needs no network)

All come from one resolution: first the union of all distributions and the tools, for the virtual environment,
then each distribution's own, constrained by it. A lock's header holds a hash of the requirements it was
made from. ``latchwire`` itself is never looked up anywhere: it stands for what ``shared/pyproject.toml`` requires.
"""

import hashlib
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any, Final

TOP: Final = Path(__file__).parents[1]
EVERYTHING: Final = TOP / "requirements-dev.lock"
ASIDE: Final = {group: TOP / f"requirements-{group}.lock" for group in ("bench", "fuzz")}
"""What `make bench` and `make fuzz` install when they are asked for; what others have too is of one version."""
PYTHON: Final = "3.11"
_OURS: Final = re.compile(r"latchwire(?:\[([a-z, -]+)\])?\Z")
_PIN: Final = re.compile(r"^([a-z0-9-]+)==(\S+)", re.MULTILINE)


def read(project: Path) -> dict[str, Any]:
    """A folder's pyproject.toml."""
    return tomllib.loads((project / "pyproject.toml").read_text(encoding="utf-8"))


def requirements(project: Path) -> set[str]:
    """What a distribution needs at run time, with ``latchwire[extra]`` replaced by what that needs."""
    shared = read(TOP / "shared")["project"]
    extras = shared["optional-dependencies"]
    if project == TOP / "shared":  # the command line: every extra
        return {*shared["dependencies"], *(line for extra in extras.values() for line in extra)}
    wanted: set[str] = set()
    for line in read(project)["project"]["dependencies"]:
        ours = _OURS.match(line)
        if not ours:
            wanted.add(line)
            continue
        wanted.update(shared["dependencies"])
        for extra in (ours[1] or "").split(","):
            wanted.update(extras[extra.strip()] if extra.strip() else ())
    return wanted


def inputs() -> dict[Path, set[str]]:
    """The requirements of each lock, by its path; the union first."""
    folders = ("services", "examples", "templates")
    ours = (path for folder in folders for path in TOP.glob(f"{folder}/*/pyproject.toml"))
    projects = [TOP / "shared", *sorted(path.parent for path in ours)]
    each = {project / "requirements.lock": requirements(project) for project in projects}
    build = {line for project in projects for line in read(project)["build-system"]["requires"]}
    groups = read(TOP)["dependency-groups"]
    everything = build.union(groups["dev"], *each.values())
    aside = {lock: set(groups[group]) for group, lock in ASIDE.items()}
    return {EVERYTHING: everything, TOP / "requirements-build.lock": build, **aside, **each}


def header(wanted: set[str]) -> str:
    """The first lines of a lock."""
    digest = hashlib.sha256("\n".join([PYTHON, *sorted(wanted)]).encode()).hexdigest()
    made = f"# Made by `make lock` from the pyproject.toml files, for Python {PYTHON} and newer."
    return f"{made}\n# inputs: {digest}\n"


def write(*, upgrade: bool) -> None:
    """Resolves all locks anew."""
    options = f"--quiet --no-config --universal --python-version {PYTHON} --generate-hashes"
    options += " --no-header --no-annotate"
    for lock, wanted in inputs().items():
        words = ["uv", "pip", "compile", "-", *options.split(), "--output-file", str(lock)]
        if lock != EVERYTHING:
            words += ["--constraints", str(EVERYTHING)]
        elif upgrade:
            words += ["--upgrade"]
        text = "\n".join(sorted(wanted))
        subprocess.run(words, input=text, text=True, check=True, stdout=subprocess.DEVNULL)
        lock.write_text(header(wanted) + lock.read_text(encoding="utf-8"), encoding="utf-8")


def problems() -> list[str]:
    """What is out of step, a sentence each."""
    found = []
    everything = set(_PIN.findall(EVERYTHING.read_text(encoding="utf-8"))) if EVERYTHING.exists() else set()
    names = {name for name, _ in everything}
    for lock, wanted in inputs().items():
        name = lock.relative_to(TOP)
        text = lock.read_text(encoding="utf-8") if lock.exists() else ""
        if not text.startswith(header(wanted)):
            found.append(f"{name}: not made from today's pyproject.toml")
        elif other := {
            pin for pin in set(_PIN.findall(text)) - everything if lock not in ASIDE.values() or pin[0] in names
        }:
            found.append(f"{name}: not of one resolution with {EVERYTHING.name}: {sorted(other)}")
    return found


def main() -> int:
    """Returns the exit status."""
    match sys.argv[1:]:
        case ["write"]:
            write(upgrade=False)
        case ["write", "--upgrade"]:
            write(upgrade=True)
        case ["check"]:
            if found := problems():
                print("\n".join(found), "make lock  mends this.", sep="\n")
                return 1
        case _:
            print(__doc__)
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
