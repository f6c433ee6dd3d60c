"""The HTTP side of the fake X API: paths, answers and how a stream is written."""

import base64
import contextlib
import json
import queue
import re
import time
import urllib.parse
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from support.x_api import FakeX

BEARER: Final = "demo-bearer-token-AAAA%2FBBBB"
CONSUMER_KEY: Final = "fake-consumer-key"
CONSUMER_SECRET: Final = "fake-consumer-secret"


class Cut(NamedTuple):
    """What a stream is told instead of a line: how to end."""

    clean: bool


class Fault(NamedTuple):
    """An answer instead of the right one."""

    status: int
    body: object = None
    headers: Mapping[str, str] = {}
    hang: float = 0


class Request(NamedTuple):
    """A request that came in."""

    method: str
    path: str
    at: float
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: str


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    x: "FakeX"

    def do_GET(self) -> None:
        """As http.server calls it."""
        self._serve("GET")

    def do_POST(self) -> None:
        """As http.server calls it."""
        self._serve("POST")

    def do_DELETE(self) -> None:
        """As http.server calls it."""
        self._serve("DELETE")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
        """Says nothing: a test's output is for the test."""

    def _serve(self, method: str) -> None:
        with contextlib.suppress(OSError):  # the client went away
            self._answer_request(method)

    def _answer_request(self, method: str) -> None:
        address = urllib.parse.urlsplit(self.path)
        query = dict(urllib.parse.parse_qsl(address.query))
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        request = Request(method, address.path, time.monotonic(), query, dict(self.headers.items()), body)
        fault = self.x.note(request)
        if fault:
            time.sleep(fault.hang)
            self._json(fault.status, fault.body, fault.headers)
        elif address.path == "/oauth2/token":
            self._token(body)
        elif address.path == "/fake/post":
            said = json.loads(body)
            author = next((i for i, n in self.x.accounts.items() if said["author"].lstrip("@") in {i, n}), "999")
            self._json(200, {"id": self.x.post(author, said["text"])})
        elif not self._allowed():
            self._json(401, {"title": "Unauthorized", "status": 401, "detail": "Unauthorized"})
        else:
            self._api(request)

    def _api(self, request: Request) -> None:
        match request.method, request.path.strip("/").split("/")[1:]:
            case "GET", ["tweets", "search", "stream"]:
                self._stream()
            case "GET", ["tweets", "search", "stream", "rules"]:
                rules = [{"id": rule_id, **rule} for rule_id, rule in self.x.rules.items()]
                self._json(200, {"data": rules, "meta": {}} if rules else {"meta": {}})
            case "POST", ["tweets", "search", "stream", "rules"]:
                self._json(201, self.x.change_rules(json.loads(request.body)))
            case "DELETE", ["connections", "all"]:
                self.x.ghosts = 0
                self.x.cut(clean=False)
                self._json(200, {"data": {"successful_kills": 1}})
            case _:
                self._api_of_users(request)

    def _api_of_users(self, request: Request) -> None:
        query = request.query
        match request.method, request.path.strip("/").split("/")[1:]:
            case "GET", ["users"]:
                self._json(200, self.x.users(query.get("ids", "").split(","), []))
            case "GET", ["users", "by"]:
                names = query.get("usernames", "").split(",")
                if all(re.fullmatch(r"[A-Za-z0-9_]{1,15}", name) for name in names):
                    self._json(200, self.x.users([], names))
                else:
                    self._json(400, {"errors": [{"message": "invalid usernames"}], "title": "Invalid Request"})
            case "GET", ["users", user_id, "tweets"]:
                self._json(200, self.x.timeline(user_id, query), self.x.rate_limit)
            case "POST", ["tweets"]:
                self.x.replies.append(json.loads(request.body))
                self._json(201, {"data": {"id": "1"}})
            case "POST", ["dm_conversations", "with", user_id, "messages"]:
                self.x.messages.append({"to": user_id, **json.loads(request.body)})
                self._json(201, {"data": {"dm_event_id": "1"}})
            case _:
                self._json(404, {"title": "Not Found Error"})

    def _allowed(self) -> bool:
        given = self.headers.get("Authorization", "")
        return given == f"Bearer {self.x.bearer}" or given.startswith("OAuth oauth_")

    def _token(self, body: str) -> None:
        pair = ":".join(map(urllib.parse.quote, self.x.consumer))
        basic = "Basic " + base64.b64encode(pair.encode()).decode()
        if self.headers.get("Authorization") != basic or body != "grant_type=client_credentials":
            self._json(403, {"errors": [{"code": 99, "message": "Unable to verify your credentials"}]})
        else:
            self._json(200, {"token_type": "bearer", "access_token": self.x.bearer})

    def _stream(self) -> None:
        if not self.x.rules:
            self._json(409, {"title": "ConnectionException", "connection_issue": "RuleConfigurationIssue"})
        elif self.x.streams + self.x.ghosts >= 1:
            self._json(429, {"title": "ConnectionException", "connection_issue": "TooManyConnections"})
        else:
            with self.x.stream() as lines:  # before its head, so that who sees it open misses nothing
                self.send_response(200)
                self.send_header("Content-Type", "application/json; charset=utf-8")
                self.send_header("Transfer-Encoding", "chunked")
                self.end_headers()
                self._write_lines(lines)
            self.close_connection = True

    def _write_lines(self, lines: "queue.SimpleQueue[bytes | Cut]") -> None:
        while True:
            try:
                line = lines.get(timeout=self.x.keep_alive)
            except queue.Empty:
                if self.x.mute:
                    continue
                line = b"\r\n"
            if isinstance(line, Cut):
                if line.clean:
                    self.wfile.write(b"0\r\n\r\n")
                return
            # In two chunks, so that CR and LF come apart now and then.
            for part in (line[:-1], line[-1:]):
                if part:
                    self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))

    def _json(self, status: int, body: object, headers: Mapping[str, str] | None = None) -> None:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)
