"""The fake MagIQ cloud's side of a connection: real TLS and HTTP, broken where a test asks for it."""

import json
import os
import socket
import ssl
import struct
import sys
import threading
from collections.abc import Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Protocol

from support.magiq_rudeness import Rude, Seen


class Cloud(Protocol):
    """What a connection needs of the cloud behind it."""

    closing: threading.Event
    connections: int
    delay: float
    faults: list[str]

    def note(self, seen: Seen) -> None: ...
    def rude_to(self, device_id: str | None, action: str | None) -> Rude | None: ...
    def enter(self, seen: Seen) -> None: ...
    def leave(self, seen: Seen) -> None: ...
    def answer(self, seen: Seen, rude: Rude | None) -> dict[str, Any]: ...


class Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 256

    def __init__(self, address: tuple[str, int], context: ssl.SSLContext, cloud: Cloud) -> None:
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
    server: Server

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
        cloud.note(seen)
        cloud.enter(seen)
        try:
            if cloud.delay:
                cloud.closing.wait(cloud.delay)
            self._treat(seen, cloud.rude_to(seen.device_id, seen.action))
        finally:
            cloud.leave(seen)

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
