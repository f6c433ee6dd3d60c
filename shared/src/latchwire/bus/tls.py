"""TLS to the broker: TLS 1.2 or newer, the authority's signature and the broker's name checked, always.

The *dates* of the broker's certificate need a clock. Where there is a good one, OpenSSL checks them. An Omega has
none: it starts with the newest time of a file in ``/etc``, years behind or, after a mistake, years ahead, and NTP may
be hours away or blocked. Then (``Endpoint.time_floor``) the rule is:

- *not valid before* is not looked at. The authority signs nothing for later, so such a certificate only shows that the
  clock is behind.
- *not valid after* is compared with the clock once NTP has set it (``Endpoint.clock_file`` is there), and it does not
  stand before the floor; until then with the floor, which is past for sure.

So a wrong clock never keeps a door from its broker, and what can be lost by it is little: somebody who has a stolen key
of the broker whose certificate has ended since, and is on the way, can pass for the broker as long as the agent has no
time. They get the broker's password; no command and no receipt is believed because of TLS. The check comes before the
password is sent. Imported only where there is TLS, for ``ssl`` costs an Omega memory.
"""

import ssl
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, TypeVar

from latchwire.bus.words import Endpoint

NO_CHECK_TIME: Final = 0x200000
"""X509_V_FLAG_NO_CHECK_TIME (OpenSSL 1.1.0, x509_vfy.h); Python's ``ssl`` has no name for it."""
WARNED_SECONDS: Final = 42 * 86400
"""How long before its end a certificate is told of."""

_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

_Read = TypeVar("_Read")

Moment = tuple[int, ...]
"""Year, month, day, hour, minute, second, in UTC: what compares as time does."""


def context(endpoint: Endpoint) -> ssl.SSLContext:
    """How to connect there.

    Raises:
        ValueError: a file cannot be read, or holds no certificate.
    """
    made = _read(f"its CA file {endpoint.ca_file}", lambda: ssl.create_default_context(cafile=endpoint.ca_file))
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    cert_file, key_file = endpoint.cert_file, endpoint.key_file
    if cert_file is not None:
        _read(f"our certificate {cert_file}", lambda: made.load_cert_chain(cert_file, key_file))
    if endpoint.time_floor is not None:
        made.verify_flags |= NO_CHECK_TIME

    class Checked(ssl.SSLSocket):
        """Looks at the dates after the handshake, which is before the login.

        It also gives its descriptor back when that fails, which paho leaves to the garbage collector.
        """

        certificate_note = ""

        def do_handshake(self, block: bool = False) -> None:  # noqa: FBT001, FBT002  # as in the standard library
            try:
                super().do_handshake(block)
                self.certificate_note = _check_dates(self.getpeercert() or {}, endpoint)
            except OSError:
                self.close()
                raise

    made.sslsocket_class = Checked
    return made


def _read(what: str, read: Callable[[], _Read]) -> _Read:
    try:
        return read()
    except OSError as error:  # ssl.SSLError is one
        raise ValueError(f"{what} cannot be used: {error.strerror or error}") from None


def _check_dates(certificate: Mapping[str, object], endpoint: Endpoint) -> str:
    exact = endpoint.time_floor is None or clock_is_good(endpoint)
    return judge(end_of(certificate), known_time(endpoint), exact=exact)


def judge(until: Moment, now: float, *, exact: bool) -> str:
    """Compares a certificate's end with the time.

    Args:
        until: the end.
        now: seconds since 1970 that it is at least.
        exact: whether that is the very time, so that a near end can be told.

    Returns:
        What to tell of it, or "".

    Raises:
        ssl.SSLCertVerificationError: the end is over.
    """
    day = f"{until[0]}-{until[1]:02}-{until[2]:02}"
    if until <= _moment(now):
        raise ssl.SSLCertVerificationError(f"the broker's certificate ended on {day}; on its machine: init --tls")
    if exact and until <= _moment(now + WARNED_SECONDS):
        return f"The broker's certificate ends on {day}; on the broker's machine type: ./latchwire init --tls"
    return ""


def known_time(endpoint: Endpoint) -> float:
    """Seconds since 1970 that it is now at least: the clock, or what is known where it may be wrong."""
    if endpoint.time_floor is not None and not clock_is_good(endpoint):
        return float(endpoint.time_floor)
    return _clock()


def _clock() -> float:
    """The clock of the machine, which may be wrong by years: only what is above decides by it."""
    return time.time()


def clock_is_good(endpoint: Endpoint) -> bool:
    """Whether NTP has set the clock, and to a time that can be."""
    if endpoint.time_floor is None or endpoint.clock_file is None or _clock() < endpoint.time_floor:
        return False
    return Path(endpoint.clock_file).exists()


def end_of(certificate: Mapping[str, object]) -> Moment:
    """The end of a certificate as ``ssl`` tells it: ``Jan  5 09:34:43 2028 GMT``.

    (``ssl.cert_time_to_seconds`` does the same, but loads calendar and locale for it.)
    """
    month, day, clock, year = str(certificate["notAfter"]).split()[:4]
    return (int(year), _MONTHS.index(month) + 1, int(day), *(int(part) for part in clock.split(":")))


def _moment(seconds: float) -> Moment:
    return tuple(time.gmtime(seconds)[:6])
