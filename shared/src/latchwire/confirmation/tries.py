"""How many wrong PINs each person has had, on the disk, shared by all programs of one state folder.

A try is written down before it is judged: a crash, a kill or a second process in between gives no try for nothing.
After three wrong ones the person is locked out for a quarter of an hour, after three more for half an hour, and so on,
at most a day; the right PIN ends the count, and so does a new one. The time is ``CLOCK_BOOTTIME``: setting the clock
helps nobody, and a reboot begins the lock-out anew.
"""

import contextlib
import math
import os
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

from latchwire.errors import LatchwireError
from latchwire.waiting import now

TRIES: Final = 3
LOCKED_SECONDS: Final = 15 * 60
LONGEST_SECONDS: Final = 24 * 3600
_SCHEMA: Final = (
    "CREATE TABLE IF NOT EXISTS tries (person TEXT PRIMARY KEY, pin TEXT NOT NULL, wrong INTEGER NOT NULL, "
    "lockouts INTEGER NOT NULL, boot TEXT NOT NULL, until REAL) WITHOUT ROWID"
)


class TriesError(LatchwireError):
    """The count cannot be read or written, so no PIN may be judged; the text says why."""


class Left(NamedTuple):
    """What a person has left.

    Attributes:
        tries: how many more wrong PINs until the lock-out.
        locked_seconds: how long they are locked out yet; 0 if they are not.
    """

    tries: int
    locked_seconds: int


class _Row(NamedTuple):
    wrong: int = 0
    lockouts: int = 0
    boot: str = ""
    until: float | None = None


def this_boot() -> str:
    """Another text after each boot of the machine (random(4), ``boot_id``)."""
    return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()


class Tries:
    """The count.

    Args:
        path: the file; it and its folder are made if they are not there.
        clock: seconds since boot.
        boot: another text after each boot.
    """

    def __init__(self, path: Path, *, clock: Callable[[], float] = now, boot: Callable[[], str] = this_boot) -> None:
        self._path, self._clock, self._boot = path, clock, boot

    def begin(self, person: str, pin: str) -> Left | None:
        """Counts one try, which is about to be judged; ``None`` if the person is locked out and it must not be.

        Args:
            person: their name.
            pin: tells this PIN from an earlier one, whose tries do not count.

        Returns:
            What is left if this try turns out to be wrong.

        Raises:
            TriesError: it was not written down, so the PIN must not be judged.
        """
        with self._change() as database:
            row = self._row(database, person, pin)
            if row.until is not None and row.until > self._clock():
                return None
            row = row._replace(wrong=row.wrong + 1, boot=self._boot(), until=None)
            if row.wrong >= TRIES:
                row = row._replace(wrong=0, lockouts=row.lockouts + 1)
                row = row._replace(until=self._clock() + _seconds(row.lockouts))
            _write(database, person, pin, row)
            return Left(TRIES - row.wrong if row.until is None else 0, self._remaining(row))

    def forget(self, person: str) -> None:
        """The right PIN was given: all begins anew.

        Raises:
            TriesError: it was not written down.
        """
        with self._change() as database:
            database.execute("DELETE FROM tries WHERE person = ?", (person,))

    def locked_seconds(self, person: str, pin: str) -> int:
        """How long the person is locked out yet; 0 if they are not.

        Raises:
            TriesError: the count cannot be read.
        """
        if not self._path.exists():
            return 0
        with self._change() as database:
            return self._remaining(self._row(database, person, pin))

    def people(self) -> tuple[str, ...]:
        """Who has been locked out since their last right PIN; the lock-out may be over.

        Raises:
            TriesError: the count cannot be read.
        """
        if not self._path.exists():
            return ()
        with self._change() as database:
            rows = database.execute("SELECT person FROM tries WHERE until IS NOT NULL ORDER BY person").fetchall()
        return tuple(str(person) for (person,) in rows)

    def _row(self, database: sqlite3.Connection, person: str, pin: str) -> _Row:
        found = database.execute(
            "SELECT wrong, lockouts, boot, until FROM tries WHERE person = ? AND pin = ?", (person, pin)
        ).fetchone()
        row = _Row(*found) if found else _Row()
        if row.until is not None and row.boot != self._boot():
            row = row._replace(boot=self._boot(), until=self._clock() + _seconds(row.lockouts))
            _write(database, person, pin, row)
        return row

    def _remaining(self, row: _Row) -> int:
        return 0 if row.until is None else max(0, math.ceil(row.until - self._clock()))

    @contextlib.contextmanager
    def _change(self) -> Iterator[sqlite3.Connection]:
        """One change, synced, with all other programs kept out; opened each time, for it is rare."""
        try:
            if not self._path.exists():
                self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                os.close(os.open(self._path, os.O_CREAT | os.O_RDWR, 0o600))
            with contextlib.closing(sqlite3.connect(self._path, timeout=3, isolation_level=None)) as database:
                database.execute("PRAGMA synchronous = FULL")
                database.execute("BEGIN IMMEDIATE")
                database.execute(_SCHEMA)
                yield database
                database.execute("COMMIT")
        except (sqlite3.Error, OSError) as error:
            raise TriesError(
                f"{self._path} cannot be used: {error}. Free some disk; if it is damaged, delete it and give "
                "everybody a new PIN: latchwire pin PERSON"
            ) from error


def _write(database: sqlite3.Connection, person: str, pin: str, row: _Row) -> None:
    database.execute("INSERT OR REPLACE INTO tries VALUES (?, ?, ?, ?, ?, ?)", (person, pin, *row))


def _seconds(lockouts: int) -> int:
    return int(min(LONGEST_SECONDS, LOCKED_SECONDS * 2 ** min(lockouts - 1, 20)))
