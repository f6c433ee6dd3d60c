"""A real Mosquitto with exactly the project's configuration, for tests.

``Broker`` starts one on a free port of the loopback interface, from ``broker/mosquitto.conf`` and
``broker/acl``. It can be stopped, killed, paused and started again on the same port, takes new logins while
it runs, and can have a TLS listener beside the plain one. The fixtures ``broker``, ``start_broker`` and
``shared_broker`` stand in the ``conftest.py`` at the top.

``LOGINS`` are the demo's; every test may add its own. An ``extra_acl`` is only for a test that has to see
what no login of ours may see.
"""

import itertools
import os
import shutil
import signal
import socket
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final, Self

import trustme

from latchwire.cli.broker_files import password_file, render_broker_conf

TOP: Final = Path(__file__).parents[2]
HOST: Final = "127.0.0.1"
AGENTS: Final = ("omega", "magiq")
INGRESSES: Final = ("twitter", "whatsapp", "manual")
LOGINS: Final[Mapping[str, str]] = {
    name: f"the password of {name}" for name in (*AGENTS, *INGRESSES, "observer", "health")
}
_SECONDS_TO_START: Final = 10.0
_ATTEMPTS: Final = 5


def wait_until(condition: Callable[[], bool], what: str | Callable[[], str], seconds: float = 10.0) -> None:
    """Waits for a condition, looking 100 times a second; fails with ``what`` when the time is over."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds} s: {what if isinstance(what, str) else what()}")
        time.sleep(0.01)


def free_port() -> int:
    """A TCP port of the loopback interface that nobody listens on just now, another one each time.

    None of those that the kernel gives to outgoing connections (ip(7), ip_local_port_range), which may take it before
    whoever asked for it does; nor one that another worker of the same test run may find.
    """
    while True:
        port = next(_ports)
        with suppress(OSError), socket.socket() as probe:
            probe.bind((HOST, port))
            return port


def _ports_of_this_process() -> Iterator[int]:
    least, end = 16_384, int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % _WORKERS
    each = (end - least) // _WORKERS
    begin = os.getpid() * 61 % each  # two runs side by side begin at different ones
    return itertools.cycle(least + worker * each + (begin + number) % each for number in range(each))


_WORKERS: Final = 16
_ports: Final = _ports_of_this_process()


class Broker:
    """One Mosquitto, its files in a folder of its own; also a context manager.

    Args:
        folder: an empty or missing folder for its files.
        logins: password by login name, beside the demo's ``LOGINS``.
        tls: whether to listen with TLS on ``tls_port`` too; clients trust ``ca_file``.
        extra_acl: lines appended to the access list.

    Attributes:
        host, port: where it listens, the same ones for its whole life.
        logins: password by login name.
        tls_port: the listener with TLS, 0 without.
        ca_file: the certificate authority that signed its certificate (for ``localhost`` and 127.0.0.1).
        mqtt5: that it speaks MQTT 5.0, too.
    """

    mqtt5: Final = True

    def __init__(
        self, *, folder: Path, logins: Mapping[str, str] | None = None, tls: bool = False, extra_acl: str = ""
    ) -> None:
        self.folder: Final = folder
        self.host: Final = HOST
        self.port = 0
        self.tls_port = 0
        self.ca_file: Final = folder / "ca.pem"
        self.logins: Final = {**LOGINS, **(logins or {})}
        self._tls: Final = tls
        self._process: subprocess.Popen[bytes] | None = None
        self._log_file: Final = folder / "log"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "acl").write_text((TOP / "broker/acl").read_text() + extra_acl)
        if tls:
            self._write_certificates()
        self._write_logins()

    def __enter__(self) -> Self:
        """Starts it."""
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Ends it, however it is."""
        self.kill()

    @property
    def log(self) -> str:
        """All that it has printed, over all its starts."""
        return self._log_file.read_text(errors="replace") if self._log_file.exists() else ""

    @property
    def is_running(self) -> bool:
        """Whether its process is there."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """Its process."""
        if self._process is None:
            raise AssertionError("the broker was never started")
        return self._process.pid

    def start(self) -> None:
        """Starts it and returns when it accepts connections. The port stays the one of the first start."""
        if self.is_running:
            raise AssertionError("the broker is running already")
        first = self.port == 0
        # Another process may take a free port before Mosquitto does.
        for _ in range(_ATTEMPTS if first else 1):
            if first:
                self.port, self.tls_port = free_port(), free_port() if self._tls else 0
            if self._launch():
                return
        raise AssertionError(f"Mosquitto did not start:\n{self.log}")

    def stop(self) -> None:
        """Ends it by SIGTERM, in order: it says goodbye and sends no will."""
        self._signal_and_wait(signal.SIGTERM)

    def kill(self) -> None:
        """Ends it by SIGKILL: all that it knew is lost."""
        self._signal_and_wait(signal.SIGKILL)

    def pause(self) -> None:
        """SIGSTOP: it is there, connections stay open, and nothing is answered."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """SIGCONT, after ``pause``."""
        self._signal(signal.SIGCONT)

    def add_login(self, name: str, password: str) -> None:
        """Gives it one more login while it runs, as a new actuator gets one: a line and a SIGHUP."""
        self.logins[name] = password
        self._write_logins()
        if self.is_running:
            self._give_to_broker_user()
            reloads = self.log.count("Reloading config")
            self._signal(signal.SIGHUP)
            wait_until(lambda: self.log.count("Reloading config") > reloads, "the broker reloads its configuration")

    def _write_logins(self) -> None:
        self._write_secret("logins", password_file(self.logins))

    def _write_conf(self) -> None:
        template = (TOP / "broker/mosquitto.conf").read_text()
        conf = render_broker_conf(template, port=self.port, bind=self.host)
        if self._tls:
            conf += self._tls_lines()
        (self.folder / "mosquitto.conf").write_text(conf)

    def _tls_lines(self) -> str:
        return f"\nlistener {self.tls_port} {self.host}\ncafile ca.pem\ncertfile server.pem\nkeyfile server.key\n"

    def _write_certificates(self) -> None:
        authority = trustme.CA()
        certificate = authority.issue_cert("localhost", self.host)
        authority.cert_pem.write_to_path(self.ca_file)
        certificate.cert_chain_pems[0].write_to_path(self.folder / "server.pem")
        self._write_secret("server.key", certificate.private_key_pem.bytes().decode())

    def _write_secret(self, name: str, text: str) -> None:
        new = self.folder / f"{name}.new"
        new.touch(mode=0o600)
        new.write_text(text)
        new.replace(self.folder / name)

    def _give_to_broker_user(self) -> None:
        """Started by root, Mosquitto becomes the user ``mosquitto`` before it reads its files."""
        if os.geteuid() == 0:
            for path in (self.folder, *self.folder.iterdir()):
                shutil.chown(path, "mosquitto")

    def _launch(self) -> bool:
        """Starts the process; whether it came to answer."""
        self._write_conf()
        self._give_to_broker_user()
        with self._log_file.open("ab") as log:
            self._process = subprocess.Popen(
                ["mosquitto", "-c", "mosquitto.conf"],
                cwd=self.folder,
                env={**os.environ, "PATH": f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin"},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        wait_until(lambda: not self.is_running or self._answers(), "the broker answers", _SECONDS_TO_START)
        return self.is_running

    def _answers(self) -> bool:
        """Whether it is this broker, and no other on the port, that answers a CONNECT."""
        name, password = b"health", self.logins["health"].encode()
        body = b"\x00\x04MQTT\x04\xc2\x00\x0a" + b"".join(
            len(part).to_bytes(2, "big") + part for part in (b"is-it-there", name, password)
        )
        with suppress(OSError), socket.create_connection((self.host, self.port), timeout=1) as connection:
            connection.sendall(b"\x10" + bytes([len(body)]) + body)
            return connection.recv(4) == b"\x20\x02\x00\x00"
        return False

    def _signal(self, number: signal.Signals) -> None:
        if self._process is None:
            raise AssertionError("the broker was never started")
        self._process.send_signal(number)

    def _signal_and_wait(self, number: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(_SECONDS_TO_START)

    def client_context(self) -> ssl.SSLContext:
        """What a client of the TLS listener trusts."""
        return ssl.create_default_context(cafile=str(self.ca_file))
