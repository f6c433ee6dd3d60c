"""Key and secret of the MagIQ API, from the environment or from files named there.

``MAGIQ_API_KEY`` or ``MAGIQ_API_KEY_FILE``, ``MAGIQ_API_SECRET`` or ``MAGIQ_API_SECRET_FILE``. A missing
one is no error of the program: the bridge stays up, idle, and says what to set and where.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from latchwire.errors import ConfigurationError

NAMES: Final = ("MAGIQ_API_KEY", "MAGIQ_API_SECRET")
_WHERE: Final = "in state/.env (docs/magiq.md says where to get it)"


@dataclass(frozen=True, kw_only=True)
class Credentials:
    """What signs a request. Its ``repr`` shows neither."""

    key: str = field(repr=False)
    secret: str = field(repr=False)


def load(environ: Mapping[str, str]) -> Credentials:
    """Reads both.

    Raises:
        ConfigurationError: what is missing or wrong, and where it is set; never the value itself.
    """
    values: list[str] = []
    problems: list[str] = []
    for name in NAMES:
        try:
            values.append(_read(environ, name))
        except ConfigurationError as error:
            problems.extend(error.problems)
    if problems:
        raise ConfigurationError(problems)
    key, secret = values
    return Credentials(key=key, secret=secret)


def _read(environ: Mapping[str, str], name: str) -> str:
    value, file = environ.get(name, ""), environ.get(f"{name}_FILE", "")
    place = name
    if value and file:
        raise ConfigurationError(f"{name} and {name}_FILE are both set; leave one of them")
    if file:
        place = f"{name}_FILE: {file}"
        try:
            value = Path(file).read_text(encoding="utf-8")
        except (OSError, ValueError) as error:
            reason = (error.strerror if isinstance(error, OSError) else None) or "it is no text"
            raise ConfigurationError(f"{place} cannot be read: {reason}") from None
    value = value.strip()
    if not value:
        raise ConfigurationError(f"{place} is empty" if file else f"{name} is not set; set it {_WHERE}")
    # It becomes a header: a line break inside would become a second one.
    if not re.fullmatch(r"[!-~]{1,512}", value):
        raise ConfigurationError(f"{place}: only printable ASCII without spaces can be a key; copy it again")
    return value
