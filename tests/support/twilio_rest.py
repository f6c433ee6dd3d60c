"""Twilio's REST API for tests: ``api.twilio.com`` behind a proxy of our own, over real TLS.

The program under test is told nothing but what a network may tell it: ``HTTPS_PROXY`` and ``REQUESTS_CA_BUNDLE``. The
proxy answers CONNECT itself and shows a certificate for ``api.twilio.com`` of its own authority. Logins are checked;
``refuse`` makes it answer as Twilio does to a sender who left the sandbox.
"""

import base64
import json
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Final, Self
from urllib.parse import parse_qs

import trustme

HOST: Final = "api.twilio.com"


class FakeTwilio:
    """The API; use it in a ``with`` block.

    Args:
        folder: for the certificate of its authority.
        account: the AccountSid that it knows.
        token: that account's auth token.

    Attributes:
        sent: the messages that were sent, each a form.
        refused: how many requests were not let in.
        refuse: whether all messages are refused with error 63015.
    """

    def __init__(self, *, folder: Path, account: str, token: str) -> None:
        authority = trustme.CA()
        self.account: Final = account
        self.login: Final = "Basic " + base64.b64encode(f"{account}:{token}".encode()).decode()
        self.ca: Final = folder / "twilio-ca.pem"
        authority.cert_pem.write_to_path(str(self.ca))
        self.context: Final = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(HOST).configure_cert(self.context)
        self.sent: Final[list[dict[str, str]]] = []
        self.refused = 0
        self.refuse = False
        twilio = self

        class Handler(_Connection):
            api = twilio

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), name="twilio")

    @property
    def environment(self) -> dict[str, str]:
        """What a program needs to come here."""
        return {
            "HTTPS_PROXY": f"http://127.0.0.1:{self._server.server_address[1]}",
            "REQUESTS_CA_BUNDLE": str(self.ca),
        }

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def told(self, recipient: str) -> list[str]:
        """What was sent to that number."""
        return [form["Body"] for form in list(self.sent) if form["To"] == f"whatsapp:{recipient}"]


class _Connection(BaseHTTPRequestHandler):
    """A proxy's connection first, the API's inside of it then."""

    api: FakeTwilio
    protocol_version = "HTTP/1.1"

    def do_CONNECT(self) -> None:
        if self.path != f"{HOST}:443":
            self.send_error(403)
            return
        self.send_response(200, "Connection established")
        self.end_headers()
        self.wfile.flush()
        self.connection = self.api.context.wrap_socket(self.connection, server_side=True)
        self.rfile, self.wfile = self.connection.makefile("rb"), self.connection.makefile("wb")
        self.close_connection = False

    def do_POST(self) -> None:
        form = {name: values[0] for name, values in parse_qs(self._body()).items()}
        if self.headers["Authorization"] != self.api.login:
            self.api.refused += 1
            self._answer(401, {"code": 20003, "message": "Authenticate", "status": 401})
        elif self.path != f"/2010-04-01/Accounts/{self.api.account}/Messages.json":
            self._answer(404, {"code": 20404, "message": "Not found", "status": 404})
        elif self.api.refuse:
            self.api.refused += 1
            self._answer(400, {"code": 63015, "message": "Channel Sandbox can only send messages", "status": 400})
        else:
            self.api.sent.append(form)
            self._answer(201, {"sid": "SM" + "0" * 32, "status": "queued", **form})

    def finish(self) -> None:
        super().finish()
        self.connection.close()

    def _body(self) -> str:
        return self.rfile.read(int(self.headers["Content-Length"])).decode()

    def _answer(self, status: int, document: dict[str, object]) -> None:
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def log_message(self, *_: object) -> None:
        """Nothing is printed."""
