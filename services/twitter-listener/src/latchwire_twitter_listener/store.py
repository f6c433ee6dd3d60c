"""What has to outlive a restart: one SQLite file, ``state/data/twitter-listener.sqlite``.

It holds which posts were acted on, when X was connected to, what was billed today, and which id belongs to a
name. Every change is on the disk (``synchronous=FULL``) before the caller goes on. A file that is damaged is
set aside and told, not fatal: posts from before the start are not obeyed anyway, so no old post can act
because of it.
"""

import logging
import sqlite3
import threading
from pathlib import Path
from typing import Final

from latchwire.errors import ConfigurationError

log = logging.getLogger("latchwire.twitter")

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS seen (origin TEXT PRIMARY KEY, at REAL NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS connects (at REAL NOT NULL);
CREATE TABLE IF NOT EXISTS billed (
    day TEXT NOT NULL, post TEXT NOT NULL, PRIMARY KEY (day, post)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS accounts (
    asked TEXT PRIMARY KEY, id TEXT NOT NULL, username TEXT NOT NULL, protected INTEGER NOT NULL,
    at REAL NOT NULL
) WITHOUT ROWID;
"""


class Store:
    """The file; safe to use from several threads.

    Args:
        path: the database's file; its folder is made, readable by the owner alone.

    Raises:
        ConfigurationError: the file cannot be opened or written, though it is not damaged.
    """

    def __init__(self, *, path: Path) -> None:
        self._lock = threading.Lock()
        self._path = path
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._database = self._open()
        except (OSError, sqlite3.OperationalError) as fault:
            raise ConfigurationError(
                f"data/{path.name} cannot be used ({fault}); look at the disk's space and the folder's owner"
            ) from None
        except sqlite3.DatabaseError:
            aside = path.with_suffix(".damaged")
            path.replace(aside)
            for left in ("-wal", "-shm"):  # they belong to the one that was damaged
                path.with_name(path.name + left).unlink(missing_ok=True)
            log.warning("The listener's memory was damaged, was set aside as %s and starts anew.", aside.name)
            self._database = self._open()

    def _open(self) -> sqlite3.Connection:
        database = sqlite3.connect(self._path, check_same_thread=False, isolation_level=None, timeout=5)
        try:
            self._path.chmod(0o600)
            database.execute("PRAGMA journal_mode=WAL")  # one sync a change; a rollback journal takes four
            database.execute("PRAGMA synchronous=FULL")
            database.executescript(_SCHEMA)
        except sqlite3.Error:
            database.close()
            raise
        return database

    def change(self, statement: str, *values: object) -> int:
        """Changes something; returns how many rows it was, once they are on the disk."""
        with self._lock:
            return self._database.execute(statement, values).rowcount

    def rows(self, statement: str, *values: object) -> list[tuple[object, ...]]:
        """All rows that a query finds."""
        with self._lock:
            return self._database.execute(statement, values).fetchall()

    def close(self) -> None:
        """Closes the file; to be called last."""
        with self._lock:
            self._database.close()
