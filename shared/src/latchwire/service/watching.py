"""Tells a sleeping service that a file has changed, so that it need not look every few seconds (inotify(7)).

Only where that can be relied on: with ``ctypes``, and on file systems of this machine's own kernel. A network's, or the
one of a virtual machine's host, tells nothing of what another machine writes; there, and in a bundle, a service goes on
looking by itself. An event only says that it is time to look: what is read, and whether it is taken, is decided there.
"""

import ctypes
import errno
import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

_MASK: Final = 0x4 | 0x8 | 0x40 | 0x80 | 0x100 | 0x200 | 0x400 | 0x800
"""IN_ATTRIB, CLOSE_WRITE, MOVED_FROM, MOVED_TO, CREATE, DELETE, DELETE_SELF, MOVE_SELF (sys/inotify.h)."""
_ONLYDIR: Final = 0x01000000
_LOCAL: Final = frozenset(
    ("ext2", "ext3", "ext4", "xfs", "btrfs", "tmpfs", "overlay", "f2fs", "zfs", "bcachefs", "jffs2", "ubifs")
)  # fmt: skip


class Watch:
    """Folders whose direct entries are watched; what is below them is not.

    Args:
        folders: those that are not there are watched once they are, from the next :meth:`renew` on.
        library: the C library.

    Raises:
        OSError: the kernel gives none.
    """

    def __init__(self, folders: Sequence[Path], library: Any) -> None:
        self._folders, self._library = tuple(folders), library
        self._descriptor: int = library.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        if self._descriptor < 0:
            raise OSError(ctypes.get_errno(), "inotify")

    def fileno(self) -> int:
        """What to register for ``POLLIN``."""
        return self._descriptor

    def renew(self) -> bool:
        """Watches the folders that are there now, also where another one stood; whether that could be done."""
        for folder in self._folders:
            added = self._library.inotify_add_watch(self._descriptor, os.fsencode(folder), _MASK | _ONLYDIR)
            if added < 0 and ctypes.get_errno() not in {errno.ENOENT, errno.ENOTDIR}:
                return False  # too many watches on this machine, or a folder that may not be read
        return True

    def clear(self) -> None:
        """Makes the next wait wait again."""
        with suppress(BlockingIOError):
            while os.read(self._descriptor, 65536):
                pass

    def close(self) -> None:
        """Gives the descriptor back."""
        os.close(self._descriptor)


def watch(folders: Sequence[Path], mounts: Path = Path("/proc/self/mounts")) -> Watch | None:
    """Watches these folders; ``None`` where that cannot be relied on.

    Args:
        folders: to be watched.
        mounts: the kernel's list of what is mounted where.
    """
    try:
        lines = [line.split() for line in mounts.read_text("utf-8", "surrogateescape").splitlines()]
        kinds = {where.replace("\\040", " "): kind for _, where, kind, *_ in lines}
        if not all(_kind(folder, kinds) in _LOCAL for folder in folders):
            return None
        made = Watch(folders, ctypes.CDLL(None, use_errno=True))
    except (OSError, AttributeError, ValueError):  # no such list, no inotify in kernel or library
        return None
    if made.renew():
        return made
    made.close()
    return None


def _kind(folder: Path, kinds: dict[str, str]) -> str:
    """The file system that a folder is on, or will be."""
    real = folder.resolve()
    return next((kinds[str(place)] for place in (real, *real.parents) if str(place) in kinds), "")
