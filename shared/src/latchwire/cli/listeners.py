"""Where our own broker listens, as BROKER_BIND, BROKER_PORT and BROKER_TLS_PORT and the certificate say.

The plain listener stays on the loopback interface, for the services beside it. BROKER_BIND opens the one with TLS to
others. Without TLS it opens a plain one, but to a home's own network only: on a plain connection everybody on the way
can read the broker's passwords.
"""

import ipaddress
from collections.abc import Mapping
from typing import Final, NamedTuple

from latchwire.config.environment import port, value
from latchwire.config.expiry import Served
from latchwire.config.strict_json import quoted
from latchwire.errors import ConfigurationError

LOOPBACK: Final = "127.0.0.1"


class Address(NamedTuple):
    """An address or host name, and a TCP port."""

    bind: str
    port: int


class Listeners(NamedTuple):
    """All of them.

    Attributes:
        plain: on the loopback interface, for the services beside the broker.
        home: a second plain one, for a home's network.
        tls: the one with TLS.
        certificates: whether its logins are certificates.
    """

    plain: Address
    home: Address | None = None
    tls: Address | None = None
    certificates: bool = False

    @property
    def warning(self) -> str:
        """What is not as safe as it could be, in a sentence, or ""."""
        if self.home is None:
            return ""
        return (
            f"BROKER_BIND: {self.home.bind} is open without TLS: whoever is in that network can read the broker's "
            f"passwords. Better type: ./latchwire init --tls {self.home.bind}"
        )


def plan(variables: Mapping[str, str], served: Served | None) -> Listeners:
    """Decides it.

    Args:
        variables: the environment, completed by ``.env``.
        served: the broker's certificate, if there is one.

    Raises:
        ConfigurationError: a port that is none, or an address open to the world without TLS.
    """
    bind, number = value(variables, "BROKER_BIND"), port(variables, "BROKER_PORT")
    if served is not None:
        tls = Address(bind, port(variables, "BROKER_TLS_PORT"))
        if tls.port == number:
            raise ConfigurationError(f"BROKER_TLS_PORT: {number} is BROKER_PORT too; give them different ports")
        return Listeners(Address(LOOPBACK, number), None, tls, served.certificates)
    if is_loopback(bind):
        return Listeners(Address(bind, number))
    if not is_at_home(bind):
        raise ConfigurationError(
            f"BROKER_BIND: {quoted(bind)} would open the broker to the world without TLS, passwords for all to read. "
            "Type first: ./latchwire init --tls NAME_OR_ADDRESS   (or give this machine's own address in your network)"
        )
    return Listeners(Address(LOOPBACK, number), Address(bind, number))


def is_loopback(bind: str) -> bool:
    """Whether only this machine can reach it."""
    address = _address(bind)
    return bind == "localhost" or (address is not None and address.is_loopback)


def is_at_home(bind: str) -> bool:
    """Whether it is one address of a private network (RFC 1918, RFC 4193) or of one wire (RFC 3927)."""
    address = _address(bind)
    if address is None or address.is_unspecified or address.is_loopback:
        return False
    networks = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "fc00::/7", "fe80::/10")
    return any(address in ipaddress.ip_network(network) for network in networks)


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None
