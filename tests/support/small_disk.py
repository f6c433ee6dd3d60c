"""A disk that is full and has space again, for one folder or for one process.

``TmpDisk`` is a tmpfs of a few kilobytes (it takes a user who may mount). ``limit`` sets how large a file of a running
process may become (RLIMIT_FSIZE, setrlimit(2)): whoever the tests run as, it can be set and taken back.
"""

import resource
import signal
import subprocess
from pathlib import Path
from typing import Final, Self

import pytest

PAGE: Final = 4096


class TmpDisk:
    """A tmpfs mounted on a folder; a context manager.

    Args:
        folder: made if it is missing.
        pages: how many pages of 4096 bytes it holds.
    """

    def __init__(self, folder: Path, *, pages: int = 64) -> None:
        self.folder: Final = folder
        self._pages = pages
        self._filler = folder / "filler"

    def __enter__(self) -> Self:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        options = f"size={self._pages * PAGE},mode=700"
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", options, "tmpfs", self.folder], check=False, capture_output=True, text=True
        )
        if done.returncode != 0:
            pytest.skip(f"a small disk takes a user who may mount (root): {done.stderr.strip()}")
        return self

    def __exit__(self, *_: object) -> None:
        # Lazily: a program that was just killed may hold a file there a moment longer.
        subprocess.run(["umount", "-l", self.folder], check=True)

    def fill(self) -> None:
        """Takes all the space that is left."""
        with self._filler.open("ab", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(PAGE))
            except OSError:
                return

    def free(self) -> None:
        """Gives it back."""
        self._filler.unlink()


def limit(pid: int, most: int | None) -> None:
    """No file of that process may become larger than so many bytes; ``None`` for no limit.

    Python leaves SIGXFSZ ignored, so such a write fails with EFBIG, and SQLite and logging see an error of the disk.
    """
    assert signal.getsignal(signal.SIGXFSZ) is signal.SIG_IGN
    hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)[1]
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (hard if most is None else most, hard))
