"""A MagIQ cloud that costs little: the answers of the tests' stand-in (``support/magiq_cloud.py``), without its checks.

    magiq_fake FOLDER

HTTPS with keep-alive, one event loop, in a process of its own. It keeps what each socket was set to. The certificate
of its authority is written into FOLDER. Asked for ``port`` it tells its port; a number is the milliseconds that it
waits before each answer from then on.
"""

import asyncio
import json
import ssl
import sys
import threading
from pathlib import Path
from typing import Any, Final

from bench.worker import serve
from support.magiq_cloud import make_certificate

_BLANK: Final = b"\r\n\r\n"


class Cloud:
    """What all connections share."""

    def __init__(self) -> None:
        self.delay = 0.0
        self.requests = 0
        self.connections = 0
        self._on: dict[str, str] = {}

    def answer(self, asked: dict[str, Any]) -> bytes:
        """As the real one does."""
        self.requests += 1
        name = asked["deviceId"]
        if asked["action"] == "SET":
            self._on[name] = asked["device"]["deviceState"]["switch_1"]
        device: Any = {
            "deviceId": name,
            "deviceType": "SWITCH_1",
            "connectionState": "true",
            "deviceState": {"switch_1": self._on.get(name, "0")},
        }
        if asked["action"] == "GET":
            device = repr([device])
        said = {"result": "Success", "code": "200", "message": "Device Updated successfully", "device": device}
        body = json.dumps(said).encode()
        return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)


class Connection(asyncio.Protocol):
    """One of them."""

    def __init__(self, cloud: Cloud, loop: asyncio.AbstractEventLoop) -> None:
        self._cloud, self._loop = cloud, loop
        self._transport: asyncio.BaseTransport | None = None
        self._rest = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It stands."""
        self._transport = transport
        self._cloud.connections += 1

    def data_received(self, data: bytes) -> None:
        """Answers the requests that are whole."""
        self._rest += data
        while _BLANK in self._rest:
            head, _, body = self._rest.partition(_BLANK)
            size = next(
                int(line.partition(b":")[2])
                for line in head.lower().split(b"\r\n")
                if line.startswith(b"content-length:")
            )
            if len(body) < size:
                return
            self._rest = body[size:]
            answer = self._cloud.answer(json.loads(body[:size]))
            if self._cloud.delay:
                self._loop.call_later(self._cloud.delay, self._write, answer)
            else:
                self._write(answer)

    def _write(self, answer: bytes) -> None:
        if isinstance(self._transport, asyncio.Transport) and not self._transport.is_closing():
            self._transport.write(answer)


def main(folder: str) -> None:
    """Runs it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(make_certificate(Path(folder), "127.0.0.1"))
    cloud, loop = Cloud(), asyncio.new_event_loop()
    server = loop.run_until_complete(
        loop.create_server(lambda: Connection(cloud, loop), "127.0.0.1", 0, ssl=context, backlog=256)
    )
    threading.Thread(target=loop.run_forever, daemon=True).start()

    def asked(line: str) -> Any:
        if line == "port":
            return server.sockets[0].getsockname()[1]
        cloud.delay = float(line) / 1000
        return {"requests": cloud.requests, "connections": cloud.connections}

    serve(asked)


if __name__ == "__main__":
    main(*sys.argv[1:])
