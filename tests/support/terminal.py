"""A program in a pseudo-terminal, as a person runs it: what the screen is sent, and Ctrl-C."""

import os
import pty
import re
import select
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, Self

COLOUR: Final = re.compile(r"\x1b\[[0-9;]*m")
"""What our own colours look like (ECMA-48, "select graphic rendition"); all else must not come through."""


class Terminal:
    r"""One program on a terminal of its own; use it in a ``with`` block.

    Attributes:
        screen: all that was written to the terminal, its line ends as ``\n``.
    """

    def __init__(self, command: Sequence[str | Path], *, environment: Mapping[str, str], folder: Path) -> None:
        self.screen = ""
        self._ours, theirs = pty.openpty()
        self._program: Final = subprocess.Popen(
            command, env={"TERM": "xterm-256color", **environment}, cwd=folder, stdin=theirs, stdout=theirs,
            stderr=theirs, start_new_session=True,
        )  # fmt: skip
        os.close(theirs)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._program.poll() is None:
            self._program.kill()
        self._program.wait(10)
        os.close(self._ours)

    def wait_for(self, words: str, seconds: float = 15.0) -> None:
        """Waits until the regular expression is on the screen."""
        end = time.monotonic() + seconds
        while not re.search(words, self.screen):
            assert time.monotonic() < end, f"{words!r} is not on the screen:\n{self.screen!r}"
            self._read()

    def types(self, line: str) -> None:
        """Somebody types that and presses Enter."""
        os.write(self._ours, f"{line}\n".encode())

    def interrupt(self) -> None:
        """What Ctrl-C does to the program in front."""
        self._program.send_signal(signal.SIGINT)

    def end(self, seconds: float = 20.0) -> int:
        """Waits for the end of the program; gives its exit status."""
        end = time.monotonic() + seconds
        while self._program.poll() is None:
            assert time.monotonic() < end, f"it does not end:\n{self.screen!r}"
            self._read()
        self._read()
        return self._program.returncode

    def _read(self) -> None:
        while select.select([self._ours], [], [], 0.05)[0]:
            try:
                data = os.read(self._ours, 65536)
            except OSError:  # the program is gone (EIO)
                return
            self.screen += data.decode(errors="replace").replace("\r\n", "\n")
