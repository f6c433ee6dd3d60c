"""``latchwire init --tls``: the files of the certificate authority, the broker's certificate and, if asked, of logins.

    ca/ca.pem         the authority with its key: may be kept elsewhere until something has to be made by it
    tls/ca.crt        its certificate: what every client gets
    tls/broker.pem    the broker's key and certificate, in one file so that a restart never finds two halves
    tls/broker.json   what the certificate says, for those who cannot read it
    tls/NAME.pem      where certificates are the logins: the key and certificate of each login
    tls/ca.crl        and the list of those that do not count any more

Saying it again makes what is missing, and a new certificate for the broker when its end is near or other names are
given.
"""

import datetime as dt
import json
from collections.abc import Sequence

from latchwire.cli import authority as pki
from latchwire.cli.files import Writer
from latchwire.cli.listeners import is_loopback
from latchwire.cli.wanted import Wanted
from latchwire.config import expiry
from latchwire.config.expiry import Served
from latchwire.config.places import Places, read_private
from latchwire.errors import ConfigurationError


class Maker:
    """Makes what is missing in one state folder, while the writer holds its lock.

    Args:
        places: the state folder.
        writer: what writes to it.
        now: the time.
        bind: BROKER_BIND, to tell when it keeps the broker closed.
    """

    def __init__(self, places: Places, writer: Writer, *, now: dt.datetime, bind: str = "") -> None:
        self._bind = bind
        self._places, self._writer, self._now = places, writer, now
        self._authority: pki.Authority | None = None
        self._said: list[str] = []

    def make(self, wanted: Wanted, logins: Sequence[str]) -> list[str]:
        """Makes authority, broker's certificate and, if wanted, the logins' own.

        Returns:
            What a person should know besides the files that were made.

        Raises:
            ConfigurationError: a name that is none, no name at all, or a key that has to be there and is not.
        """
        served = expiry.read(self._places)
        names = pki.checked_names(wanted.names) or (served.names if served else ())
        if not names:
            raise ConfigurationError(
                "--tls: give the names and addresses under which clients find the broker, the usual one first: "
                "./latchwire init --tls door.example.com 203.0.113.5"
            )
        certificates = bool(served and served.certificates) if wanted.certificates is None else wanted.certificates
        for folder in (self._places.tls, self._places.authority.parent):
            self._writer.folder(folder)
        self._writer.replace(self._places.tls / "ca.crt", self._authority_certificate())
        served = self._broker(names, certificates=certificates, renew=wanted.renew)
        if certificates:
            self.logins(logins)
        day = dt.datetime.fromtimestamp(served.until, dt.UTC).date()
        if is_loopback(self._bind):
            self._said.append("It listens on this machine alone: BROKER_BIND=0.0.0.0 in state/.env opens it to others.")
        self._said.insert(0, f"The broker's certificate is for {', '.join(names)}, and good until {day}.")
        return self._said

    def logins(self, logins: Sequence[str]) -> None:
        """Makes the certificates that logins lack, and the list of those that do not count any more."""
        if not (self._places.tls / "ca.crl").exists():
            text = pki.revocations(self._signer(), (), number=1, now=self._now)
            self._writer.replace(self._places.tls / "ca.crl", text)
        for login in logins:
            path = self._places.tls / f"{login}.pem"
            if not path.exists() or not self._is_ours(path.read_text("ascii"), path.name):
                self._writer.replace(path, pki.login_certificate(self._signer(), login, now=self._now))

    def revoke(self, login: str) -> None:
        """Makes the login's certificate count no more, and gives it another."""
        tls = self._places.tls
        serials, number = pki.revoked_serials((tls / "ca.crl").read_text("ascii"))
        path = tls / f"{login}.pem"
        if path.exists():
            serials.add(pki.read_certificate(path.read_text("ascii"), path.name).serial_number)
        text = pki.revocations(self._signer(), serials, number=number + 1, now=self._now)
        self._writer.replace(tls / "ca.crl", text)
        self._writer.replace(path, pki.login_certificate(self._signer(), login, now=self._now))

    def _broker(self, names: tuple[str, ...], *, certificates: bool, renew: bool) -> Served:
        path = self._places.tls / "broker.pem"
        pem = read_private(path, self._places.state) if path.exists() else ""
        if renew or not pem or not self._is_good(pem, names):
            pem = pki.broker_certificate(self._signer(), names, now=self._now)
            self._writer.replace(path, pem)
        made = pki.read_certificate(pem, "tls/broker.pem")
        since, until = (int(at.timestamp()) for at in (made.not_valid_before_utc, made.not_valid_after_utc))
        served = Served(names, since, until, certificates)
        self._writer.replace(path.with_suffix(".json"), json.dumps(served._asdict(), indent=2) + "\n")
        return served

    def _is_good(self, pem: str, names: tuple[str, ...]) -> bool:
        certificate = pki.read_certificate(pem, "tls/broker.pem")
        near = expiry.is_near(certificate.not_valid_after_utc.timestamp(), self._now.timestamp())
        return not near and pki.names_of(certificate) == names and self._is_ours(pem, "tls/broker.pem")

    def _is_ours(self, pem: str, place: str) -> bool:
        ours = pki.read_certificate((self._places.tls / "ca.crt").read_text("ascii"), "tls/ca.crt")
        return pki.is_issued_by(pki.read_certificate(pem, place), ours)

    def _authority_certificate(self) -> str:
        """The authority's own certificate; makes a new authority where there is none, or where it soon ends."""
        places = self._places
        if places.authority.exists():
            authority = self._signer()
            if authority.certificate.not_valid_after_utc - self._now > dt.timedelta(days=pki.BROKER_DAYS):
                return authority.certificate_pem
        elif (places.tls / "ca.crt").exists():
            return (places.tls / "ca.crt").read_text("ascii")  # its key is kept elsewhere
        self._authority = pki.new_authority(now=self._now)
        self._writer.replace(places.authority, self._authority.pem)
        self._said.append("The certificate authority is new: what is on hardware elsewhere needs a new bundle.")
        self._said.append(
            f"Its key is in {places.authority}; it is needed for renewing only, and may be kept elsewhere."
        )
        return self._authority.certificate_pem

    def _signer(self) -> pki.Authority:
        if self._authority is None:
            places = self._places
            if not places.authority.exists():
                raise ConfigurationError(
                    f"{places.authority} is not there, and making certificates takes it: put it back for this "
                    "(or remove tls/ too; then there is a new authority, and all hardware needs a new bundle)"
                )
            self._authority = pki.read_authority(read_private(places.authority, places.state), "ca/ca.pem")
        return self._authority
