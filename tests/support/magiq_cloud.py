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
"""

import argparse
import enum
import hashlib
import hmac
import json
import os
import signal
import socket
import ssl
import struct
import sys
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

import trustme

KEY = "test-api-key-0123456789"
SECRET = "test-api-secret/abcdefghij+klmnop"
PATH = "/api-ext-magiq/device"
TOLERANCE_SECONDS = 300


class Rude(enum.Enum):
    """How a request may be treated instead of properly."""

    RESET_AFTER_READING = "the request is read, nothing is done, and the connection is reset"
    RESET_AFTER_DOING = "the request is done, and the connection is reset instead of an answer"
    RESET_HANDSHAKE = "the connection is reset before TLS stands"
    HANG = "the request is read, and no answer ever comes"
    DRIP = "an answer comes byte by byte and has no end"
    TRUNCATE = "the request is done, and its answer breaks off"
    ERROR_500 = "HTTP 500"
    UNAVAILABLE_503 = "HTTP 503"
    TOO_MANY_429 = "HTTP 429"
    CODE_404 = "HTTP 200 with code 404 in the body"
    CODE_500 = "HTTP 200 with code 500 in the body"
    NO_CODE = "HTTP 200 without a code in the body"
    GARBAGE = "HTTP 200 with bytes that are no text"
    HTML = "HTTP 200 with a page for a browser"
    HUGE = "HTTP 200 with an answer of 4 MB"
    REDIRECT = "HTTP 307 to another place on this very server"
    ECHO = "HTTP 400 that shows the request's own headers"
    NO_DEVICE = "a SET is done, and its answer does not hold the device"
    OLD_STATE = "a SET is done, and its answer holds the state before"
    DEAF = "a SET is answered well and not done"
    WRONG_DEVICE = "the answer is about another socket"


class Shape(enum.Enum):
    """How the answer holds the device."""

    PYTHON = "a string: a list in Python's notation"
    JSON = "a string: a list as JSON"
    LIST = "a list"
    OBJECT = "an object"
    BROKEN_QUOTES = "a string in Python's notation whose apostrophes are not escaped"


@dataclass
class FakeSocket:
    """A socket; tests press its button by setting ``on``, and pull its plug by ``connected = False``."""

    device_id: str
    name: str
    on: bool = False
    connected: bool = True
    counter: int = 655


@dataclass(frozen=True)
class Seen:
    """A request as it came."""

    action: str
    device_id: str
    timestamp: str
    signature: str
    headers: Mapping[str, str]
    body: Mapping[str, Any]


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
        host: address to listen on.
        port: 0 for a free one.
        delay: seconds before each answer.
    """

    def __init__(
        self,
        *,
        folder: Path,
        identity: str = "127.0.0.1",
        host: str = "127.0.0.1",
        port: int = 0,
        delay: float = 0.0,
    ) -> None:
        authority = trustme.CA()
        self.ca = folder / "magiq-ca.pem"
        authority.cert_pem.write_to_path(str(self.ca))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(identity).configure_cert(context)
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
        self._server = _Server((host, port), context, self)
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

    def enter(self) -> None:
        with self.lock:
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)

    def leave(self) -> None:
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


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 256

    def __init__(self, address: tuple[str, int], context: ssl.SSLContext, cloud: MagiqCloudServer) -> None:
        self.context = context
        self.cloud = cloud
        self._open: list[ssl.SSLSocket] = []
        super().__init__(address, _Connection)

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, address = super().get_request()
        self.cloud.connections += 1
        # The handshake is the connection's own thread's, or one silent client would keep all others out.
        wrapped = self.context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        self._open = [*(one for one in self._open if one.fileno() >= 0), wrapped]
        return wrapped, address

    def hang_up(self) -> None:
        for connection in self._open:
            if connection.fileno() >= 0:
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002 - http.server's
        error = sys.exc_info()[1]
        if not isinstance(error, OSError):  # a client that went away is none of ours
            self.cloud.faults.append(repr(error))


class _Connection(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = 60
    server: _Server

    def setup(self) -> None:
        if self.server.cloud.rude_to(None, None) is Rude.RESET_HANDSHAKE:
            self._reset(self.request)
        self.request.settimeout(self.timeout)
        self.request.do_handshake()
        super().setup()

    def do_POST(self) -> None:
        cloud = self.server.cloud
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        seen = Seen(
            str(body.get("action")),
            str(body.get("deviceId")),
            self.headers.get("MQ-TIMESTAMP", ""),
            self.headers.get("MQ-SIGNATURE", ""),
            {name.lower(): value for name, value in self.headers.items()},
            body,
        )
        with cloud.lock:
            cloud.seen.append(seen)
        cloud.enter()
        try:
            if cloud.delay:
                cloud.closing.wait(cloud.delay)
            self._treat(seen, cloud.rude_to(seen.device_id, seen.action))
        finally:
            cloud.leave()

    def _treat(self, seen: Seen, rude: Rude | None) -> None:
        cloud = self.server.cloud
        match rude:
            case Rude.RESET_AFTER_READING:
                self._reset(self.connection)
            case Rude.RESET_AFTER_DOING:
                cloud.answer(seen, rude)
                self._reset(self.connection)
            case Rude.HANG:
                cloud.closing.wait()
                self.close_connection = True
            case Rude.DRIP:
                self._drip()
            case Rude.TRUNCATE:
                text = json.dumps(cloud.answer(seen, rude)).encode()
                self._say(200, text[: len(text) // 2], length=len(text))
                self.close_connection = True
            case _:
                status, content = self._words(seen, rude)
                self._say(status, content, {"Location": "/elsewhere"} if rude is Rude.REDIRECT else {})

    def _words(self, seen: Seen, rude: Rude | None) -> tuple[int, bytes]:
        plain: dict[Rude, tuple[int, bytes]] = {
            Rude.ERROR_500: (500, b"<h1>Internal Server Error</h1>"),
            Rude.UNAVAILABLE_503: (503, b"try later"),
            Rude.TOO_MANY_429: (429, b'{"message":"Too many requests"}'),
            Rude.CODE_404: (200, b'{"result":"Failure","code":"404","message":"Device not found"}'),
            Rude.CODE_500: (200, b'{"result":"Failure","code":"500","message":"Something went wrong"}'),
            Rude.NO_CODE: (200, b'{"result":"Success"}'),
            Rude.GARBAGE: (200, bytes(range(128, 256)) * 4),
            Rude.HTML: (200, b"<!doctype html><title>Sign in</title>" + b"x" * 2000),
            Rude.HUGE: (200, b'{"code":"200","result":"Success","padding":"' + b"x" * 4_000_000 + b'"}'),
            Rude.REDIRECT: (307, b"elsewhere"),
            Rude.ECHO: (400, json.dumps({"message": "bad", "headers": dict(seen.headers)}).encode()),
        }
        if rude in plain:
            return plain[rude]
        return 200, json.dumps(self.server.cloud.answer(seen, rude)).encode()

    def _say(
        self,
        status: int,
        content: bytes,
        headers: Mapping[str, str] | None = None,
        *,
        length: int | None = None,
    ) -> None:
        lines = [
            f"HTTP/1.1 {status} {HTTPStatus(status).phrase}",
            "Content-Type: application/json",
            "Set-Cookie: session=tracked; Path=/",
            f"Content-Length: {len(content) if length is None else length}",
            *(f"{name}: {value}" for name, value in (headers or {}).items()),
        ]
        self.wfile.write("\r\n".join(lines).encode() + b"\r\n\r\n" + content)

    def _drip(self) -> None:
        self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n{")
        while not self.server.cloud.closing.wait(0.05):
            self.wfile.write(b" ")

    def _reset(self, connection: socket.socket) -> None:
        """Lets the other side see ECONNRESET rather than a tidy end."""
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        os.close(connection.detach())
        raise ConnectionAbortedError

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is http.server's
        """Says nothing: tests look at ``seen``."""


def main(arguments: Iterable[str] | None = None) -> None:
    """Serves until it is told to stop."""
    parser = argparse.ArgumentParser(description="A MagIQ cloud for tests.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--identity", default="127.0.0.1", help="whom the certificate names")
    parser.add_argument("--port", type=int, default=8443)
    parser.add_argument("--folder", type=Path, required=True, help="where magiq-ca.pem is written")
    parser.add_argument("--delay-ms", type=float, default=0)
    parser.add_argument("--socket", action="append", default=[], metavar="ID=NAME")
    options = parser.parse_args(None if arguments is None else list(arguments))
    with MagiqCloudServer(
        folder=options.folder,
        identity=options.identity,
        host=options.host,
        port=options.port,
        delay=options.delay_ms / 1000,
    ) as cloud:
        for entry in options.socket:
            device_id, _, name = entry.partition("=")
            cloud.add(device_id, name=name or device_id)
        stop = threading.Event()
        for name in (signal.SIGINT, signal.SIGTERM):
            signal.signal(name, lambda *_: stop.set())
        sys.stdout.write(f"MagIQ cloud on port {cloud.port}; its authority: {cloud.ca}\n")
        sys.stdout.flush()
        stop.wait()


if __name__ == "__main__":
    main()
