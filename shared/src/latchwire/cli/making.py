"""Makes the secrets that are missing: keys, broker logins, and the files that hold them for others.

Each pair of issuer and agent shares one key; it stands in both keyrings. An agent or an issuer that is new in
config.json gets its keys and its login at the next ``latchwire init``; what is there is never made anew.
"""

import base64
import contextlib
import hashlib
import hmac
import importlib
import os
import pwd
import re
import secrets
from collections.abc import Mapping
from types import ModuleType
from typing import Final

from latchwire.bus import Endpoint
from latchwire.cli import broker_files
from latchwire.cli.files import Writer
from latchwire.cli.listeners import Listeners
from latchwire.config.expiry import Served
from latchwire.config.home import BUILT_IN_ISSUERS, MANUAL, Config, TopicLogin
from latchwire.config.places import Places
from latchwire.config.references import RESERVED
from latchwire.errors import ConfigurationError
from latchwire.protocol.keys import Key, Keyring

OURS: Final = "# Made by `latchwire init`, and made again when something changed. Without this line it is left alone.\n"
OTHERS_BYTES: Final = 24
"""Of a password for what is no part of Latchwire: Tasmota takes 32 characters at most (its page "Commands",
MqttPassword), which are 24 bytes in base64."""
_MANUAL_BLOCK: Final = re.compile(r"(?ms)^user manual\n.*?(?=^\s*$)")

_OBSERVER_BLOCK: Final = """
user {name}
topic read latchwire/#
topic write latchwire/self-test/nonce
topic deny latchwire/{name}/nonce
topic deny latchwire/{name}/alert
topic deny latchwire/{name}/+/state
"""


def logins(config: Config) -> tuple[str, ...]:
    """Everybody who has a login at the broker."""
    return (*config.issuers(), *config.agents, *config.observers, *config.logins, *RESERVED)


def make_keys(config: Config, places: Places, writer: Writer) -> None:
    """Gives each pair of issuer and agent a key, in both keyrings.

    A pair of which only one side has a key (an interrupted run, a file that was deleted) gets the other side's
    newest. A pair that shares one is left alone: an older or newer one on one side is somebody's rotation.

    Raises:
        ConfigurationError: a keyring that is there cannot be used.
    """
    names = (*config.issuers(), *config.agents)
    rings = {name: places.keyring(name) if places.keys(name).exists() else Keyring() for name in names}
    added: dict[str, list[Key]] = {name: [] for name in names}
    for issuer in config.issuers():
        for agent in config.agents:
            ours, theirs = _pair(rings[issuer], issuer, agent), _pair(rings[agent], issuer, agent)
            if ours & theirs:
                continue
            key = max(ours | theirs, default=Key(issuer, 1, agent, b""))
            if not key.secret:
                key = key._replace(secret=secrets.token_bytes(32))
            for name, held in ((issuer, ours), (agent, theirs)):
                if key not in held:
                    added[name].append(key)
    for name, keys in added.items():
        if keys or not places.keys(name).exists():
            before = places.keys(name).read_text("ascii") if places.keys(name).exists() else ""
            start = before if before.endswith("\n") or not before else before + "\n"
            writer.replace(places.keys(name), start + "".join(f"{key.line}\n" for key in keys))


def _pair(ring: Keyring, issuer: str, agent: str) -> set[Key]:
    return {key for key in ring if key.issuer == issuer and key.agent == agent}


def make_logins(config: Config, places: Places, writer: Writer) -> dict[str, str]:
    """Makes the missing passwords (32 random bytes each; 24 where other makers' firmware has to take them).

    Returns:
        All passwords by login.

    Raises:
        ConfigurationError: one that is there cannot be used.
    """
    for name in logins(config):
        size = OTHERS_BYTES if name in config.logins else 32
        writer.new(places.login(name), f"{secrets.token_urlsafe(size)}\n")
    return {name: places.password(name) for name in logins(config)}


def make_broker_files(
    config: Config,
    places: Places,
    writer: Writer,
    *,
    templates: Mapping[str, str],
    passwords: Mapping[str, str],
    listeners: Listeners,
) -> None:
    """Writes ``state/broker``: the configuration, the access list and the password file.

    ``templates`` holds the text of ``broker/mosquitto.conf`` and ``broker/acl`` by their names.
    """
    bind, port = listeners.plain
    conf = broker_files.render_broker_conf(templates["mosquitto.conf"], port=port, bind=bind)
    texts = {
        "mosquitto.conf": conf + broker_files.more_listeners(listeners),
        "acl": access_list(templates["acl"], config),
    }
    for name, text in texts.items():
        path = places.broker / name
        if not path.exists() or path.read_text("utf-8", errors="replace").startswith(OURS):
            writer.replace(path, OURS + text)
    make_password_file(places, writer, passwords)


def make_password_file(places: Places, writer: Writer, passwords: Mapping[str, str]) -> None:
    """Writes ``broker/logins`` unless it holds these passwords."""
    hashed = places.broker / "logins"
    if not hashed.exists() or not holds(hashed.read_text("utf-8", errors="replace"), passwords):
        writer.replace(hashed, broker_files.password_file(passwords))


def certificates() -> ModuleType:
    """The module that makes certificates; its library is an extra, and slow to load.

    Raises:
        ConfigurationError: the library is not installed.
    """
    try:
        return importlib.import_module("latchwire.cli.tls")
    except ImportError:
        raise ConfigurationError("--tls: cryptography is not installed; type: pip install 'latchwire[tls]'") from None


def copy_certificates(places: Places, writer: Writer, served: Served) -> None:
    """Copies into ``broker/`` what its TLS listener reads."""
    for name in ("broker.pem", "ca.crt", "ca.crl") if served.certificates else ("broker.pem",):
        writer.replace(places.broker / name, (places.tls / name).read_text("ascii"))


def give_to_broker(places: Places) -> None:
    """Hands ``state/broker`` to the user ``mosquitto`` where the broker will be started by root.

    Mosquitto becomes that user before it reads its files. It is started inside the folder, so the state folder
    above stays closed to it. Where there is no such user (a container's ``setup``), the files stay as they are.
    """
    if os.geteuid() != 0:
        return
    with contextlib.suppress(KeyError):
        user = pwd.getpwnam("mosquitto")
        for path in (places.broker, *places.broker.iterdir()):
            os.chown(path, user.pw_uid, user.pw_gid)


def access_list(template: str, config: Config) -> str:
    """The access list with a block for each login that is not built in."""
    block = _MANUAL_BLOCK.search(template)
    if block is None:
        return template
    return template[: block.end()] + own_blocks(template, config) + template[block.end() :]


def own_blocks(template: str, config: Config) -> str:
    """The blocks that the access list gets for somebody's own ingresses and observers, and for other logins.

    An ingress's is like that of ``manual``. An observer reads all; unlike `latchwire watch` it tells that it is there.
    Other logins have their own topics, and no part in Latchwire's.
    """
    block = _MANUAL_BLOCK.search(template)
    if block is None:
        return ""
    blocks = [
        "\n" + block[0].replace("user manual\n", f"user {name}\n").replace("/manual/", f"/{name}/")
        for name in config.issuers()
        if name not in BUILT_IN_ISSUERS
    ]
    blocks += [_OBSERVER_BLOCK.format(name=name) for name in config.observers]
    blocks += [_other_block(name, login) for name, login in config.logins.items()]
    return "".join(blocks)


def _other_block(name: str, login: TopicLogin) -> str:
    lines = [f"topic write {topic}\n" for topic in login.write] + [f"topic read {topic}\n" for topic in login.read]
    return f"\nuser {name}\n{''.join(lines)}topic deny latchwire/#\n"


def holds(text: str, passwords: Mapping[str, str]) -> bool:
    """Whether a password file of Mosquitto holds exactly these logins with these passwords."""
    rows = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
    return rows.keys() == passwords.keys() and all(_matches(rows[name], passwords[name]) for name in rows)


def _matches(row: str, password: str) -> bool:
    try:
        _, kind, rounds, salt, hashed = row.split("$")
        made = hashlib.pbkdf2_hmac("sha512", password.encode(), base64.b64decode(salt), int(rounds))
        return kind == "7" and hmac.compare_digest(made, base64.b64decode(hashed))
    except (ValueError, OverflowError):
        return False


def make_client_options(places: Places, writer: Writer, *, endpoint: Endpoint, password: str) -> None:
    """Writes the options files of ``mosquitto_pub`` and ``mosquitto_sub``, so that no password is typed.

    Both programs read ``$XDG_CONFIG_HOME/mosquitto_pub`` (and ``…_sub``): an option and its value on each line
    (mosquitto_pub(1), "FILES").
    """
    options = {"-h": endpoint.host, "-p": str(endpoint.port), "-u": MANUAL, "-P": password, "-q": "1"}
    files = {"--cafile": endpoint.ca_file, "--cert": endpoint.cert_file, "--key": endpoint.key_file}
    options |= {option: file for option, file in files.items() if file}
    text = OURS + "".join(f"{option} {value}\n" for option, value in options.items())
    for name in ("mosquitto_pub", "mosquitto_sub"):
        path = places.mosquitto / name
        if not path.exists() or path.read_text("utf-8", errors="replace").startswith(OURS):
            writer.replace(path, text)
