"""What a service remembers over a restart: one small JSON document, in a file of its data folder.

    memory = Memory(here.data / "diary.json")
    pages = memory.read().get("pages", 0)
    memory.write({"pages": pages + 1})

A file is written whole and then takes the place of the old one, so a crash leaves the one or the other. It is its
owner's alone. What cannot be read is nothing: whoever calls says in the log that it starts anew, if that matters.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from latchwire.errors import ConfigurationError

__all__ = ["Memory"]

MOST_BYTES: Final = 1_000_000
"""A larger file is none of ours."""


class Memory:
    """One file.

    Args:
        path: where it is.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> dict[str, Any]:
        """What was written last; nothing if there is no such file, or no JSON object is in it."""
        try:
            if self._path.stat().st_size > MOST_BYTES:
                return {}
            document = json.loads(self._path.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            return {}
        return document if isinstance(document, dict) else {}

    def write(self, document: Mapping[str, Any]) -> None:
        """Remembers this in place of all that was.

        Args:
            document: what ``json.dumps`` takes.

        Raises:
            ConfigurationError: the file cannot be written: whose the folder is, or how full the disk.
        """
        new = self._path.with_name(f"{self._path.name}.new")
        try:
            with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
                json.dump(document, file, separators=(",", ":"))
                file.flush()
                os.fsync(file.fileno())
            new.replace(self._path)
        except OSError as error:
            raise ConfigurationError(
                f"{self._path} cannot be written: {error.strerror or error}; look at whose the folder is, and at df"
            ) from None
