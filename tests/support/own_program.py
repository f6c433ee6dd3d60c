"""A program of somebody's own, written to a file and run on a home as its reader would run it."""

import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Final

from support.broker import wait_until
from support.home import Home


class OwnProgram:
    """The process and its log.

    Args:
        home: where it runs.
        file: where to write it.
        text: the program.
        ready: what it logs when it is at work.
    """

    def __init__(self, home: Home, file: Path, text: str, *, ready: str) -> None:
        self.home: Final = home
        self.file: Final = file
        self._log = file.with_suffix(".log")
        file.write_text(textwrap.dedent(text))
        with self._log.open("w") as log:
            self.process: Final = home.run(str(file), stdout=log, stderr=log)
        wait_until(lambda: ready in self.log or self.process.poll() is not None, f"{file.name} is at work", 30)
        assert self.process.poll() is None, self.log

    @property
    def log(self) -> str:
        """All that it has logged and printed."""
        return self._log.read_text()

    def wait_for_log(self, text: str, seconds: float = 20.0) -> None:
        """Waits until the text is in the log."""
        wait_until(lambda: text in self.log, f"{text!r} is in the log:\n{self.log}", seconds)

    def health(self) -> tuple[bool, str]:
        """What ``--health`` says, and whether it is well."""
        done = subprocess.run(
            [sys.executable, self.file, "--health"], env=self.home.environment(), capture_output=True, text=True,
            timeout=20, check=False,
        )  # fmt: skip
        return done.returncode == 0, done.stdout

    def end(self) -> None:
        """Ends it in order."""
        self.process.terminate()
        assert self.process.wait(10) == 0, self.log
