"""A server that takes messages as ntfy does, and fails as it does: 401, 429, 5xx, silence, TLS.

What it checks and how its errors look is from ntfy's pages: docs.ntfy.sh/publish, "Publish as JSON", "Limitations".
"""

import json
import ssl
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final, NamedTuple, Self

MESSAGE_LIMIT: Final = 4096


class Fault(NamedTuple):
    """An answer in place of the right one; without a status: none at all, until the fake ends."""

    status: int = 0
    headers: Mapping[str, str] = {}


class FakeNtfy:
    """One server on the loopback interface; also a context manager.

    Args:
        token: what it wants to be shown; "" for nothing.
        certificate: a PEM file with a certificate and its key, for TLS.

    Attributes:
        messages: what was taken.
        tries: how many requests came.
        faults: what the next requests are answered with.
    """

    def __init__(self, *, token: str = "", certificate: Path | None = None) -> None:
        self.token = token
        self.messages: Final[list[dict[str, Any]]] = []
        self.tries = 0
        self.faults: Final[list[Fault]] = []
        self.ended: Final = threading.Event()
        fake = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                fake.answer(self)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # http.server's name
                """Says nothing: a test's output is for the test."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._scheme = "https" if certificate else "http"
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self._server.socket = context.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        self._server.handle_error = lambda *_: None  # type: ignore[method-assign]  # a client that went away
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.ended.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def url(self) -> str:
        """Where it is, without a topic."""
        return f"{self._scheme}://127.0.0.1:{self._server.server_address[1]}"

    @property
    def text(self) -> str:
        """All that was taken, a line each."""
        return "\n".join(f"{message['title']} | {message['message']}" for message in self.messages)

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        """Answers one request."""
        self.tries += 1
        body = request.rfile.read(int(request.headers["Content-Length"]))
        if self.faults:
            fault = self.faults.pop(0)
            if not fault.status:
                self.ended.wait(30)
                return
            _say(request, fault.status, {"code": fault.status * 100 + 1, "error": "limit reached"}, fault.headers)
        elif self.token and request.headers.get("Authorization") != f"Bearer {self.token}":
            _say(request, 401, {"code": 40101, "http": 401, "error": "unauthorized"})
        elif len(body) > MESSAGE_LIMIT:
            _say(request, 413, {"code": 41303, "http": 413, "error": "JSON body too large"})
        else:
            self.messages.append(json.loads(body))
            _say(request, 200, {"id": "sPs71M8A2T", "event": "message"})


def _say(
    request: BaseHTTPRequestHandler, status: int, document: Mapping[str, Any], headers: Mapping[str, str] = {}
) -> None:
    body = json.dumps({"http": status, **document}).encode()
    request.send_response(status)
    for name, value in {**headers, "Content-Type": "application/json", "Content-Length": str(len(body))}.items():
        request.send_header(name, value)
    request.end_headers()
    request.wfile.write(body)
