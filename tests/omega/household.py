"""A household for the tests of the Omega: a state folder, its broker, the command line, and a bundle for the agent.

Everything is made by the programs that a user has. ``BUNDLE`` is where the bundle is in the guest.
"""

import json
import os
import socket
import subprocess
import sys
import tarfile
import time
from pathlib import Path
from typing import Any, Final

from support.broker import free_port

TOP: Final = Path(__file__).parents[2]
PROGRAMS: Final = Path(sys.executable).parent
BUNDLE: Final = "/etc/relay-agent"


class Household:
    """A state folder of the test's own, and its broker.

    Args:
        folder: an empty folder.
        devices: of the agent ``omega``, as in config.json; by default one lock on relay 0 that is released when locked.
        runs: ``elsewhere`` or ``simulated``.
        bus: the number of the I2C bus.
    """

    def __init__(
        self, *, folder: Path, devices: dict[str, Any] | None = None, runs: str = "elsewhere", bus: int = 0
    ) -> None:
        self.folder, self.state = folder, folder / "state"
        self.port, tls_port = free_port(), free_port()
        self.environment = {
            "PATH": f"{PROGRAMS}:{os.environ['PATH']}:/usr/sbin",
            "LATCHWIRE_STATE": str(self.state),
            "BROKER_PORT": str(self.port),
            "BROKER_TLS_PORT": str(tls_port),
        }
        self._broker: subprocess.Popen[bytes] | None = None
        (self.state / "config").mkdir(parents=True)
        self.configure(devices or {"front-door": {"kind": "lock", "channel": 0, "locked": "released"}}, runs, bus)

    def configure(self, devices: dict[str, Any], runs: str, bus: int) -> None:
        """Writes config.json with these devices for the agent ``omega`` and nothing else."""
        config = {
            "agents": {"omega": {"type": "relay", "runs": runs, "bus": bus, "address": "0x27"}},
            "devices": {name: {"agent": "omega", **device} for name, device in devices.items()},
            "people": {"owner": {"manual": True, "may": "*"}},
        }
        (self.state / "config/config.json").write_text(json.dumps(config))
        self.say("init")

    def say(self, *words: str, status: int = 0) -> str:
        """Runs a command of ``latchwire``; what it printed."""
        done = subprocess.run(
            ["latchwire", *words],
            env=self.environment,
            cwd=TOP,
            text=True,
            capture_output=True,
            check=False,
            timeout=120,
        )
        assert done.returncode == status, f"latchwire {' '.join(words)}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout + done.stderr

    def sign(self, device: str, action: str) -> bytes:
        """A signed command."""
        return self.say("sign", device, action).strip().encode()

    def bundle(self, host: str) -> dict[str, bytes]:
        """The agent's bundle, as the command line makes it: contents by name; ``host`` is where it finds the broker."""
        with tarfile.open(self.archive(host)) as archive:
            return {Path(item.name).name: _content(archive, item) for item in archive if item.isfile()}

    def archive(self, host: str) -> Path:
        """The archive with the agent's bundle."""
        self.say("bundle", "omega", "--host", host)
        return self.state / "bundles/omega.tar.gz"

    def start_tls(self, *names: str) -> None:
        """Gives the broker a certificate for these names, and starts it anew."""
        self.say("init", "--tls", *names)
        if self._broker is not None:
            self.stop_broker()
            self.start_broker()

    def password(self, name: str) -> str:
        """A login's password at the broker."""
        return (self.state / "logins" / name).read_text().strip()

    def start_broker(self) -> None:
        """Starts the broker, as ``make run`` does, and waits until it answers."""
        with (self.folder / "broker.log").open("ab") as log:
            self._broker = subprocess.Popen(["scripts/broker"], cwd=TOP, env=self.environment, stdout=log, stderr=log)
        until = time.monotonic() + 10
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
            except OSError:
                assert time.monotonic() < until, (self.folder / "broker.log").read_text()
                time.sleep(0.02)
            else:
                return

    def stop_broker(self) -> None:
        """Kills the broker."""
        if self._broker is not None:
            self._broker.kill()
            self._broker.wait()
            self._broker = None


def _content(archive: tarfile.TarFile, item: tarfile.TarInfo) -> bytes:
    file = archive.extractfile(item)
    assert file
    return file.read()
