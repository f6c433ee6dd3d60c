"""On what a run was made: said beside every figure."""

import os
import platform
import shutil
import subprocess
from collections.abc import Mapping
from importlib import metadata

from support.broker import TOP


def about() -> Mapping[str, str]:
    """What of machine and versions bears on the figures."""
    return {
        "Latchwire": _git(),
        "Python": platform.python_version(),
        "paho-mqtt": metadata.version("paho-mqtt"),
        "Mosquitto": _mosquitto(),
        "kernel": f"{platform.system()} {platform.release()}",
        "processors": str(os.cpu_count()),
        "processor": _processor(),
    }


def load() -> float:
    """How many tasks wanted to run in the last minute: far above the number of processors, figures say little."""
    return os.getloadavg()[0]


def which(program: str) -> str | None:
    """Where a program is; a user's PATH may lack ``/usr/sbin``."""
    return shutil.which(program, path=f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin")


def _mosquitto() -> str:
    done = subprocess.run([which("mosquitto") or "mosquitto", "-h"], capture_output=True, text=True, check=False)
    return done.stdout.partition("\n")[0].removeprefix("mosquitto version ").strip()


def _git() -> str:
    """The commit; ``-dirty`` where something is not committed, but for the figures that are being made."""

    def said(*words: str) -> str:
        done = subprocess.run(["git", "-C", str(TOP), *words], capture_output=True, text=True, check=False)
        return done.stdout.strip()

    commit = said("describe", "--always")
    is_dirty = said("status", "--porcelain", "--untracked-files=no", "--", ".", ":!docs/performance")
    return f"{commit}{'-dirty' if is_dirty else ''}" if commit else "no git checkout"


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:  # noqa: PTH123  # a list of lines, read once
            return next(line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.machine()
