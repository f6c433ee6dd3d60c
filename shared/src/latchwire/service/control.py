"""How a running service tells its health: a Unix socket that only its owner can open.

Whoever connects gets one JSON object and the end of the stream: ``{"ok": true, "troubles": [], "notes": []}``. A health
check asks the running process that way, not a file that a dead one may have left.

``python -m latchwire.service.control NAME`` is what `--health` of a service does without importing the service: a
container's health check runs every half minute.
"""

import json
import os
import select
import socket
import sys
from pathlib import Path
from typing import Final

from latchwire.errors import LatchwireError
from latchwire.health import Health

ANSWER_SECONDS: Final = 3.0
_LIMIT: Final = 65536


class Control:
    """The listening end.

    Args:
        folder: made if it is not there, for its owner alone.
        name: the service; the socket is ``name.sock``.
    """

    def __init__(self, folder: Path, name: str) -> None:
        self._path = folder / f"{name}.sock"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._path.unlink(missing_ok=True)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.setblocking(False)
        with _short(folder) as short:
            self._socket.bind(f"{short}/{self._path.name}")
        self._path.chmod(0o600)
        self._socket.listen(8)

    def fileno(self) -> int:
        """What to register for ``POLLIN``."""
        return self._socket.fileno()

    def answer(self, health: Health) -> None:
        """Answers all that have connected; a peer that does not read is left alone."""
        text = json.dumps({"ok": health.ok, "troubles": health.troubles, "notes": health.notes}).encode()
        while True:
            try:
                peer, _ = self._socket.accept()
            except OSError:
                return
            with peer:
                peer.setblocking(False)
                try:
                    peer.send(text[:_LIMIT])
                except OSError:
                    continue

    def close(self) -> None:
        """Ends listening and takes the socket away."""
        self._socket.close()
        self._path.unlink(missing_ok=True)


def ask(folder: Path, name: str) -> Health:
    """The health of a running service.

    Raises:
        LatchwireError: it does not run, or does not answer.
    """
    try:
        text = _exchange(folder, name)
    except OSError as error:
        raise LatchwireError(f"{name} does not run here ({error.strerror or 'no answer'})") from None
    try:
        document = json.loads(text)
        return Health(tuple(document["troubles"]), tuple(document["notes"]))
    except (ValueError, KeyError, TypeError):
        raise LatchwireError(f"{name} gave an answer that is none") from None


def tell(folder: Path, name: str) -> int:
    """Asks a running service and prints its health in lines for people.

    Returns:
        The exit status: 0 if it is healthy.
    """
    try:
        health = ask(folder, name)
    except LatchwireError as error:
        sys.stdout.write(f"{error}\n")
        return 1
    lines = [*health.troubles, *health.notes] or ["healthy"]
    sys.stdout.write("".join(f"{name}: {line}\n" for line in lines))
    return 0 if health.ok else 1


def _exchange(folder: Path, name: str) -> bytes:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as peer, _short(folder) as short:
        peer.settimeout(ANSWER_SECONDS)
        peer.connect(f"{short}/{name}.sock")
        text = b""
        while len(text) < _LIMIT and select.select([peer], [], [], ANSWER_SECONDS)[0]:
            part = peer.recv(_LIMIT)
            if not part:
                break
            text += part
        return text


class _short:  # noqa: N801  # used like a function
    """A short name of a folder for as long as it is open: a Unix socket's own path may have 107 bytes (unix(7))."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._descriptor = -1

    def __enter__(self) -> str:
        self._descriptor = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        return f"/proc/self/fd/{self._descriptor}"

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)


if __name__ == "__main__":
    sys.exit(tell(Path(os.environ.get("LATCHWIRE_STATE", "state")) / "run", sys.argv[1]))
