"""PINs as salted scrypt hashes, in ``pins.json`` of the state folder: never in config.json, never in a log.

    {"john": "scrypt$16384$8$5$<salt>$<hash>"}

Whoever can read the file finds a PIN of four digits within the hour, whatever the hash: there are ten thousand of them.
So the file is its owner's alone, and is not used if others can read it. What keeps others out is the limit of tries.
"""

import base64
import hashlib
import hmac
import itertools
import json
import os
import re
import threading
from collections.abc import Mapping
from typing import Final

from latchwire.config import strict_json
from latchwire.config.places import Places, read_private
from latchwire.errors import ConfigurationError

FORM: Final = re.compile(r"[0-9]{4,12}\Z", re.ASCII)
"""A PIN: 4 to 12 digits."""
COST: Final = (16384, 8, 5)
"""n, r and p of scrypt (RFC 7914): 16 MB and about a fifth of a second; one of OWASP's equal choices for passwords
(Password Storage Cheat Sheet, "scrypt")."""
_BYTES: Final = 16
_MOST_MEMORY: Final = 64 * 1024 * 1024
_HASH: Final = re.compile(r"scrypt\$(\d{1,7})\$(\d{1,2})\$(\d{1,2})\$([\w-]{22})\$([\w-]{43})\Z", re.ASCII)


def hashed(pin: str, *, cost: tuple[int, int, int] = COST) -> str:
    """The text that stands for this PIN in the file; another one each time, for the salt is random."""
    salt = os.urandom(_BYTES)
    return "$".join(("scrypt", *map(str, cost), _text(salt), _text(_scrypt(pin, salt, *cost))))


def fits(pin: str, written: str) -> bool:
    """Whether it is this PIN; compared in constant time.

    Raises:
        ConfigurationError: what is written is none of our hashes, or too costly.
    """
    found = _HASH.match(written)
    if found is None:
        raise ConfigurationError("pins.json: holds what is no hash of a PIN; set the PIN again: latchwire pin PERSON")
    n, r, p = (int(number) for number in found.group(1, 2, 3))
    try:
        made = _scrypt(pin, base64.urlsafe_b64decode(found[4] + "=="), n, r, p)
    except ValueError:
        raise ConfigurationError("pins.json: a hash has wrong costs; set the PIN again: latchwire pin PERSON") from None
    return hmac.compare_digest(_text(made), found[5])


def is_guessed_first(pin: str) -> bool:
    """Whether it is one of those that everybody tries: all digits alike, or counting up or down."""
    steps = {(int(after) - int(before)) % 10 for before, after in itertools.pairwise(pin)}
    return len(steps) == 1 and steps <= {0, 1, 9}


def read(places: Places) -> dict[str, str]:
    """The hashes by person; none if there is no file.

    Raises:
        ConfigurationError: others can read it, or it holds something else.
    """
    if not places.pins.exists():
        return {}
    text = read_private(places.pins, places.state)
    try:
        document, problems = strict_json.parse(text.encode(), "pins.json")
    except ConfigurationError as error:
        document, problems = None, list(error.problems)
    if problems or not isinstance(document, dict) or not all(isinstance(item, str) for item in document.values()):
        raise ConfigurationError("pins.json: holds something else; restore it from your backup, or delete it and set "
                                 "the PINs again: latchwire pin PERSON")  # fmt: skip
    return document


def written(hashes: Mapping[str, str]) -> str:
    """What the file holds for these."""
    return json.dumps(dict(sorted(hashes.items())), indent=2) + "\n"


class HashFile:
    """The file, read again when it changed; may be asked from several threads.

    Args:
        places: the state folder.
    """

    def __init__(self, places: Places) -> None:
        self._places = places
        self._lock = threading.Lock()
        self._mark: object = "never looked"
        self._hashes: Mapping[str, str] = {}

    def of(self, person: str) -> str | None:
        """What is written for this person; ``None`` if they have no PIN.

        Raises:
            ConfigurationError: the file cannot be used, so nobody knows who has one.
        """
        with self._lock:
            mark = self._look()
            if mark != self._mark:
                self._hashes = read(self._places)
                self._mark = mark
            return self._hashes.get(person)

    def _look(self) -> object:
        try:
            seen = self._places.pins.stat()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise ConfigurationError(f"pins.json cannot be read: {error.strerror}") from None
        return seen.st_mtime_ns, seen.st_ctime_ns, seen.st_size, seen.st_ino, seen.st_mode


def _scrypt(pin: str, salt: bytes, n: int, r: int, p: int) -> bytes:
    return hashlib.scrypt(pin.encode(), salt=salt, n=n, r=r, p=p, maxmem=_MOST_MEMORY, dklen=32)


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
