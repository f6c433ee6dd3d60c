"""The real docker-compose.yml in a clone of the committed state, for tests.

A ``Stack`` is one clone with a project name and ports of its own, so it leaves what else runs on the machine alone.
Everything is driven from outside: through ``docker compose``, through ``./latchwire`` and the published ports.
"""

import base64
import hashlib
import hmac
import json
import os
import signal
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from latchwire.config.environment import read_env
from support.broker import HOST, TOP, free_port, wait_until

FAKES: Final = ("--file=docker-compose.yml", "--file=tests/compose/fakes.yml")
"""Options of Compose with which the vendors' stand-ins are there too."""
BY_HAND: Final = "docker compose run --rm setup && docker compose kill -s HUP broker"
"""What has the broker read new logins, as the command line says it."""
_PASSED_ON: Final = ("PATH", "HOME", "DOCKER_HOST", "DOCKER_CONFIG", "EXPERIMENTAL_BUILDKIT_SOURCE_POLICY")


def complaints(log: str) -> list[str]:
    """What a Mosquitto says against its configuration, beyond what docs/operating.md tells of 2.1 and newer."""
    found = [line for line in log.splitlines() if any(word in line for word in ("Warning", "Error", "deprecated"))]
    return [line for line in found if not any(name in line for name in ("password_file", "acl_file"))]


class Stack:
    """One clone, brought up and taken down.

    Args:
        folder: where the clone goes; it must not be there yet.
        project: Compose's project name.

    Attributes:
        folder: the clone.
        environment: what its commands get, and nothing else of ours.
    """

    def __init__(self, *, folder: Path, project: str) -> None:
        self.folder: Final = folder
        self.project: Final = project
        self.host: Final = HOST
        self.broker_port: Final = free_port()
        self.webhook_port: Final = free_port()
        self.environment: Final[dict[str, str]] = {
            **{name: os.environ[name] for name in _PASSED_ON if name in os.environ},
            "COMPOSE_PROJECT_NAME": project,
            "BROKER_PORT": str(self.broker_port),
            "WEBHOOK_PORT": str(self.webhook_port),
        }
        subprocess.run(["git", "clone", "--quiet", "--no-hardlinks", TOP, folder], check=True)

    @property
    def state(self) -> Path:
        """Its state folder."""
        return self.folder / "state"

    def run(self, *words: str, check: bool = True, **options: Any) -> subprocess.CompletedProcess[str]:
        """Runs a command in the clone; its output is in the error if it fails."""
        usual: dict[str, Any] = {"env": self.environment, "stdin": subprocess.DEVNULL, "timeout": 300.0}
        done: subprocess.CompletedProcess[str] = subprocess.run(
            words, cwd=self.folder, check=False, capture_output=True, text=True, **usual | options
        )
        if check and done.returncode:
            raise AssertionError(f"{' '.join(words)}: exit status {done.returncode}\n{done.stdout}\n{done.stderr}")
        return done

    def compose(self, *words: str, check: bool = True, **options: Any) -> subprocess.CompletedProcess[str]:
        """``docker compose …`` in the clone."""
        return self.run("docker", "compose", *words, check=check, **options)

    def latchwire(self, *words: str, check: bool = True, **options: Any) -> subprocess.CompletedProcess[str]:
        """``./latchwire …`` in the clone, which has no virtual environment."""
        return self.run("./latchwire", *words, check=check, **options)

    def up(self) -> None:
        """``docker compose up`` until all is healthy."""
        done = self.compose("up", "--detach", "--wait", "--wait-timeout", "120", check=False)
        if done.returncode:
            logs = self.compose("logs", "--no-color", check=False).stdout
            raise AssertionError(f"docker compose up: exit status {done.returncode}\n{done.stderr}\n{logs}")

    def down(self) -> None:
        """Takes all of it down: containers, volumes, networks and the images that were built."""
        self.compose("--profile", "*", "down", "--volumes", "--remove-orphans", "--rmi", "local", "--timeout", "5")

    def leftovers(self) -> list[str]:
        """What the engine still has of this project: containers, volumes, networks, images."""
        mine = ("--quiet", "--filter", f"label=com.docker.compose.project={self.project}")
        found = [self.run("docker", kind, "ls", *mine).stdout.split() for kind in ("volume", "network")]
        found.append(self.run("docker", "ps", "--all", *mine).stdout.split())
        found.append(self.run("docker", "images", "--quiet", f"{self.project}-*").stdout.split())
        return [name for names in found for name in names]

    def services(self) -> tuple[str, ...]:
        """The services that ``docker compose up`` runs and keeps running."""
        return tuple(name for name in self.compose("config", "--services").stdout.split() if name != "setup")

    def inspect(self, service: str) -> dict[str, Any]:
        """All that the engine says about a service's container."""
        container = self.compose("ps", "--all", "--quiet", service).stdout.strip()
        found: dict[str, Any] = json.loads(self.run("docker", "inspect", container).stdout)[0]
        return found

    def health(self, service: str) -> str:
        """``healthy``, ``unhealthy`` or ``starting``."""
        return str(self.inspect(service)["State"]["Health"]["Status"])

    def check(self, service: str) -> subprocess.CompletedProcess[str]:
        """The container's own health check, now; the engine runs it twice a minute."""
        _, command = self.inspect(service)["Config"]["Healthcheck"]["Test"]
        return self.compose("exec", "-T", service, "sh", "-c", command, check=False)

    def log(self, service: str) -> str:
        """All that a service has said."""
        text = self.compose(*FAKES, "logs", "--no-color", "--no-log-prefix", service).stdout
        return text.replace("\x1b[2K", "")  # Compose 2.26 clears each line of a terminal, even if there is none

    def crash(self, services: Iterable[str]) -> None:
        """Ends the services' processes by SIGKILL, unasked as far as the engine knows, and waits for the restart."""
        before = {service: self.inspect(service) for service in services}
        self.signal(signal.SIGKILL, *before)
        for service, found in before.items():

            def again(service: str = service, count: int = found["RestartCount"]) -> bool:
                now = self.inspect(service)
                return bool(now["RestartCount"] > count and now["State"]["Running"])

            wait_until(again, f"{service} is started again", 30.0)

    def signal(self, number: signal.Signals, *services: str) -> None:
        """Sends a signal to the services' processes from the engine's machine, so that even SIGSTOP arrives."""
        script = "import os, sys; [os.kill(int(pid), int(sys.argv[1])) for pid in sys.argv[2:]]"
        pids = [str(self.inspect(service)["State"]["Pid"]) for service in services]
        sender = ("docker", "run", "--rm", "--pid=host", "--user=0", "--network=none", "--entrypoint=python")
        self.run(*sender, f"{self.project}-command-line", "-c", script, str(int(number)), *pids)

    def edit(self, path: Path, text: str) -> None:
        """Writes a file the way editors do: a new one beside it, renamed over it, with the same owner and mode."""
        seen, new = path.stat(), path.with_name(path.name + "~")
        new.write_text(text)
        new.chmod(seen.st_mode)
        os.chown(new, seen.st_uid, seen.st_gid)
        new.replace(path)

    def edit_config(self, change: Mapping[str, Any]) -> None:
        """Replaces parts of config.json."""
        path = self.state / "config" / "config.json"
        self.edit(path, json.dumps(json.loads(path.read_text()) | change, indent=2))

    @contextmanager
    def agent(self, name: str, **change: Any) -> Iterator[None]:
        """An agent of config.json is otherwise for a while."""
        path = self.state / "config" / "config.json"
        before = path.read_text()
        document = json.loads(before)
        document["agents"][name] |= change
        self.edit(path, json.dumps(document, indent=2))
        try:
            yield
        finally:
            self.edit(path, before)

    @contextmanager
    def settings(self, **lines: str) -> Iterator[None]:
        """``state/.env`` says this for a while, in place of what it says about these names."""
        path = self.state / ".env"
        before = path.read_text()
        kept = [line for line in before.splitlines() if line.partition("=")[0] not in lines]
        self.edit(path, "\n".join([*kept, *(f"{name}={value}" for name, value in lines.items() if value), ""]))
        try:
            yield
        finally:
            self.edit(path, before)

    def state_of(self, device: str) -> str:
        """What the hardware says."""
        return str(json.loads(self.latchwire("send", device, "status", "--json").stdout)["state"])

    def whatsapp(self, text: str, *, number: str, token: str = "") -> str:
        """What Twilio gets as the answer to a signed message, or the status of a refusal."""
        url = f"http://{self.host}:{self.webhook_port}/whatsapp"
        form = {
            "MessageSid": f"SM{os.urandom(16).hex()}", "AccountSid": "AC00000000000000000000000000000001",
            "From": f"whatsapp:{number}", "To": "whatsapp:+14155238886", "WaId": number[1:], "Body": text,
            "NumMedia": "0", "MessageType": "text", "ApiVersion": "2010-04-01",
        }  # fmt: skip
        signed = url + "".join(name + form[name] for name in sorted(form))
        key = token or self.setting("TWILIO_AUTH_TOKEN")
        signature = base64.b64encode(hmac.digest(key.encode(), signed.encode(), hashlib.sha1)).decode()
        request = urllib.request.Request(url, urllib.parse.urlencode(form).encode(), {"X-Twilio-Signature": signature})
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - as above
                return str(answer.read().decode())
        except urllib.error.HTTPError as error:
            return str(error.code)

    def secrets(self) -> frozenset[str]:
        """Everything in the state folder that is nobody else's business."""
        logins = {path.read_text().strip() for path in (self.state / "logins").iterdir()}
        keys = {
            word
            for path in (self.state / "keys").iterdir()
            for line in path.read_text().splitlines()
            for word in line.split()
            if len(word) >= 40
        }
        return frozenset(logins | keys | {self.setting("TWILIO_AUTH_TOKEN")})

    def setting(self, name: str) -> str:
        """What ``state/.env`` says."""
        return read_env(self.state / ".env")[name]

    def close(self) -> None:
        """Takes all of it down, whatever its state."""
        with suppress(AssertionError, subprocess.TimeoutExpired):
            self.down()
