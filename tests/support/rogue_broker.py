"""A broker whose owner means harm: takes every login, acknowledges everything, and sends whatever it is told to.

It speaks just enough MQTT 3.1.1 to be taken for a broker; what it then sends need be no MQTT at all.
"""

import queue
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Final, Self

from latchwire.bus import Endpoint
from support.broker import HOST


def text(content: bytes) -> bytes:
    """MQTT's string: two bytes of length before it."""
    return len(content).to_bytes(2, "big") + content


def packet(kind: int, body: bytes, *, length: int | None = None) -> bytes:
    """A packet; ``length`` is what it says of itself, if that is to be a lie."""
    size, head = len(body) if length is None else length, bytearray()
    while True:
        size, digit = size >> 7, size & 0x7F
        head.append(digit | (0x80 if size else 0))
        if not size:
            return bytes([kind]) + bytes(head) + body


def publication(topic: bytes, payload: bytes, *, qos: int = 1, number: int = 1, flags: int = 0) -> bytes:
    """A PUBLISH."""
    middle = number.to_bytes(2, "big") if qos else b""
    return packet(0x30 | qos << 1 | flags, text(topic) + middle + payload)


class RogueBroker:
    """Listens until it is closed; a context manager.

    Args:
        echo: whether it brings back what is published, as a broker does, so that clients come to be ready.

    Attributes:
        connections: how many clients have connected.
        heard: topics and payloads of all that was published to it.
    """

    def __init__(self, *, echo: bool = True) -> None:
        self.connections = 0
        self.heard: Final[list[tuple[str, bytes]]] = []
        self._echo = echo
        self._clients: queue.SimpleQueue[socket.socket] = queue.SimpleQueue()
        self._all: list[socket.socket] = []
        self._server = socket.create_server((HOST, 0))
        threading.Thread(target=self._accept, name="rogue-broker", daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)  # so that nothing waits in accept(2)
        self._server.close()
        for client in self._all:
            with suppress(OSError):
                client.shutdown(socket.SHUT_RDWR)
            client.close()

    @property
    def endpoint(self) -> Endpoint:
        """Where it listens."""
        return Endpoint(HOST, self._server.getsockname()[1], None, mqtt5=False)

    def client(self) -> socket.socket:
        """The next client that has connected and was taken."""
        return self._clients.get(timeout=20)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._server.accept()
                self._all.append(client)
                threading.Thread(target=self._serve, args=(client,), name="rogue-client", daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with suppress(OSError, IndexError, ValueError), client.makefile("rb") as stream:
            while head := stream.read(1):
                body = stream.read(_length(stream.read))
                self._answer(client, head[0], body)

    def _answer(self, client: socket.socket, kind: int, body: bytes) -> None:
        match kind & 0xF0:
            case 0x10:
                client.sendall(b"\x20\x02\x00\x00")
                self.connections += 1
                self._clients.put(client)
            case 0x80:
                filters = body[2:].count(b"latchwire")
                client.sendall(packet(0x90, body[:2] + b"\x01" * filters))
            case 0x30:
                end = 2 + int.from_bytes(body[:2], "big")
                topic, payload = body[2:end], body[end + 2 :]
                self.heard.append((topic.decode(errors="replace"), payload))
                client.sendall(packet(0x40, body[end : end + 2]))
                if self._echo:
                    client.sendall(publication(topic, payload, number=len(self.heard) % 65_535 + 1))
            case 0xC0:
                client.sendall(b"\xd0\x00")


def _length(read: Callable[[int], bytes]) -> int:
    size, shift = 0, 0
    while True:
        digit = read(1)[0]
        size |= (digit & 0x7F) << shift
        shift += 7
        if not digit & 0x80:
            return size
