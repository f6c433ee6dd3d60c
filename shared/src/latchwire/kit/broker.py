"""The broker, for a service that talks MQTT of its own beside what the kit does: a bridge to other makers' devices.

config.json names such a login and its topics:

    "logins": {"plug-bridge": {"write": ["cmnd/#"], "read": ["stat/#", "tele/#"]}}

``latchwire init`` makes its password and its lines of the access list, and this finds it. Nothing of Latchwire's own is
open to such a login, and no topic has two logins that may write it.
"""

import os
from collections.abc import Mapping
from typing import NamedTuple

from latchwire.config.places import find
from latchwire.service.home import endpoint, login

__all__ = ["BrokerLogin", "broker_login"]


class BrokerLogin(NamedTuple):
    """Where the broker is, and a login there. Its text form hides the password.

    Attributes:
        host: name or address.
        port: TCP port.
        name: of the login.
        password: of the login.
        ca_file: the certificate authority to check the broker by; with it the connection is TLS.
        cert_file: the login's own certificate with its key (PEM), where certificates are the logins.
    """

    host: str
    port: int
    name: str
    password: str
    ca_file: str | None = None
    cert_file: str | None = None

    def __repr__(self) -> str:
        return f"<login {self.name} at {self.host}:{self.port}>"


def broker_login(name: str, variables: Mapping[str, str]) -> BrokerLogin:
    """A login of config.json's ``logins``, as it is now: ask again after a connection was refused.

    Args:
        name: its name there.
        variables: the environment and ``state/.env``, as ``agent.variables`` holds them.

    Raises:
        ConfigurationError: there is no such login, or a setting of the broker is wrong.
    """
    places = find({**os.environ, **variables})
    where, found = endpoint(variables), login(places, name)
    certificate = str(places.tls / f"{name}.pem") if where.cert_file else None
    return BrokerLogin(where.host, where.port, found.name, found.password, where.ca_file, certificate)
