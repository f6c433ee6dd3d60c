"""A time of day that a test sets, for the programs that it starts; the machine's own clock is never touched.

``clock.c`` is built once and loaded before a program (LD_PRELOAD). It moves what somebody can set, CLOCK_REALTIME by
each of its ways, and leaves what nobody can, CLOCK_MONOTONIC and CLOCK_BOOTTIME. The virtual Omega's tests set a real
clock.
"""

import shutil
import subprocess
from pathlib import Path
from typing import Final

import pytest

SOURCE: Final = Path(__file__).with_name("clock.c")
YEAR: Final = 31_556_952
"""Seconds."""


class Clock:
    """One time of day for all programs that get ``environment``.

    Args:
        folder: for the library and the file; others may read it, for Mosquitto is another user.
    """

    def __init__(self, folder: Path) -> None:
        compiler = shutil.which("cc") or shutil.which("gcc")
        if compiler is None:
            pytest.skip("there is no C compiler; type: sudo apt-get install gcc libc6-dev")
        library = folder / "clock.so"
        command = [compiler, "-O1", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-o", str(library), str(SOURCE)]
        subprocess.run(command, check=True)
        self._file: Final = folder / "seconds"
        self.set(0)
        self.environment: Final = {"LD_PRELOAD": str(library), "LATCHWIRE_TEST_CLOCK": str(self._file)}

    def set(self, years: float) -> None:
        """So many years ahead of the machine's clock, or behind it, from now on and at once."""
        with self._file.open("r+b" if self._file.exists() else "w+b", buffering=0) as file:
            file.write(int(years * YEAR).to_bytes(8, "little", signed=True))
