"""The configuration in force, read again when its file changed.

Asking costs one ``stat``, so a service asks before every decision and needs no watcher: a person who was
taken out of the file is refused at the next word. An invalid file is told once and what was in force stays.
"""

import logging
import threading
from pathlib import Path
from typing import Final

from latchwire.config.home import Config
from latchwire.config.loading import load
from latchwire.errors import ConfigurationError

_log: Final = logging.getLogger("latchwire.config")

_Mark = tuple[int, int, int, int]


class Reloading:
    """One file's configuration, current within one call; may be asked from several threads.

    Raises:
        ConfigurationError: the file is not valid at the start, where nothing older could stay in force.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._mark = self._look()
        self._config = load(path)
        self._problems: tuple[str, ...] = ()

    @property
    def problems(self) -> tuple[str, ...]:
        """What keeps the file from being taken over; empty while what is in force is what is written."""
        return self._problems

    def current(self) -> Config:
        """The last valid configuration."""
        with self._lock:
            mark = self._look()
            if mark != self._mark:
                self._mark = mark
                self._reload()
            return self._config

    def _reload(self) -> None:
        try:
            config = load(self._path)
        except ConfigurationError as error:
            if error.problems != self._problems:
                for problem in error.problems:
                    _log.error("%s", problem)
                _log.error("The configuration is not valid; the one from before stays in force.")
            self._problems = error.problems
            return
        self._problems = ()
        if config.digest != self._config.digest:
            _log.info("The configuration changed and is in force. configuration=%s", config.digest)
        self._config = config

    def _look(self) -> _Mark | None:
        """What changes whenever the file does: an editor renames (inode), a program rewrites (time, size)."""
        try:
            seen = self._path.stat()
        except OSError:
            return None
        return seen.st_mtime_ns, seen.st_ctime_ns, seen.st_size, seen.st_ino
