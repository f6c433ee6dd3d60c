"""What one agent's own hardware gets, as files in one archive; nothing is in it that this agent does not need.

The same state gives the same bytes: names sorted, owners 0, no time of making. The files' time is the time floor that
the bundle tells (``latchwire.service.bundle``): OpenWrt starts its clock with the newest time of a file in ``/etc``.
"""

import gzip
import io
import json
import ssl
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple

from latchwire.cli.listeners import is_loopback, plan
from latchwire.config import expiry
from latchwire.config.environment import port, value
from latchwire.config.home import Config, agent_extract
from latchwire.config.places import Places, read_private
from latchwire.errors import ConfigurationError

FOLDERS: Final = {"relay": "relay-agent", "magiq": "magiq-bridge"}
"""By type of agent the folder in the archive: its service's name, as in ``/etc/relay-agent``. That of an agent of
somebody's own type is named like the agent."""


class Broker(NamedTuple):
    """The broker as the agent sees it.

    Attributes:
        host: name or address.
        port: TCP port.
        mqtt: ``5`` or ``3.1.1``.
        authority: PEM text; "" without TLS.
        floor: seconds since 1970 that it is now for sure; 0 without TLS.
        certificates: whether a certificate is the agent's login.
    """

    host: str
    port: int
    mqtt: str
    authority: str = ""
    floor: int = 0
    certificates: bool = False

    @property
    def address(self) -> str:
        """Host and port, to tell."""
        return f"{self.host}:{self.port}"


def broker(places: Places, variables: Mapping[str, str], *, host: str = "") -> Broker:
    """Where the agent is to find the broker.

    It is our own with TLS, else the one that BROKER_HOST names elsewhere, else our own in the home's network.

    Args:
        places: the state folder.
        variables: the environment, completed by ``.env``.
        host: the name or address to use; "" for the first one of the broker's certificate.

    Raises:
        ConfigurationError: nobody elsewhere can reach it, or not under that name.
    """
    mqtt, served = value(variables, "MQTT_VERSION"), expiry.read(places)
    beside = is_loopback(host) and is_loopback(value(variables, "BROKER_HOST"))  # what it says leaves no machine
    if served is not None and not (beside and host not in served.names):
        if host and host not in served.names:
            known = ", ".join(served.names)
            raise ConfigurationError(f"--host: the broker's certificate is not for {host!r}; it is for: {known}")
        tls_port, authority = port(variables, "BROKER_TLS_PORT"), (places.tls / "ca.crt").read_text("ascii")
        return Broker(host or served.names[0], tls_port, mqtt, authority, served.since, served.certificates)
    elsewhere, number = value(variables, "BROKER_HOST"), port(variables, "BROKER_PORT")
    file = value(variables, "BROKER_CA")
    if host:
        return Broker(host, number, mqtt, *_of_file(file))
    if not is_loopback(elsewhere) and ("." in elsewhere or ":" in elsewhere):  # a bare name is Compose's own
        return Broker(elsewhere, number, mqtt, *_of_file(file))
    home = plan(variables, None).home
    if home is None:
        raise ConfigurationError(
            "Nobody elsewhere can reach the broker: it listens on this machine alone. Type first: "
            "./latchwire init --tls NAME_OR_ADDRESS   (the name or address under which the agent finds it). "
            "For a program of your own on this machine add --host 127.0.0.1"
        )
    return Broker(home.bind, home.port, mqtt)


def _of_file(file: str) -> tuple[str, int]:
    """The text of somebody else's authority, and the newest time that stands in it, which is past for sure."""
    if not file:
        return "", 0
    try:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(cafile=file)
        since = [ssl.cert_time_to_seconds(str(found["notBefore"])) for found in context.get_ca_certs()]
        return Path(file).read_text("ascii"), max(since, default=0)
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"BROKER_CA: {file} cannot be used: {error}") from None


def files(config: Config, places: Places, agent: str, where: Broker) -> dict[str, bytes]:
    """The files of an agent's bundle by their names.

    Raises:
        ConfigurationError: a key, a password or a certificate cannot be used.
    """
    keys = sorted(key for key in places.keyring(agent) if key.agent == agent)
    about: dict[str, object] = {"host": where.host, "port": where.port, "mqtt": where.mqtt}
    if where.authority:
        about["timeFloor"] = where.floor
    texts = {
        "agent.json": json.dumps(agent_extract(config, agent), indent=2) + "\n",
        "broker.json": json.dumps(about) + "\n",
        "keyring": "".join(f"{key.line}\n" for key in keys),
        "login": f"{places.password(agent)}\n",
    }
    if where.authority:
        texts["ca.crt"] = where.authority
    if where.certificates:
        texts["client.crt"], texts["client.key"] = _certificate(places, agent)
    return {name: texts[name].encode() for name in sorted(texts)}


def _certificate(places: Places, agent: str) -> tuple[str, str]:
    text = read_private(places.tls / f"{agent}.pem", places.state, cure="type: ./latchwire init --tls")
    key, begin, certificate = text.partition("-----BEGIN CERTIFICATE-----")
    return begin + certificate, key


def archive(folder: str, contents: Mapping[str, bytes], *, mtime: int) -> bytes:
    """A ``.tar.gz`` of one folder (mode 0700) with these files (0600), as root's."""
    packed = io.BytesIO()
    with (
        gzip.GzipFile(filename="", mode="wb", fileobj=packed, compresslevel=9, mtime=0) as stream,
        tarfile.open(fileobj=stream, mode="w", format=tarfile.USTAR_FORMAT) as tar,
    ):
        top = tarfile.TarInfo(folder)
        top.type, top.mode, top.mtime = tarfile.DIRTYPE, 0o700, mtime
        tar.addfile(top)
        for name, content in contents.items():
            member = tarfile.TarInfo(f"{folder}/{name}")
            member.mode, member.mtime, member.size = 0o600, mtime, len(content)
            tar.addfile(member, io.BytesIO(content))
    return packed.getvalue()
