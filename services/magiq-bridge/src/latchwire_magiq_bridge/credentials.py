"""Key and secret of the MagIQ API, from the environment or from files named there.

``MAGIQ_API_KEY`` or ``MAGIQ_API_KEY_FILE``, ``MAGIQ_API_SECRET`` or ``MAGIQ_API_SECRET_FILE``. A missing
one is no error of the program: the bridge stays up, idle, and says what to set and where.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from latchwire.errors import ConfigurationError
from latchwire.kit.variables import secret

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
            value = secret(environ, name)
        except ConfigurationError as error:
            problems.extend(error.problems)
            continue
        values.append(value)
        if not value:
            problems.append(f"{name} is not set; set it {_WHERE}")
    if problems:
        raise ConfigurationError(problems)
    return Credentials(key=values[0], secret=values[1])
