"""Where everything lies: the state folder, and the top of the checkout.

    config/config.json    the user's file        logins/NAME    a login's password at the broker
    config/config.schema.json                    keys/NAME      the keyring of an ingress or an agent
    pins.json             hashes of PINs
    .env                  settings and secrets   broker/        what our broker reads
    mosquitto/            options of mosquitto_pub and mosquitto_sub, by XDG_CONFIG_HOME
    data/                 what services keep     run/           Unix sockets
    tls/                  the broker's certificate, and the CA's own; ca/ the CA's key, which can be kept elsewhere
    bundles/              what `latchwire bundle` made    rotations.json  rotations of keys that are not finished

Keys, logins and ``.env`` are for their owner alone; one that others can read is not used but told with its cure.
"""

import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from latchwire.errors import ConfigurationError
from latchwire.protocol.keys import Keyring, parse_keyring

_LIMIT = 1_000_000


class Places(NamedTuple):
    """The state folder's parts."""

    state: Path

    @property
    def config(self) -> Path:
        """The user's file."""
        return self.state / "config" / "config.json"

    @property
    def schema(self) -> Path:
        """The schema beside it, for the editor."""
        return self.state / "config" / "config.schema.json"

    @property
    def env(self) -> Path:
        """Settings and secrets."""
        return self.state / ".env"

    @property
    def broker(self) -> Path:
        """The folder of ``mosquitto.conf``, ``acl`` and ``logins``."""
        return self.state / "broker"

    @property
    def mosquitto(self) -> Path:
        """What ``XDG_CONFIG_HOME`` has to be for ``mosquitto_pub`` and ``mosquitto_sub``."""
        return self.state / "mosquitto"

    @property
    def data(self) -> Path:
        """What services keep."""
        return self.state / "data"

    @property
    def run(self) -> Path:
        """Unix sockets."""
        return self.state / "run"

    @property
    def tls(self) -> Path:
        """The folder of ``ca.crt``, ``broker.pem``, ``broker.json`` and, if certificates are logins, ``NAME.pem``."""
        return self.state / "tls"

    @property
    def authority(self) -> Path:
        """The certificate authority with its key; only making certificates takes it."""
        return self.state / "ca" / "ca.pem"

    @property
    def bundles(self) -> Path:
        """What ``latchwire bundle`` made."""
        return self.state / "bundles"

    @property
    def pins(self) -> Path:
        """The hashes of people's PINs, by person."""
        return self.state / "pins.json"

    @property
    def watched(self) -> tuple[Path, ...]:
        """The folders of what a running service reads."""
        return (self.state, self.config.parent, self.state / "keys", self.state / "logins", self.tls)

    def keys(self, name: str) -> Path:
        """The keyring of an ingress or an agent."""
        return self.state / "keys" / name

    def login(self, name: str) -> Path:
        """The password of a login at the broker."""
        return self.state / "logins" / name

    def keyring(self, name: str) -> Keyring:
        """Reads a keyring.

        Raises:
            ConfigurationError: it is missing, others can read it, or lines in it are wrong.
        """
        return parse_keyring(read_private(self.keys(name), self.state), place=f"keys/{name}")

    def password(self, name: str) -> str:
        """Reads a login's password.

        Raises:
            ConfigurationError: it is missing, empty, or others can read it.
        """
        text = read_private(self.login(name), self.state).strip()
        if not text or not text.isascii() or not text.isprintable():
            raise ConfigurationError(f"logins/{name}: no password in it; delete it, and `latchwire init` makes one")
        return text


def find(variables: Mapping[str, str] | None = None) -> Places:
    """The state folder: ``LATCHWIRE_STATE``, else ``state`` at the top of the checkout, else here."""
    variables = os.environ if variables is None else variables
    set_to = variables.get("LATCHWIRE_STATE")
    return Places(Path(set_to).absolute() if set_to else (top() or Path.cwd()) / "state")


def top() -> Path | None:
    """The top of the checkout that this code or the working directory is in; ``None`` outside of any."""
    for start in (Path.cwd(), Path(__file__).resolve().parent):
        for folder in (start, *start.parents):
            if (folder / "broker" / "mosquitto.conf").is_file() and (folder / "config.example.json").is_file():
                return folder
    return None


def read_private(path: Path, state: Path, *, cure: str = "`latchwire init` makes it") -> str:
    """Reads a small text that is its owner's alone; ``cure`` says what to do where there is none.

    Raises:
        ConfigurationError: it is missing, cannot be read, or others can read it.
    """
    name = path.relative_to(state) if path.is_relative_to(state) else path
    try:
        with path.open("rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            content = file.read(_LIMIT + 1)
    except FileNotFoundError:
        raise ConfigurationError(f"{name} is missing; {cure}") from None
    except OSError as error:
        raise ConfigurationError(f"{name} cannot be read: {error.strerror}") from None
    if mode & 0o077:
        raise ConfigurationError(f"{name}: others can read it (mode {mode:04o}); type: chmod 600 {path}")
    if len(content) > _LIMIT:
        raise ConfigurationError(f"{name}: larger than {_LIMIT} bytes; that is some other file")
    try:
        return content.decode("ascii")
    except UnicodeDecodeError:
        raise ConfigurationError(f"{name}: holds what is no ASCII; restore it from your backup") from None
