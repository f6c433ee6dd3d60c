"""``python -m bench [--quick] [ROW …]``: measures, prints the table, writes the page and the figures.

The exit status is 0 if every row that was asked for could be measured; a goal that is missed is told, not punished.
"""

import argparse
import datetime as dt
import importlib
import pkgutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

import bench.rows
from bench import machine, report
from bench.lab import CACHE, Lab, read_json
from bench.row import Missing, Need, Outcome, Row
from support.broker import TOP

DOCS: Final = TOP / "docs/performance"


def rows() -> list[Row]:
    """All rows, in their order."""
    modules = [
        importlib.import_module(f"bench.rows.{found.name}") for found in pkgutil.iter_modules(bench.rows.__path__)
    ]
    return sorted((module.ROW for module in modules if hasattr(module, "ROW")), key=lambda row: row.order)


def main() -> int:
    """Runs the program."""
    every = rows()
    parser = argparse.ArgumentParser(prog="make bench", description="Measures Latchwire beside what one would use.")
    parser.add_argument("--quick", action="store_true", help="few samples, into .cache/bench/")
    parser.add_argument("--page", action="store_true", help="only make the page and the plots anew from the figures")
    parser.add_argument("names", nargs="*", metavar="ROW", help=", ".join(row.name for row in every))
    options = parser.parse_args()
    if unknown := {*options.names} - {row.name for row in every}:
        parser.error(f"no such row: {', '.join(sorted(unknown))}; there are: {', '.join(row.name for row in every)}")
    folder = CACHE / "quick" if options.quick else DOCS
    asked = [] if options.page else [row for row in every if not options.names or row.name in options.names]
    failed = [row.name for row in asked if not measure(row, folder / "figures", quick=options.quick)]
    documents = {
        row.name: read_json(path) for row in every if (path := folder / "figures" / f"{row.name}.json").exists()
    }
    print(report.table(asked or every, documents))
    (folder / "README.md").write_text(report.page(every, documents), "utf-8")
    drawn = draw(folder)
    print(f"\n{folder / 'README.md'} tells the rest.")
    return 1 if failed or not drawn else 0


def measure(row: Row, folder: Path, *, quick: bool) -> bool:
    """Measures one row and saves it; whether that could be done."""
    print(f"{row.name}: {row.what} …", end=" ", flush=True)
    began, load, date = time.monotonic(), machine.load(), dt.datetime.now(dt.UTC).strftime("%Y-%m-%d %H:%M UTC")
    outcome: Outcome | None = None
    error = ""
    try:
        for need in row.needs:
            install(need)
        with Lab(quick=quick) as lab:
            outcome = row.run(lab)
    except Missing as missing:
        error = str(missing)
    except (AssertionError, OSError, RuntimeError, ValueError, subprocess.SubprocessError) as fault:
        error = f"{type(fault).__name__}: {fault}"  # the other rows go on
    seconds = time.monotonic() - began
    print(error or f"{seconds:.0f} s", flush=True)
    about = {"row": row.name, "date": date, "machine": machine.about(), "load": load, "seconds": seconds}
    report.write(folder, row, report.document_of(outcome, error=error, **about))
    return not error


def install(need: Need) -> None:
    """Installs a Debian package if it is missing.

    Raises:
        Missing: it cannot be installed; the text says what to type.
    """
    has = Path(need.sign).exists() if need.sign.startswith("/") else machine.which(need.sign) is not None
    if has:
        return
    done = subprocess.run(
        [TOP / "scripts/apt-install", need.package], capture_output=True, text=True, check=False
    )  # fmt: skip
    if done.returncode:
        raise Missing(f"{need.sign} is missing. " + done.stderr.replace("latchwire: ", "").strip())


def draw(folder: Path) -> bool:
    """Draws the plots, in the environment that has matplotlib; whether that could be done."""
    done = subprocess.run(
        [TOP / "scripts/bench-plots", folder / "figures", folder], capture_output=True, text=True, check=False
    )  # fmt: skip
    if done.returncode:
        print(f"The plots could not be drawn:\n{done.stderr}")
    return done.returncode == 0


if __name__ == "__main__":
    sys.exit(main())
