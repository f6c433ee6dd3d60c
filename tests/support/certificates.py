"""Certificates of any age and any authority, and a Mosquitto that serves them with the project's own configuration.

The certificates are made by the project's own code; the time is an argument there, so no clock is changed.
"""

import datetime as dt
from pathlib import Path
from typing import Any, Final

from latchwire.bus import Endpoint
from latchwire.cli import authority as pki
from latchwire.cli.broker_files import more_listeners
from latchwire.cli.listeners import Address, Listeners
from support.broker import HOST, Broker

NOW: Final = dt.datetime.now(dt.UTC)
YEAR: Final = dt.timedelta(days=365)


class TlsBroker(Broker):
    """Our broker with its TLS listener as ``latchwire init --tls`` writes it.

    Args:
        folder: an empty or missing folder for its files.
        names: what its certificate is for.
        made: when its certificate was made; the authority is as old as the oldest that is asked for.
        certificates: whether certificates are the logins.

    Attributes:
        authority: what signed it.
    """

    def __init__(
        self, *, folder: Path, names: tuple[str, ...] = ("localhost", HOST), made: dt.datetime = NOW,
        certificates: bool = False,
    ) -> None:  # fmt: skip
        self.authority: Final = pki.new_authority(now=NOW - 10 * YEAR)
        self._first, self._certificates = (names, made), certificates
        super().__init__(folder=folder, tls=True)

    def serve(self, names: tuple[str, ...] = ("localhost", HOST), made: dt.datetime = NOW) -> None:
        """Gives it another certificate; it is read at its start and on SIGHUP."""
        self._write_secret("broker.pem", pki.broker_certificate(self.authority, names, now=made))

    def refuse(self, *serials: int, number: int = 1) -> None:
        """Writes the list of certificates that do not count any more."""
        (self.folder / "ca.crl").write_text(pki.revocations(self.authority, serials, number=number, now=NOW))

    def certificate(self, login: str) -> Path:
        """A file with a certificate for that login, and its key."""
        path = self.folder / f"client-{login}.pem"
        path.write_text(pki.login_certificate(self.authority, login, now=NOW))
        return path

    def endpoint(self, host: str = HOST, **fields: Any) -> Endpoint:
        """Where a client finds it with TLS."""
        return Endpoint(host, self.tls_port, str(self.ca_file))._replace(**fields)

    def _tls_lines(self) -> str:
        tls = Address(self.host, self.tls_port)
        return more_listeners(Listeners(Address(self.host, self.port), None, tls, self._certificates))

    def _write_certificates(self) -> None:
        self.ca_file.write_text(self.authority.certificate_pem)
        (self.folder / "ca.crt").write_text(self.authority.certificate_pem)
        self.serve(*self._first)
        self.refuse()
