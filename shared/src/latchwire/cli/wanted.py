"""What ``latchwire init --tls`` was asked for: a value that needs no library of certificates."""

from collections.abc import Sequence
from typing import NamedTuple


class Wanted(NamedTuple):
    """What was asked for.

    Attributes:
        names: host names and addresses of the broker; none to keep those that it has.
        renew: make a new certificate for the broker although the old one is good.
        certificates: whether certificates are the logins; ``None`` to leave that as it is.
    """

    names: Sequence[str] = ()
    renew: bool = False
    certificates: bool | None = None
