"""What Mosquitto reads: its password file and its configuration, as text.

Both are pure functions; `latchwire init` writes what they return into ``state/broker/``, beside a copy of
``broker/acl``, and the tests start their brokers from the same two. The access list is static and in git.
"""

import base64
import hashlib
import os
import re
from collections.abc import Mapping
from typing import Final

from latchwire import topics
from latchwire.cli.listeners import Address, Listeners
from latchwire.errors import ConfigurationError

# mosquitto_passwd's own figures (2.0: 101 rounds, 12 bytes of salt, 64 bytes of hash). The passwords are long
# and random: more rounds would protect nothing, and each attempt to log in would cost the broker more.
_ROUNDS: Final = 101
_SALT_BYTES: Final = 12

_LISTENER: Final = re.compile(r"^listener .*$", re.MULTILINE)
_BIND: Final = re.compile(r"[0-9A-Za-z.:%-]+\Z", re.ASCII)


def password_file(logins: Mapping[str, str]) -> str:
    """Mosquitto's password file: a line ``name:$7$rounds$salt$hash`` (PBKDF2-SHA512) for each login.

    Every version from 2.0 reads this form (2.1 writes argon2id by itself, which 2.0 cannot read). The salts
    are random, so two calls return two texts that mean the same.

    Args:
        logins: password by name.

    Raises:
        ConfigurationError: a name that cannot be a login, or an empty password.
    """
    lines = (f"{_checked(name, password)}:{_hash(password)}\n" for name, password in sorted(logins.items()))
    return "".join(lines)


def render_broker_conf(template: str, *, port: int, bind: str) -> str:
    """The text of ``broker/mosquitto.conf`` with its one ``listener`` line for this port and address.

    Args:
        template: the file's text.
        port: TCP port, 1 to 65535.
        bind: address or host name to listen on, as ``127.0.0.1``.

    Raises:
        ConfigurationError: a port or an address that is none, or a template without exactly one listener.
    """
    _check(port, bind)
    text, found = _LISTENER.subn(f"listener {port} {bind}", template)
    if found != 1:
        raise ConfigurationError(f"broker/mosquitto.conf: {found} `listener` lines; it needs exactly one")
    return text


def more_listeners(listeners: Listeners) -> str:
    """The lines of Mosquitto's configuration for what it listens on beside the plain listener on loopback.

    Raises:
        ConfigurationError: a port or an address that is none.
    """
    text = ""
    if listeners.home is not None:
        text += "\n# For your own network, without TLS: BROKER_BIND says so.\n" + _listener(listeners.home)
    if listeners.tls is not None:
        text += "\n# TLS 1.2 or newer: `latchwire init --tls` says so, and BROKER_BIND and BROKER_TLS_PORT where.\n"
        text += _listener(listeners.tls) + "tls_version tlsv1.2\ncertfile broker.pem\nkeyfile broker.pem\n"
        if listeners.certificates:
            text += "# Here the certificates are the logins.\ncafile ca.crt\ncrlfile ca.crl\n"
            text += "require_certificate true\nuse_identity_as_username true\n"
    return text


def _listener(address: Address) -> str:
    _check(address.port, address.bind)
    return f"listener {address.port} {address.bind}\nmax_connections 100\n"


def _check(port: int, bind: str) -> None:
    if not 1 <= port <= 65535:
        raise ConfigurationError(f"BROKER_PORT: {port} is no port; give a number from 1 to 65535, as 11883")
    if not _BIND.match(bind):
        raise ConfigurationError(f"BROKER_BIND: {bind!r} is no address; give one to listen on, as 127.0.0.1")


def _checked(name: str, password: str) -> str:
    if not topics.is_name(name):
        raise ConfigurationError(f"broker login {name!r}: it is 1 to 32 of a-z, 0-9 and -, and not self-test")
    if not password:
        raise ConfigurationError(
            f"broker login {name}: its password is empty; remove its file, and init makes a new one"
        )
    return name


def _hash(password: str) -> str:
    salt = os.urandom(_SALT_BYTES)
    digest = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, _ROUNDS)
    return f"$7${_ROUNDS}${base64.b64encode(salt).decode()}${base64.b64encode(digest).decode()}"
