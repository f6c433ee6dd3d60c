"""What Compose's ``setup`` hands to the broker and the tunnels, each in a volume that nobody else mounts.

The broker gets copies of ``state/broker``, as its own user's files: Mosquitto warns about files of another owner and
says that later versions refuse them. Its health check gets an options file, so that no password is ever on a command
line. A tunnel gets its token as a file, because ``docker inspect`` shows environments and command lines.
"""

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from latchwire.cli.broker_files import more_listeners
from latchwire.cli.listeners import Listeners, plan
from latchwire.config import expiry
from latchwire.config.environment import port, secret, value
from latchwire.config.places import Places
from latchwire.errors import ConfigurationError

BROKER_UID: Final = 1883
"""The user and group ``mosquitto`` of the image eclipse-mosquitto."""
TUNNEL_UID: Final = 65532
HEALTH: Final = "health"
WEBHOOK: Final = "http://whatsapp-webhook:5000"
_LISTENER: Final = re.compile(r"^listener (\d+) \S+$", re.MULTILINE)


def for_broker(places: Places, variables: Mapping[str, str], folder: Path) -> bool:
    """Fills the broker's folder.

    Returns:
        Whether a running broker holds something older now.

    Raises:
        ConfigurationError: the port or the health check's login cannot be used.
    """
    number = port(variables, "BROKER_PORT")
    _own(folder, BROKER_UID, 0o700)
    files = {path.name: path.read_bytes() for path in places.broker.iterdir() if path.is_file()}
    files = {name: content for name, content in files.items() if not name.startswith(".")}
    listeners = plan(variables, expiry.read(places))
    files["mosquitto.conf"] = _published(files["mosquitto.conf"].decode(), listeners).encode()
    first = not (folder / "logins").exists()
    for left in folder.iterdir():
        if left.is_file() and left.name not in files:
            left.unlink()
    changed = [name for name, content in files.items() if _write(folder / name, content, BROKER_UID)]
    options = {
        "-h": "127.0.0.1", "-p": number, "-i": "health-check", "-u": HEALTH, "-P": places.password(HEALTH),
        "-t": "$SYS/broker/uptime", "-C": 1, "-W": 12,
    }  # fmt: skip
    (folder / HEALTH).mkdir(exist_ok=True)
    _own(folder / HEALTH, BROKER_UID, 0o700)
    text = "".join(f"{option} {setting}\n" for option, setting in options.items())
    _write(folder / HEALTH / "mosquitto_sub", text.encode(), BROKER_UID)
    return bool(changed) and not first


def _published(text: str, listeners: Listeners) -> str:
    """Mosquitto's configuration with our listeners on every address of its container; Docker opens them outside.

    Listeners at other ports, somebody's own, stay as they are.
    """
    if listeners.home is not None:
        text = text.replace(more_listeners(listeners), "")  # in containers only TLS is opened to others
    for variable, address in (("BROKER_PORT", listeners.plain), ("BROKER_TLS_PORT", listeners.tls)):
        if address is None:
            continue
        mine = [match[0] for match in _LISTENER.finditer(text) if int(match[1]) == address.port]
        if not mine:
            raise ConfigurationError(
                f"broker/mosquitto.conf: no line `listener {address.port} ADDRESS`, for {variable}"
            )
        text = text.replace(mine[0], f"listener {address.port}", 1)
    return text


def for_tunnels(variables: Mapping[str, str], folder: Path) -> list[str]:
    """Fills the folders ``ngrok``, ``cloudflared`` and ``tailscale`` in ``folder``.

    Returns:
        What is missing for the profiles that are chosen, a sentence each.

    Raises:
        ConfigurationError: a token that cannot be one.
    """
    token = {name: secret(variables, name) for name in ("NGROK_AUTHTOKEN", "TUNNEL_TOKEN", "TS_AUTHKEY")}
    domain = value(variables, "NGROK_DOMAIN").removeprefix("https://").rstrip("/")
    files = {
        "ngrok/ngrok.yml": _ngrok(token["NGROK_AUTHTOKEN"], domain),
        "cloudflared/token": token["TUNNEL_TOKEN"],
        "tailscale/authkey": token["TS_AUTHKEY"],
        "tailscale/serve.json": _funnel(),
    }
    for name, text in files.items():
        path = folder / name
        _own(path.parent, TUNNEL_UID, 0o700)
        _write(path, text.encode(), TUNNEL_UID)
    needs = {"ngrok": ("NGROK_AUTHTOKEN", "NGROK_DOMAIN"), "cloudflared": ("TUNNEL_TOKEN",), "tailscale": ()}
    chosen = variables.get("COMPOSE_PROFILES", "").split(",")
    given = {**token, "NGROK_DOMAIN": domain}
    return [
        f"The profile {profile} needs {name}: set it in state/.env, then type:  docker compose up -d"
        for profile, names in needs.items()
        if profile in chosen
        for name in names
        if not given[name]
    ]


def _ngrok(token: str, domain: str) -> str:
    """The agent's configuration, version 3, without its inspector (https://ngrok.com/docs/agent/config/v3)."""
    endpoint = {"name": "webhook", "upstream": {"url": WEBHOOK}} | ({"url": f"https://{domain}"} if domain else {})
    agent = {"authtoken": token, "web_addr": False, "update_check": False, "log": "stdout"}
    return json.dumps({"version": 3, "agent": agent, "endpoints": [endpoint]}, indent=2) + "\n"  # YAML knows JSON


def _funnel() -> str:
    """Tailscale's serve configuration; it puts the node's own name in (https://tailscale.com/kb/1282/docker)."""
    name = "${TS_CERT_DOMAIN}:443"
    web = {name: {"Handlers": {"/": {"Proxy": WEBHOOK}}}}
    return json.dumps({"TCP": {"443": {"HTTPS": True}}, "Web": web, "AllowFunnel": {name: True}}, indent=2) + "\n"


def _write(path: Path, content: bytes, owner: int) -> bool:
    """Puts the file there in one step, for its owner alone; whether it was another before."""
    if path.exists() and path.read_bytes() == content:
        _own(path, owner, 0o600)
        return False
    new = path.with_name(f".{path.name}.new")
    new.unlink(missing_ok=True)
    new.touch(mode=0o600)
    new.write_bytes(content)
    _own(new, owner, 0o600)
    new.replace(path)
    return True


def _own(path: Path, owner: int, mode: int) -> None:
    path.chmod(mode)
    os.chown(path, owner, owner)
