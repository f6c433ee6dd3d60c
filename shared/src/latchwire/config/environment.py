"""The one table of environment variables, the file ``state/.env``, and how a secret is read.

``.env.example`` and ``docs/environment.md`` are made from this table (a test compares them), so a variable that
stands nowhere is one that nobody reads. A real environment variable wins over ``state/.env``. Each secret may
also come from a file that ``NAME_FILE`` names, as Docker and systemd hand them out.

``state/.env`` is read by the few lines here rather than by a library: Compose reads the same file, and what both
understand alike is little (a library would also replace ``$`` inside a token).
"""

import os
import re
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final, NamedTuple

from latchwire.config.strict_json import quoted
from latchwire.config.wording import meant
from latchwire.errors import ConfigurationError

DEMO: Final = "demo-"
"""How a credential begins that belongs to no account: the demo's own, for its own stand-in of a vendor."""
_LIMIT: Final = 100_000
"""Bytes of a file of variables or of a secret; more is some other file."""
_LINE: Final = re.compile(r"(?:export[ \t]+)?([A-Za-z_][A-Za-z0-9_]*)[ \t]*=[ \t]*(.*)\Z", re.DOTALL)
_PLAIN: Final = re.compile(r"[A-Za-z0-9_./:@%+,=-]*\Z", re.ASCII)


class Variable(NamedTuple):
    """One variable.

    Attributes:
        default: what holds when it is not set; "" for nothing.
        what: what it is for, in a sentence.
        secret: whether its value must never be shown; such a one may be given as ``NAME_FILE``.
    """

    name: str
    default: str
    what: str
    secret: bool = False


TABLE: Final[Mapping[str, tuple[Variable, ...]]] = {
    "Everywhere": (
        Variable("LATCHWIRE_STATE", "state", "The folder of configuration, keys, logins and data."),
        Variable("LOG_LEVEL", "info", "How much is logged: debug, info, warning or error."),
        Variable("LOG_FORMAT", "text", "text for people, json for one JSON object a line."),
        Variable("SERVICE_CPUS", "one", "one: a service's threads stay on one CPU, which is quickest; all: anywhere."),
        Variable("LATCHWIRE_BUNDLE", "", "For relay-agent: the folder of a bundle, in place of state/."),
        Variable("LATCHWIRE_RUN", "", "With a bundle: the folder of its socket; else /var/run/relay-agent."),
        Variable("LATCHWIRE_USER", "", "Who types, for `manual` in people; else the Unix user."),
        Variable("TZ", "", "The time zone in which the day of `until` ends, as Europe/Berlin; else the machine's."),
    ),
    "Broker": (
        Variable("BROKER_HOST", "127.0.0.1", "Where the services find the broker."),
        Variable("BROKER_PORT", "11883", "The broker's TCP port."),
        Variable("BROKER_TLS_PORT", "8883", "Our own broker's TCP port with TLS, after `latchwire init --tls`."),
        Variable("BROKER_BIND", "127.0.0.1", "Where our own broker listens for others: with TLS, else at home only."),
        Variable("MQTT_VERSION", "5", "5, or 3.1.1 for a broker that speaks no MQTT 5."),
        Variable("BROKER_CA", "", "A CA certificate (PEM file); with it the connection is TLS."),
        Variable("BROKER_CERT", "", "A certificate with its key (PEM file), where certificates are the logins."),
    ),
    "WhatsApp (docs/whatsapp.md)": (
        Variable("TWILIO_AUTH_TOKEN", "", "Twilio's auth token: checks that a request comes from Twilio.", secret=True),
        Variable("TWILIO_ACCOUNT_SID", "", "The account's id (AC…), for answers that come later."),
        Variable("PUBLIC_BASE_URL", "", "Under which address Twilio reaches the webhook: https://door.example.com."),
        Variable("TRUST_PROXY", "0", "How many proxies in front are trusted for X-Forwarded-Proto and -Host."),
        Variable("WEBHOOK_BIND", "127.0.0.1", "The address that the webhook listens on."),
        Variable("WEBHOOK_PORT", "5000", "The webhook's TCP port."),
        Variable("NGROK_AUTHTOKEN", "", "For Compose's profile ngrok.", secret=True),
        Variable("NGROK_DOMAIN", "", "Your fixed ngrok domain."),
        Variable("TUNNEL_TOKEN", "", "For Compose's profile cloudflared.", secret=True),
        Variable("TS_AUTHKEY", "", "For Compose's profile tailscale.", secret=True),
    ),
    "X (docs/x.md)": (
        Variable(
            "X_BEARER_TOKEN", "", "The app-only token; or key and secret below, from which it is got.", secret=True
        ),
        Variable("X_CONSUMER_KEY", "", "The app's key.", secret=True),
        Variable("X_CONSUMER_SECRET", "", "The app's secret.", secret=True),
        Variable("X_ACCESS_TOKEN", "", "Your own token; only needed to answer posts.", secret=True),
        Variable("X_ACCESS_TOKEN_SECRET", "", "The secret that belongs to it.", secret=True),
        Variable("X_API_BASE", "", "Another address of the X API, for a fake."),
        Variable("DEMO_X_PORT", "8180", "The TCP port, on loopback, of the demo's stand-in for X (make tweet)."),
    ),
    "MagIQ (docs/magiq.md)": (
        Variable("MAGIQ_API_KEY", "", "The key of the MagIQ API.", secret=True),
        Variable("MAGIQ_API_SECRET", "", "The secret that belongs to it.", secret=True),
        Variable("MAGIQ_URL", "", "Another address of the MagIQ cloud; https only."),
        Variable("MAGIQ_CA", "", "A PEM file whose certificates alone are trusted for it."),
    ),
    "Compose (docs/operating.md)": (
        Variable("COMPOSE_FILE", "docker-compose.yml", "Compose's files; with TLS docker-compose.tls.yml is added."),
        Variable("COMPOSE_PROFILES", "", "Which tunnel runs: ngrok, cloudflared or tailscale."),
        Variable("LATCHWIRE_UID", "1000", "The number of the user whose state/ is, and who the services are."),
        Variable("LATCHWIRE_GID", "1000", "The number of that user's group."),
        Variable("I2C_DEVICE", "/dev/null", "The I2C bus for a relay agent that runs `here`: /dev/i2c-1."),
        Variable("I2C_GID", "65534", "The number of the group that may open it: stat -c %g /dev/i2c-1."),
        Variable("MOSQUITTO_IMAGE", "eclipse-mosquitto:2.0", "The broker's image."),
        Variable("PYTHON_IMAGE", "python:3.13-slim", "What the services' images are built on."),
    ),
}

VARIABLES: Final[Mapping[str, Variable]] = {row.name: row for rows in TABLE.values() for row in rows}


def environment(state: Path, base: Mapping[str, str] | None = None, *, private: bool = True) -> dict[str, str]:
    """The environment, completed by ``state/.env``.

    Args:
        state: the state folder.
        base: the environment; the process's own if left out. What is set there wins, unless it is empty
            (Compose hands on what is not set as empty).
        private: refuse a ``.env`` that others can read, as a key file is refused: who has the token in it can
            write in everybody's name.

    Raises:
        ConfigurationError: lines of ``.env`` that cannot be read, or others can read it.
    """
    if private and (mode := open_to_others(state / ".env")):
        raise ConfigurationError(f".env: others can read it (mode {mode:04o}); type: chmod 600 {state / '.env'}")
    found = dict(os.environ if base is None else base)
    for name, value in read_env(state / ".env").items():
        if not found.get(name):
            found[name] = value
    return found


def open_to_others(path: Path) -> int:
    """The file's mode if anybody but its owner can use it, else 0; 0 where there is none."""
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
    except OSError:  # told where it is read
        return 0
    return mode if mode & 0o077 else 0


def value(variables: Mapping[str, str], name: str, default: str = "") -> str:
    """The value of a variable, else what docs/environment.md names as its default, else ``default``."""
    return variables.get(name) or (VARIABLES[name].default if name in VARIABLES else default)


def port(variables: Mapping[str, str], name: str) -> int:
    """The value of a variable that is a TCP port.

    Raises:
        ConfigurationError: it is none.
    """
    text = value(variables, name)
    if text.isascii() and text.isdecimal() and len(text) <= 5 and 1 <= int(text) <= 65535:
        return int(text)
    raise ConfigurationError(f"{name}: {quoted(text)} is no port; give a number from 1 to 65535")


def secret(variables: Mapping[str, str], name: str) -> str:
    """A secret from ``NAME``, or from the file that ``NAME_FILE`` names; "" if neither is set.

    Raises:
        ConfigurationError: both are set, the file cannot be read, or what is there can be no secret (it would
            go into a header or a file of lines). The secret itself is never in the error.
    """
    text, file = variables.get(name, "").strip(), variables.get(f"{name}_FILE", "").strip()
    if text and file:
        raise ConfigurationError(f"{name} and {name}_FILE are both set; leave one of them")
    place = f"{name}_FILE: {file}" if file else name
    if file:
        text = _text(Path(file), place).strip()
        if not text:
            raise ConfigurationError(f"{place} is empty")
    if not all("!" <= character <= "~" for character in text):
        raise ConfigurationError(f"{place}: there is a space or a strange character in it; copy it again")
    return text


def read_env(path: Path) -> dict[str, str]:
    """Reads a file of ``NAME=value`` lines; an absent one holds nothing.

    Understood are comments, ``export``, and values in single quotes (as they are) or double quotes (where a
    backslash takes a quote or a backslash as it is). Nothing is replaced inside a value.

    Raises:
        ConfigurationError: all lines that cannot be read, without what they hold.
    """
    if not path.exists():
        return {}
    found: dict[str, str] = {}
    problems: list[str] = []
    for number, line in enumerate(_text(path, path.name).splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        match = _LINE.match(line.strip())
        text = _unquoted(match[2]) if match else None
        if match is None or text is None:
            problems.append(f'{path.name}: line {number}: not NAME=value; quote a value like NAME="two words"')
        elif match[1] in found:
            problems.append(f"{path.name}: line {number}: {match[1]} stands twice; keep one")
        else:
            found[match[1]] = text
    if problems:
        raise ConfigurationError(problems)
    return found


def prefix(name: str) -> str:
    """How the names of the variables begin that a service of this name reads, if it says nothing else: ``GARAGE_``."""
    return f"{name.upper().replace('-', '_')}_"


def unknown(path: Path, own: Iterable[str] = ()) -> list[str]:
    """Names in the file that nobody reads, as notes: probably misspelt.

    Args:
        path: the file.
        own: services of somebody's own, whose variables are not known here.
    """
    prefixes = tuple(prefix(name) for name in own)
    known = {*VARIABLES, *(f"{row.name}_FILE" for row in VARIABLES.values() if row.secret)}
    return [
        f"{path.name}: {name} is read by nobody{meant(name, known)}"
        for name in read_env(path)
        if name not in known and not name.startswith(prefixes)
    ]


def env_line(name: str, text: str) -> str:
    """One line of a file of variables, quoted where it needs to be.

    Raises:
        ConfigurationError: no line can hold this value.
    """
    if _PLAIN.match(text):
        return f"{name}={text}\n"
    if not text.isprintable():
        raise ConfigurationError(f"{name}: its value holds a control character")
    if "'" not in text:
        return f"{name}='{text}'\n"
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'{name}="{escaped}"\n'


def example(values: Mapping[str, str] = MappingProxyType({})) -> str:
    """The text of ``.env.example``: every variable, explained and commented out but for those with a value."""
    lines = [
        "# Settings and secrets. `latchwire init` copies this file to state/.env; take away the `#` of what you set.",
        "# What is set in the environment wins. A secret NAME may also be the path of a file: NAME_FILE=…",
    ]
    for title, rows in TABLE.items():
        lines += ["", f"# ---- {title}"]
        for row in rows:
            line = env_line(row.name, values[row.name]).strip() if row.name in values else f"#{row.name}={row.default}"
            lines += [f"# {row.what}", line]
    return "\n".join(lines) + "\n"


def documentation() -> str:
    """The text of ``docs/environment.md``."""
    lines = [
        "# Environment variables",
        "",
        "They are read from the environment, else from `state/.env`. A secret can also be in a file: set `NAME_FILE`",
        "to its path. This page is made by `python -m latchwire.config.environment docs`.",
    ]
    for title, rows in TABLE.items():
        lines += ["", f"## {title}", "", "| name | default | what it is |", "|---|---|---|"]
        for row in rows:
            default = f"`{row.default}`" if row.default else ""
            lines.append(f"| `{row.name}` | {default} | {'Secret. ' if row.secret else ''}{row.what} |")
    return "\n".join(lines) + "\n"


def _unquoted(text: str) -> str | None:
    if text[:1] == "'":
        match = re.match(r"'([^']*)'[ \t]*(?:#.*)?\Z", text)
        return match[1] if match else None
    if text[:1] == '"':
        match = re.match(r'"((?:[^"\\]|\\.)*)"[ \t]*(?:#.*)?\Z', text)
        return re.sub(r'\\(["\\])', r"\1", match[1]) if match else None
    return re.split(r"(?:^|[ \t])#", text, maxsplit=1)[0].rstrip()


def _text(path: Path, place: str) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(_LIMIT + 1)
        if len(content) > _LIMIT:
            raise ConfigurationError(f"{place}: larger than {_LIMIT} bytes; that is some other file")
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ConfigurationError(f"{place}: not UTF-8; save it as UTF-8") from None
    except (OSError, ValueError) as error:
        cause = (error.strerror if isinstance(error, OSError) else None) or str(error)
        raise ConfigurationError(f"{place} cannot be read: {cause}") from None


if __name__ == "__main__":
    import sys

    sys.stdout.write(documentation() if sys.argv[1:] == ["docs"] else example())
