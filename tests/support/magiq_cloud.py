"""A MagIQ cloud for tests: real HTTPS on loopback, and as rude as told.

It checks key, signature and timestamp, never accepts the same signed headers twice (the real one has no
such check that is known; it finds a client that signs once and tries again), keeps each socket's state, and
answers in the shapes that the vendor's samples show. How it misbehaves is told with
:meth:`MagiqCloudServer.behave`, for the next so many requests, for all, or for one socket.

    with MagiqCloudServer(folder=tmp_path) as cloud:
        cloud.add("16612385", name="AC")
        cloud.behave(Rude.RESET_AFTER_READING, times=1)

By hand, for a bridge that is started with MAGIQ_URL and MAGIQ_CA:

    python -m support.magiq_cloud --port 8443 --folder /tmp/magiq --socket 16612385=AC

With ``--certificate`` it needs nothing beyond the standard library, as in a container, and tells each request.
"""

import argparse
import hashlib
import hmac
import json
import signal
import ssl
import sys
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from support.magiq_connection import Server
from support.magiq_rudeness import FakeSocket, Rude, Seen, Shape

__all__ = ["KEY", "SECRET", "FakeSocket", "MagiqCloudServer", "Rude", "Seen", "Shape"]

KEY = "demo-api-key-0123456789"  # of no account: what begins so may stand beside the example's invented people
SECRET = "demo-api-secret/abcdefghij+klmnop"
PATH = "/api-ext-magiq/device"
TOLERANCE_SECONDS = 300


def make_certificate(folder: Path, identity: str) -> Path:
    """Writes ``magiq-ca.pem``, of an authority of its own, and a file with a key and a certificate for ``identity``."""
    import trustme  # noqa: PLC0415 - where there is a certificate already, this need not be installed

    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "magiq-ca.pem"))
    path = folder / "magiq-server.pem"
    authority.issue_cert(identity).private_key_and_cert_chain_pem.write_to_path(str(path))
    return path


@dataclass
class _Order:
    rude: Rude
    left: int | None
    device_id: str | None
    action: str | None


class MagiqCloudServer:
    """The cloud; use it in a ``with`` block.

    Args:
        folder: where the certificate of its own authority is written, for ``MAGIQ_CA``.
        identity: whom its certificate names.
        certificate: a PEM file with key and certificate to use instead; nothing is written then.
        host: address to listen on.
        port: 0 for a free one.
        delay: seconds before each answer.
        tell: gets a line when a request has come, and one when it was answered.
    """

    def __init__(
        self,
        *,
        folder: Path,
        identity: str = "127.0.0.1",
        host: str = "127.0.0.1",
        port: int = 0,
        delay: float = 0.0,
        certificate: Path | None = None,
        tell: Callable[[str], object] = lambda _: None,
    ) -> None:
        self.ca = folder / "magiq-ca.pem"
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(make_certificate(folder, identity) if certificate is None else certificate)
        self.tell = tell
        self.key, self.secret = KEY, SECRET
        self.delay = delay
        self.shape = Shape.PYTHON
        self.sockets: dict[str, FakeSocket] = {}
        self.seen: list[Seen] = []
        self.faults: list[str] = []
        self.connections = 0
        self.most_at_once = 0
        self._at_once = 0
        self._orders: list[_Order] = []
        self._signed: set[tuple[str, str, str]] = set()
        self.lock = threading.Lock()
        self.closing = threading.Event()
        self._server = Server((host, port), context, self)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), name="magiq-cloud")

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}{PATH}"

    @property
    def environ(self) -> dict[str, str]:
        """What a bridge needs to use this cloud."""
        return {
            "MAGIQ_URL": self.url,
            "MAGIQ_CA": str(self.ca),
            "MAGIQ_API_KEY": self.key,
            "MAGIQ_API_SECRET": self.secret,
        }

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def add(self, device_id: str, *, name: str = "AC") -> FakeSocket:
        self.sockets[device_id] = FakeSocket(device_id, name)
        return self.sockets[device_id]

    def behave(
        self, rude: Rude, *, times: int | None = None, device_id: str | None = None, action: str | None = None
    ) -> None:
        """Be rude to the next ``times`` requests (all, if ``None``), of one socket or action if named."""
        with self.lock:
            self._orders.append(_Order(rude, times, device_id, action))

    def be_good(self) -> None:
        with self.lock:
            self._orders.clear()

    def actions(self, device_id: str | None = None) -> list[str]:
        with self.lock:
            return [seen.action for seen in self.seen if device_id in (None, seen.device_id)]

    def hang_up(self) -> None:
        """Closes every connection that is open, as a server does with idle ones."""
        self._server.hang_up()

    # ---- called by the handler of a connection, in its own thread ------------------------------------------

    def rude_to(self, device_id: str | None, action: str | None) -> Rude | None:
        with self.lock:
            for order in self._orders:
                handshake = order.rude is Rude.RESET_HANDSHAKE
                fits = handshake if action is None else not handshake
                if not fits or order.device_id not in (None, device_id) or order.action not in (None, action):
                    continue
                if order.left is not None:
                    order.left -= 1
                    if order.left == 0:
                        self._orders.remove(order)
                return order.rude
        return None

    def note(self, seen: Seen) -> None:
        with self.lock:
            self.seen.append(seen)

    def enter(self, seen: Seen) -> None:
        self.tell(f"{seen.action} {seen.device_id}: asked")
        with self.lock:
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)

    def leave(self, seen: Seen) -> None:
        self.tell(f"{seen.action} {seen.device_id}: answered")
        with self.lock:
            self._at_once -= 1

    def unauthorised(self, seen: Seen) -> str | None:
        """Why the headers are not good."""
        try:
            age = abs((datetime.now(UTC) - datetime.fromisoformat(seen.timestamp)).total_seconds())
        except (ValueError, TypeError):
            return "Invalid timestamp"
        key = seen.headers.get("mq-api-key", "")
        signed = hmac.new(self.secret.encode(), (key + seen.timestamp).encode(), hashlib.sha256).hexdigest()
        with self.lock:
            once = (seen.signature, seen.device_id, seen.action)
            known = once in self._signed
            self._signed.add(once)
        if key != self.key or not hmac.compare_digest(signed, seen.signature):
            return "Invalid signature"
        if age > TOLERANCE_SECONDS:
            return "Timestamp too old"
        return "Signature was used before" if known else None

    def answer(self, seen: Seen, rude: Rude | None) -> dict[str, Any]:
        """Does what was asked, and says so as the real cloud does."""
        if problem := self.unauthorised(seen):
            return {"result": "Failure", "code": "401", "message": problem}
        found = self.sockets.get(seen.device_id)
        if found is None:
            return {"result": "Failure", "code": "404", "message": "Device not found"}
        if seen.action == "GET":
            return self._said("Device fetched", self._as_text([self._device(found, rude)]))
        before = self._device(found, rude)
        wanted = seen.body["device"]["deviceState"]["switch_1"]
        if wanted not in ("0", "1") or seen.body["device"]["deviceId"] != seen.device_id:
            return {"result": "Failure", "code": "400", "message": "Bad device state"}
        with self.lock:
            if rude is not Rude.DEAF and found.connected:
                found.on = wanted == "1"
            found.counter += 1
        if rude is Rude.NO_DEVICE:
            return self._said("Device Updated successfully")
        return self._said(
            "Device Updated successfully", before if rude is Rude.OLD_STATE else self._device(found, rude)
        )

    @staticmethod
    def _said(message: str, device: object = None) -> dict[str, Any]:
        said = {"result": "Success", "code": "200", "message": message}
        return said if device is None else {**said, "device": device}

    @staticmethod
    def _device(found: FakeSocket, rude: Rude | None) -> dict[str, Any]:
        return {
            "id": "65f0",
            "deviceId": "99999999" if rude is Rude.WRONG_DEVICE else found.device_id,
            "name": found.name,
            "macId": "0:0:0:0:0:0",
            "deviceType": "SWITCH_1",
            "version": "1.0",
            "deviceChangeCounter": found.counter,
            "connectionState": "true" if found.connected else "false",
            "cloudEnabled": None,
            "lastModifiedBy": "API",
            "deviceState": {"switch_1": "1" if found.on else "0"},
            "deviceInfo": {"extra": {"switch_1": "Socket"}},
        }

    def _as_text(self, devices: list[dict[str, Any]]) -> object:
        match self.shape:
            case Shape.PYTHON:
                return repr(devices)
            case Shape.JSON:
                return json.dumps(devices)
            case Shape.LIST:
                return devices
            case Shape.OBJECT:
                return devices[0]
            case Shape.BROKEN_QUOTES:
                for device in devices:
                    del device["deviceInfo"]
                return json.dumps(devices).replace('"', "'")


def main(arguments: Iterable[str] | None = None) -> None:
    """Serves until it is told to stop."""
    parser = argparse.ArgumentParser(description="A MagIQ cloud for tests.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--identity", default="127.0.0.1", help="whom the certificate names")
    parser.add_argument("--port", type=int, default=8443)
    made = parser.add_mutually_exclusive_group(required=True)
    made.add_argument("--folder", type=Path, help="where magiq-ca.pem is written")
    made.add_argument("--certificate", type=Path, help="a PEM file with key and certificate")
    parser.add_argument("--delay-ms", type=float, default=0)
    parser.add_argument("--socket", action="append", default=[], metavar="ID=NAME")
    options = parser.parse_args(None if arguments is None else list(arguments))
    with MagiqCloudServer(
        folder=options.folder or options.certificate.parent,
        identity=options.identity,
        host=options.host,
        port=options.port,
        delay=options.delay_ms / 1000,
        certificate=options.certificate,
        tell=_say,
    ) as cloud:
        for entry in options.socket:
            device_id, _, name = entry.partition("=")
            cloud.add(device_id, name=name or device_id)
        stop = threading.Event()
        for name in (signal.SIGINT, signal.SIGTERM):
            signal.signal(name, lambda *_: stop.set())
        _say(f"MagIQ cloud on port {cloud.port}; its authority: {cloud.ca}")
        stop.wait()


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
