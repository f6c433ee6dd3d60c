"""Is this the person's PIN? Judged one at a time, each try written down before.

One at a time, because a hash takes 16 MB, and because then nobody gets more tries by sending them all at once.
"""

import threading
from collections.abc import Callable
from typing import Final, NamedTuple

from latchwire.config.places import Places
from latchwire.confirmation import hashes
from latchwire.confirmation.tries import TRIES, Tries, TriesError, this_boot
from latchwire.errors import ConfigurationError
from latchwire.health import Health
from latchwire.waiting import now

_COUNT: Final = "pins.sqlite3"


class Judged(NamedTuple):
    """What became of a PIN.

    Attributes:
        right: whether it is the person's.
        tries: how many more wrong ones until a lock-out.
        locked_seconds: how long the person is locked out; 0 if they are not.
    """

    right: bool
    tries: int = 0
    locked_seconds: int = 0


class Pins:
    """The PINs of one state folder; may be asked from several threads.

    Args:
        places: the state folder.
        clock: seconds since boot.
        boot: another text after each boot.
    """

    def __init__(
        self, places: Places, *, clock: Callable[[], float] = now, boot: Callable[[], str] = this_boot
    ) -> None:
        self._hashes = hashes.HashFile(places)
        self._tries = Tries(places.data / _COUNT, clock=clock, boot=boot)
        self._one_at_a_time = threading.Lock()

    def has(self, person: str) -> bool:
        """Whether this person has a PIN.

        Raises:
            ConfigurationError: the file cannot be used, so nobody knows.
        """
        return self._hashes.of(person) is not None

    def locked_seconds(self, person: str) -> int:
        """How long the person is locked out yet; 0 if they are not.

        Raises:
            ConfigurationError: the hashes cannot be read.
            TriesError: the count cannot be read.
        """
        written = self._hashes.of(person)
        return 0 if written is None else self._tries.locked_seconds(person, _mark(written))

    def judge(self, person: str, pin: str) -> Judged:
        """Whether it is this person's PIN; a wrong one counts.

        Raises:
            ConfigurationError: the hashes cannot be read.
            TriesError: the try cannot be written down, so it was not judged.
        """
        with self._one_at_a_time:
            written = self._hashes.of(person)
            if written is None:
                return Judged(right=False, tries=TRIES)
            left = self._tries.begin(person, _mark(written))
            if left is None:
                return Judged(right=False, locked_seconds=self._tries.locked_seconds(person, _mark(written)))
            if not hashes.fits(pin, written):
                return Judged(right=False, tries=left.tries, locked_seconds=left.locked_seconds)
            self._tries.forget(person)
            return Judged(right=True)

    def health(self) -> Health:
        """What the owner has to know: files that cannot be used, and who is locked out."""
        try:
            locked = [person for person in self._tries.people() if self.locked_seconds(person)]
            self._hashes.of("")
        except ConfigurationError as error:
            return Health(error.problems)
        except TriesError as error:
            return Health((str(error),))
        return Health((), tuple(
            f"{person} is locked out of confirmations by too many wrong PINs; a new PIN ends it: latchwire pin {person}"
            for person in locked
        ))  # fmt: skip


def _mark(written: str) -> str:
    """The salt tells one PIN from the next."""
    return written.split("$")[4] if written.count("$") == 5 else ""
