"""The memory of every message that was ever heard, so that none is done twice: not after a restart, not in a year.

Twilio's signature holds no time: a request that somebody kept is as good next year as today. So the id of each
well-signed message is on the disk (SQLite, synced) before anything else is done with it, and stays there for good,
strangers' and unclear ones too: a stranger may be let in later, and a word may get a meaning. It costs about 250 bytes
a message, answer included: 50 messages a day are 5 MB in a year.

A message is ``heard``, then ``answered``. One that was heard but not answered was cut off by a crash: it is not done
again, and whoever sent it is told so. If the memory cannot be written or read, nothing is done: it is never begun anew
by itself, for that would be forgetting.

A sync takes about a millisecond, so messages that come while the disk is busy share the next one. An answer is written
but not synced by itself: if the power fails before another message is heard, its message counts as cut off.
"""

import base64
import contextlib
import hashlib
import os
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from latchwire.errors import LatchwireError

_VERSION: Final = 1
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS message (id TEXT PRIMARY KEY, heard INTEGER NOT NULL, answer TEXT) WITHOUT ROWID;
PRAGMA user_version = 1;
"""


class JournalError(LatchwireError):
    """The memory cannot be used; nothing may be done without it. The text says why, and the cure."""


class New(NamedTuple):
    """Heard for the first time, and written down."""


class Repeated(NamedTuple):
    """Heard before.

    Attributes:
        answer: the first answer; ``None`` if there is none: cut off by a crash, or another thread is still at it.
        under_way: whether this process is still at it.
    """

    answer: str | None
    under_way: bool = False


class _Entry:
    """Something to be written with the next commit; after that, whether it was news, or why it is not written."""

    def __init__(self, message: str, answer: str | None = None) -> None:
        self.message, self.answer = message, answer
        self.is_over, self.is_new = False, False
        self.error: Exception | None = None


def message_id(account: str, sid: str, device: str = "") -> str:
    """The id of a message, 52 characters of ``[A-Za-z0-9_-]``; it serves as ``jti`` of the command too.

    Args:
        account: Twilio's AccountSid, of a fixed length.
        sid: Twilio's MessageSid, of a fixed length.
        device: where one message asks several devices, the one that this id is for.
    """
    digest = hashlib.sha256(f"{account}\n{sid}\n{device}".encode()).digest()
    return "whatsapp-" + base64.urlsafe_b64encode(digest).decode().rstrip("=")


class Journal:
    """The memory, in one file; may be used from several threads.

    Args:
        path: the file; it and its folder are made if they are not there.
        patience: seconds that a second delivery waits for the answer to the first.
    """

    def __init__(self, *, path: Path, patience: float = 9.0) -> None:
        self._path = path
        self._patience = patience
        self._lock = threading.Lock()
        self._database: sqlite3.Connection | None = None
        self._opened: tuple[int, int] | None = None
        self._syncs = True
        self._under_way = set[str]()
        self._ended = threading.Condition()
        self._due: deque[_Entry] = deque()

    def hear(self, message: str) -> New | Repeated:
        """Writes the message down, if it was not heard before; a second delivery waits for the first's answer.

        Raises:
            JournalError: it could not be written down, so it must not be done.
        """
        if self._write(_Entry(message)):
            return New()
        with self._ended:
            self._ended.wait_for(lambda: message not in self._under_way, self._patience)
        with self._lock, self._use() as database:
            row = database.execute("SELECT answer FROM message WHERE id = ?", (message,)).fetchone()
            return Repeated(row[0] if row else None, under_way=message in self._under_way)

    def answered(self, message: str, answer: str) -> None:
        """Writes down the answer that a repetition gets.

        Raises:
            JournalError: it could not be written; a repetition is then told that the end is not known.
        """
        try:
            self._write(_Entry(message, answer))
        finally:
            with self._ended:
                self._under_way.discard(message)
                self._ended.notify_all()

    def check(self) -> None:
        """Looks whether the memory can be used.

        Raises:
            JournalError: why not.
        """
        with self._lock, self._use() as database:
            database.execute("SELECT id FROM message LIMIT 1").fetchone()

    def close(self) -> None:
        """Closes the file."""
        with self._lock:
            self._close()

    def _write(self, entry: _Entry) -> bool:
        """Has it written, together with what others want written; whether it is news."""
        self._due.append(entry)
        with self._lock:
            if not entry.is_over:  # nobody took it along
                self._commit([self._due.popleft() for _ in range(len(self._due))])
        if entry.error is not None:
            raise JournalError(str(entry.error)) from entry.error
        return entry.is_new

    def _commit(self, entries: Sequence[_Entry]) -> None:
        """One transaction: all of it is on the disk after it, or none; needs the lock."""
        syncs = any(entry.answer is None for entry in entries)
        try:
            with self._use() as database:
                if syncs is not self._syncs:
                    database.execute(f"PRAGMA synchronous = {'FULL' if syncs else 'NORMAL'}")
                    self._syncs = syncs
                alone = len(entries) == 1  # its statement is a transaction by itself
                if not alone:
                    database.execute("BEGIN IMMEDIATE")
                for entry in entries:
                    entry.is_new = _write_one(database, entry)
                if not alone:
                    database.execute("COMMIT")
        except JournalError as error:
            for entry in entries:
                entry.is_new, entry.error = False, error
        for entry in entries:
            if entry.is_new:
                self._under_way.add(entry.message)
            entry.is_over = True

    @contextlib.contextmanager
    def _use(self) -> Iterator[sqlite3.Connection]:
        """The open file; what goes wrong closes it, so that the next use looks whether it was repaired."""
        try:
            yield self._open()
        except (sqlite3.Error, OSError, UnicodeError) as error:
            self._close()
            raise JournalError(
                f"{self._path} cannot be used: {error}. Free some disk, or restore the file from your backup; "
                "if you delete it, requests that somebody kept can be played again (docs/whatsapp.md)"
            ) from error

    def _open(self) -> sqlite3.Connection:
        if self._database is not None:
            if self._opened != self._file():
                raise OSError("it was deleted or replaced while it was open")
            return self._database
        if self._opened is None:  # later in this process a missing file is a loss and no beginning
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            os.close(os.open(self._path, os.O_CREAT | os.O_RDWR, 0o600))
        found = self._file()
        database = sqlite3.connect(self._path, timeout=3, isolation_level=None, check_same_thread=False)
        self._database = database
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = FULL")
        self._syncs = True
        with contextlib.closing(database.execute("PRAGMA user_version")) as rows:
            (version,) = rows.fetchone()
        if version == 0:
            database.executescript(f"BEGIN IMMEDIATE; {_SCHEMA} COMMIT;")
        elif version != _VERSION:
            raise sqlite3.DatabaseError(f"it is of version {version}, and this program knows {_VERSION}")
        self._opened = found
        return database

    def _file(self) -> tuple[int, int]:
        seen = self._path.stat()
        return seen.st_dev, seen.st_ino

    def _close(self) -> None:
        if self._database is not None:
            with contextlib.suppress(sqlite3.Error):
                self._database.close()
        self._database = None


def _write_one(database: sqlite3.Connection, entry: _Entry) -> bool:
    """Whether it was heard for the first time."""
    if entry.answer is not None:
        words = "UPDATE message SET answer = ? WHERE id = ? AND answer IS NULL"
        database.execute(words, (entry.answer, entry.message))
        return False
    words = "INSERT INTO message VALUES (?, ?, NULL) ON CONFLICT DO NOTHING"
    return database.execute(words, (entry.message, int(time.time()))).rowcount == 1
