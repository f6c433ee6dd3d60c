"""Runs the targets: ``python -m fuzz [--seconds 600] [--keep] [TARGET …]``, two at a time on two cores.

What libFuzzer finds on the way it keeps in ``.cache/fuzz/TARGET`` and goes on from there the next time; ``--keep`` adds
to ``tests/fuzz/corpus/TARGET`` what of it reaches something new. An input that fails is told and put into
``tests/fuzz/crashes/TARGET``. Both folders are in git, and ``test_kept_inputs.py`` replays them without the fuzzer.

``python -m fuzz --again FILE …`` gives single inputs to their targets, and needs no fuzzer either.
"""

import argparse
import base64
import importlib
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from fuzz.kept import CORPUS, CRASHES, HERE, TARGETS

TOP: Final = HERE.parents[1]
CACHE: Final = TOP / ".cache" / "fuzz"
USUAL_SECONDS: Final = 10
SLOW_SECONDS: Final = 20
"""An input that takes longer counts as a failure: nobody may keep a door's agent busy with a single message."""
_MEMORY: Final = 2048
"""MiB; more counts as a failure."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit status: 0 if nothing failed."""
    parser = argparse.ArgumentParser(
        prog="fuzz", description="Gives odd inputs to all that reads what comes from outside."
    )
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"one of {', '.join(TARGETS)}; all if left out")
    parser.add_argument("--seconds", type=int, default=USUAL_SECONDS, help="for each target")
    parser.add_argument("--keep", action="store_true", help="add to the kept corpus what reaches something new")
    parser.add_argument("--again", nargs="+", type=Path, metavar="FILE", help="repeat single inputs")
    options = parser.parse_args(arguments)
    if unknown := set(options.targets) - set(TARGETS):
        parser.error(f"there is no target {', '.join(sorted(unknown))}; there are: {', '.join(TARGETS)}")
    if options.again:
        return _again(options.again)
    with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as runs:
        names = options.targets or TARGETS
        good = list(runs.map(lambda name: _run(name, seconds=options.seconds, keep=options.keep), names))
    return 0 if all(good) else 1


def _again(files: Sequence[Path]) -> int:
    for file in files:
        importlib.import_module(f"fuzz.targets.{file.parent.name}").one_input(file.read_bytes())
        _say(f"{file}: nothing is wrong with it (any more)")
    return 0


def _run(name: str, *, seconds: int, keep: bool) -> bool:
    """Fuzzes one target; whether nothing failed."""
    found, kept, crashes = CACHE / name, CORPUS / name, CRASHES / name
    for folder in (found, kept, crashes):
        folder.mkdir(parents=True, exist_ok=True)
    options = [
        f"-max_total_time={seconds}", f"-timeout={SLOW_SECONDS}", f"-rss_limit_mb={_MEMORY}", "-print_final_stats=1",
        f"-dict={HERE / 'dictionaries' / f'{name}.dict'}", f"-artifact_prefix={crashes}/",
    ]  # fmt: skip
    if os.environ.get("CI"):
        options.append("-seed=1")  # what lands is judged by nearly the same inputs each time
    ended, log = _engine(name, [*options, str(found), str(kept)])
    if ended != 0:
        _tell(name, log)
        return False
    count = re.search(r"number_of_executed_units: (\d+)", log)
    reached = re.findall(r" cov: (\d+) ft: (\d+) ", log)
    line = f"{name}: {count[1] if count else '?'} inputs in {seconds} s, {reached[-1][0] if reached else '?'} branches"
    _say(f"{line}, no failure{_keep(name, found, kept) if keep else ''}")
    return True


def _keep(name: str, found: Path, kept: Path) -> str:
    ended, log = _engine(name, ["-merge=1", "-use_counters=0", str(kept), str(found)])  # branches, not how often
    added = re.search(r"(\d+) new files with", log)
    return f", {added[1]} inputs kept" if ended == 0 and added else f"; merging failed, see {CACHE / name}.log"


def _engine(name: str, options: Sequence[str]) -> tuple[int, str]:
    """The exit status of a run, and what it printed."""
    words = [sys.executable, "-m", "fuzz.engine", name, *options]
    environment = {**os.environ, "PYTHONPATH": str(HERE.parent)}
    ended = subprocess.run(
        words, cwd=TOP, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
    )
    log = ended.stdout.decode("utf-8", "replace")
    (CACHE / f"{name}.log").write_text(log, encoding="utf-8")
    return ended.returncode, log


def _tell(name: str, log: str) -> None:
    """What failed, with the input and the line that repeats it."""
    written = re.search(r"Test unit written to (\S+)", log)
    trace = re.search(r"=== Uncaught Python exception: ===\n(.*?)\n==\d+==", log, re.DOTALL)
    lines = [f"{name}: FAILED", (trace[1] if trace else log[-2000:]).strip()]
    if written:
        file = Path(written[1])
        content = file.read_bytes()
        lines += [
            f"The input: {content[:400]!r}{' …' if len(content) > 400 else ''}",
            f"in base64: {base64.b64encode(content).decode()}",
            f"Repeat it:  make fuzz AGAIN={file.relative_to(TOP)}",
            "Then write the test, mend it, and commit that file: `make test` replays it from then on.",
        ]
    _say("\n".join(lines))


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
