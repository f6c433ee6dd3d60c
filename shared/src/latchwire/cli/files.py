"""Writes files of the state folder so that nobody ever finds half of one, loses one, or reads another's.

One process at a time (a lock); a file is written beside its place, synced, and put there in one step; an
interrupted run leaves at most a file of ours that the next one removes. Files are 0600 and folders 0700. Run by
root (Compose's ``setup``), what is made belongs to whoever owns the folder it is made in.
"""

import contextlib
import errno
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from latchwire.errors import ConfigurationError

_TEMPORARY: Final = ".latchwire-tmp"

_CURES: Final = {
    errno.ENOSPC: "the disk is full; free some space and say it again, it goes on where it stopped",
    errno.EDQUOT: "the disk quota is used up; free some space and say it again, it goes on where it stopped",
    errno.EROFS: "it is on a read-only file system; set LATCHWIRE_STATE to a folder that can be written",
    errno.EACCES: "you may not write there; run it as the owner, or set LATCHWIRE_STATE to a folder of yours",
    errno.EPERM: "you may not write there; run it as the owner, or set LATCHWIRE_STATE to a folder of yours",
    errno.ENOTDIR: "a file is where a folder should be; move it away",
    errno.EEXIST: "a file is where a folder should be; move it away",
}


class Writer:
    """Writes into one folder while it holds the lock.

    Attributes:
        made: what was made or changed, in order, relative to the folder.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.made: list[str] = []

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Holds the lock; a second process waits here until the first is done.

        Raises:
            ConfigurationError: the folder cannot be made or written to.
        """
        with _told(self.root):
            self._make(self.root)
            lock = os.open(self.root / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            self._own(self.root / ".lock")
            fcntl.flock(lock, fcntl.LOCK_EX)
            self.folder(self.root)
            yield
        finally:
            os.close(lock)

    def folder(self, path: Path) -> None:
        """Makes a folder unless it is there, and clears what an interrupted run left in it.

        Only while the lock is held: without it, what is cleared could be another's that is being written.
        """
        with _told(path):
            self._make(path)
            for left in path.glob(f".*{_TEMPORARY}"):
                left.unlink(missing_ok=True)

    def _make(self, path: Path) -> None:
        if not path.is_dir():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.mkdir(mode=0o700, exist_ok=True)
            self._own(path)

    def new(self, path: Path, text: str) -> bool:
        """Writes a file that is not there yet; one that is there is left alone, whatever it holds.

        Returns:
            Whether it was written.
        """
        if os.path.lexists(path):
            return False
        with _told(path):
            temporary = self._temporary(path, text.encode())
            try:
                os.link(temporary, path)  # fails if somebody made it meanwhile, as a rename would not
            except FileExistsError:
                return False
            except OSError:  # a file system without hard links
                temporary.rename(path)
            finally:
                temporary.unlink(missing_ok=True)
            _sync(path.parent)
        self._note(path)
        return True

    def replace(self, path: Path, text: str | bytes) -> bool:
        """Writes a file that is ours to write, if it does not hold this already.

        Returns:
            Whether it was written.
        """
        content = text.encode() if isinstance(text, str) else text
        with _told(path):
            with contextlib.suppress(FileNotFoundError):
                if path.read_bytes() == content:
                    return False
            self._temporary(path, content).replace(path)
            _sync(path.parent)
        self._note(path)
        return True

    def _temporary(self, path: Path, content: bytes) -> Path:
        temporary = path.with_name(f".{path.name}{_TEMPORARY}")
        temporary.unlink(missing_ok=True)
        file = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            with os.fdopen(file, "wb") as opened:
                opened.write(content)
                opened.flush()
                os.fsync(opened.fileno())
            self._own(temporary)
        except OSError:
            temporary.unlink(missing_ok=True)
            raise
        return temporary

    def _own(self, path: Path) -> None:
        if os.geteuid() == 0:
            owner = path.parent.stat()
            os.chown(path, owner.st_uid, owner.st_gid)

    def _note(self, path: Path) -> None:
        self.made.append(str(path.relative_to(self.root)))


@contextlib.contextmanager
def _told(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        cure = _CURES.get(error.errno or 0, error.strerror or str(error))
        raise ConfigurationError(f"{path} cannot be written: {cure}") from None


def _sync(folder: Path) -> None:
    """Makes the folder's new entry durable, where the file system knows how."""
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        with contextlib.suppress(OSError):
            os.fsync(opened)
    finally:
        os.close(opened)
