"""Certificates: a certificate authority of one's own, the broker's certificate, those of logins. PEM in, PEM out.

Pure but for the random keys: the time comes in as an argument, and nothing is read or written. ``cryptography`` (PyCA)
makes them rather than the ``openssl`` program: names go in as values and not as lines of a configuration file, it is
the same wherever it runs (macOS has LibreSSL's program, Compose's image need not have any), and tests call it with the
time they like. Only the command line needs it. Keys are P-256, which every client of TLS 1.2 has.
"""

import datetime as dt
import ipaddress
import re
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from latchwire.config.strict_json import quoted
from latchwire.errors import ConfigurationError

AUTHORITY_DAYS: Final = 20 * 365
"""An authority's end means new bundles for all hardware, so it outlives the hardware."""
BROKER_DAYS: Final = 397
"""Thirteen months: once a year with a month to spare. A stolen copy of the broker's key is of no use after that."""
BACKDATED: Final = dt.timedelta(hours=1)
"""The clock of a machine that checks may be a little behind the one that makes."""

_LABEL: Final = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)\Z", re.ASCII)
_KEY_USAGE: Final = {
    "digital_signature": False, "content_commitment": False, "key_encipherment": False, "data_encipherment": False,
    "key_agreement": False, "key_cert_sign": False, "crl_sign": False, "encipher_only": False, "decipher_only": False,
}  # fmt: skip


class Authority(NamedTuple):
    """A certificate authority: its key and its own certificate."""

    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @property
    def pem(self) -> str:
        """Both, for a file of its owner alone; in one, so that they can never be of two authorities."""
        return _pem(self.key, self.certificate)

    @property
    def certificate_pem(self) -> str:
        """What clients check the broker by."""
        return certificate_pem(self.certificate)


def checked_names(names: Iterable[str]) -> tuple[str, ...]:
    """Host names and IP addresses in normal form, each once, in their order.

    Raises:
        ConfigurationError: all that can be neither.
    """
    found: dict[str, None] = {}
    problems: list[str] = []
    for name in names:
        normal = _address(name) or _host(name)
        if normal:
            found[normal] = None
        else:
            problems.append(
                f"--tls: {quoted(name)} is neither a host name nor an address of one machine; "
                "give what clients will connect to, as door.example.com or 203.0.113.5"
            )
    if problems:
        raise ConfigurationError(problems)
    return tuple(found)


def _address(text: str) -> str:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return ""
    scoped = isinstance(address, ipaddress.IPv6Address) and address.scope_id
    return "" if address.is_unspecified or address.is_multicast or scoped else str(address)


def _host(text: str) -> str:
    name = text.lower().removesuffix(".")
    labels = name.split(".")
    usable = text.isascii() and len(name) <= 253 and all(_LABEL.match(label) for label in labels)
    return name if usable and not labels[-1].isdigit() else ""  # 10.0.0 is a mistyped address, and no host


def new_authority(*, now: dt.datetime) -> Authority:
    """Makes a certificate authority, from :data:`BACKDATED` before ``now`` on, for :data:`AUTHORITY_DAYS`."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"Latchwire {_id(key)}")])
    builder = _builder(
        subject=name, issuer=name, key=key, issuers_key=key, now=now, until=now + dt.timedelta(days=AUTHORITY_DAYS)
    )
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    usage = x509.KeyUsage(**{**_KEY_USAGE, "key_cert_sign": True, "crl_sign": True})
    return Authority(key, builder.add_extension(usage, critical=True).sign(key, hashes.SHA256()))


def read_authority(pem: str, place: str) -> Authority:
    """Reads one back from what :attr:`Authority.pem` gave.

    Raises:
        ConfigurationError: it is none, or the key is another's.
    """
    certificate, key = read_certificate(pem, place), _read_key(pem)
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.public_key() != certificate.public_key():
        raise ConfigurationError(f"{place}: no key of its certificate in it; restore it from your backup")
    return Authority(key, certificate)


def broker_certificate(authority: Authority, names: Sequence[str], *, now: dt.datetime) -> str:
    """Makes the broker's key and its certificate for these names and addresses; both in one PEM text.

    It ends after :data:`BROKER_DAYS`, and not after the authority.
    """
    subject = (
        [x509.NameAttribute(NameOID.COMMON_NAME, names[0])] if len(names[0]) <= 64 else []
    )  # RFC 5280: ub-common-name
    key, until = ec.generate_private_key(ec.SECP256R1()), now + dt.timedelta(days=BROKER_DAYS)
    builder = _leaf(
        authority=authority, subject=x509.Name(subject), key=key, now=now, until=until,
        purpose=ExtendedKeyUsageOID.SERVER_AUTH,
    )  # fmt: skip
    alternatives = x509.SubjectAlternativeName([_general(name) for name in names])
    builder = builder.add_extension(alternatives, critical=not subject)
    return _pem(key, builder.sign(authority.key, hashes.SHA256()))


def login_certificate(authority: Authority, login: str, *, now: dt.datetime) -> str:
    """Makes a key and a certificate that are a login at the broker; it ends with the authority, or is revoked."""
    key, subject = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, login)])
    until = authority.certificate.not_valid_after_utc
    builder = _leaf(
        authority=authority, subject=subject, key=key, now=now, until=until, purpose=ExtendedKeyUsageOID.CLIENT_AUTH
    )
    return _pem(key, builder.sign(authority.key, hashes.SHA256()))


def revocations(authority: Authority, revoked: Iterable[int], *, number: int, now: dt.datetime) -> str:
    """The list of revoked certificates, by serial number; good until the authority's end."""
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(authority.certificate.subject)
        .last_update(now - BACKDATED)
        .next_update(authority.certificate.not_valid_after_utc)
        .add_extension(x509.CRLNumber(number), critical=False)
        .add_extension(_issuer_key(authority.certificate), critical=False)
    )
    for serial in sorted(set(revoked)):
        entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(now - BACKDATED).build()
        builder = builder.add_revoked_certificate(entry)
    return builder.sign(authority.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode("ascii")


def revoked_serials(pem: str) -> tuple[set[int], int]:
    """The serial numbers in a list of revoked certificates, and the list's own number."""
    crl = x509.load_pem_x509_crl(pem.encode())
    number = crl.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number
    return {entry.serial_number for entry in crl}, number


def read_certificate(pem: str, place: str) -> x509.Certificate:
    """Reads a certificate.

    Raises:
        ConfigurationError: it is none.
    """
    try:
        return x509.load_pem_x509_certificate(pem.encode())
    except ValueError:
        raise ConfigurationError(f"{place}: no certificate in it; restore it from your backup") from None


def names_of(certificate: x509.Certificate) -> tuple[str, ...]:
    """The names and addresses that a broker's certificate is for, in their order."""
    found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return tuple(str(name.value) for name in found)


def is_issued_by(certificate: x509.Certificate, authority: x509.Certificate) -> bool:
    """Whether the authority signed it."""
    try:
        certificate.verify_directly_issued_by(authority)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def certificate_pem(certificate: x509.Certificate) -> str:
    """As a PEM text."""
    return certificate.public_bytes(serialization.Encoding.PEM).decode("ascii")


def _leaf(
    *, authority: Authority, subject: x509.Name, key: ec.EllipticCurvePrivateKey, now: dt.datetime, until: dt.datetime,
    purpose: x509.ObjectIdentifier,
) -> x509.CertificateBuilder:  # fmt: skip
    until = min(until, authority.certificate.not_valid_after_utc)
    builder = _builder(
        subject=subject, issuer=authority.certificate.subject, key=key, issuers_key=authority.key, now=now, until=until
    )
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    usage = x509.KeyUsage(**{**_KEY_USAGE, "digital_signature": True})
    builder = builder.add_extension(usage, critical=True)
    return builder.add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)


def _builder(
    *, subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, issuers_key: ec.EllipticCurvePrivateKey,
    now: dt.datetime, until: dt.datetime,
) -> x509.CertificateBuilder:  # fmt: skip
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATED)
        .not_valid_after(until)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuers_key.public_key()), critical=False
        )
    )  # fmt: skip


def _issuer_key(certificate: x509.Certificate) -> x509.AuthorityKeyIdentifier:
    own = certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(own)


def _general(name: str) -> x509.GeneralName:
    return x509.IPAddress(ipaddress.ip_address(name)) if _address(name) else x509.DNSName(name)


def _id(key: ec.EllipticCurvePrivateKey) -> str:
    return x509.SubjectKeyIdentifier.from_public_key(key.public_key()).digest.hex()[:8]


def _pem(key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate) -> str:
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return secret.decode("ascii") + certificate_pem(certificate)


def _read_key(pem: str) -> PrivateKeyTypes | None:
    try:
        return serialization.load_pem_private_key(pem.encode(), password=None)
    except ValueError:
        return None
