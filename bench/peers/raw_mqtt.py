"""As much of MQTT 3.1.1 as a peer needs that has to cost less than what it measures: bytes on a socket, no library.

QoS 1 only, one thread, blocking. A publication that arrives is acknowledged with the next bytes that are sent.
"""

import socket
from collections.abc import Iterator
from typing import NamedTuple

CONNECT, CONNACK, PUBLISH, PUBACK, SUBSCRIBE, SUBACK, PINGREQ = 0x10, 0x20, 0x30, 0x40, 0x82, 0x90, 0xC0


class Publication(NamedTuple):
    """What arrived."""

    topic: bytes
    payload: bytes


def packet(kind: int, body: bytes) -> bytes:
    """A packet with its length (MQTT 3.1.1 section 2.2.3)."""
    left, length = len(body), b""
    while left > 127:
        length += bytes((left % 128 | 128,))
        left //= 128
    return bytes((kind,)) + length + bytes((left,)) + body


def text(word: str) -> bytes:
    """A string with its length."""
    return len(word.encode()).to_bytes(2, "big") + word.encode()


def connect(name: str, password: str, client_id: str, *, will: str = "", keepalive: int = 60) -> bytes:
    """A CONNECT; ``will`` is a topic on which ``offline`` is to be retained."""
    flags = 0xC2 | (0x2C if will else 0)
    body = text("MQTT") + bytes((4, flags)) + keepalive.to_bytes(2, "big") + text(client_id)
    return packet(CONNECT, body + (text(will) + text("offline") if will else b"") + text(name) + text(password))


def subscribe(*topics: str) -> bytes:
    """A SUBSCRIBE at QoS 1."""
    return packet(SUBSCRIBE, b"\0\1" + b"".join(text(topic) + b"\1" for topic in topics))


def publish(topic: str, payload: bytes, number: int, *, retained: bool = False) -> bytes:
    """A PUBLISH at QoS 1."""
    return packet(PUBLISH | 2 | retained, text(topic) + (number % 65535 + 1).to_bytes(2, "big") + payload)


def split(stream: bytes) -> tuple[list[tuple[int, bytes]], bytes]:
    """The whole packets at the start of what was read, and the rest."""
    found, at, end = [], 0, len(stream)
    while end - at >= 2:
        length = shift = 0
        body = at + 1
        while body < end:
            byte = stream[body]
            length |= (byte & 127) << shift
            body, shift = body + 1, shift + 7
            if byte < 128:
                break
        else:
            break
        if end - body < length or stream[body - 1] > 127:
            break
        found.append((stream[at], stream[body : body + length]))
        at = body + length
    return found, stream[at:]


def read_publish(kind: int, body: bytes) -> tuple[Publication, bytes]:
    """A PUBLISH that came, and its acknowledgement, empty at QoS 0."""
    size = int.from_bytes(body[:2], "big") + 2
    if not kind & 6:
        return Publication(body[2:size], body[size:]), b""
    return Publication(body[2:size], body[size + 2 :]), packet(PUBACK, body[size : size + 2])


class Connection:
    """A client that is connected and subscribed.

    Args:
        host: of the broker.
        port: of the broker.
        name: its login.
        password: its login's.
        topics: what to hear.
    """

    def __init__(self, host: str, port: int, *, name: str, password: str, topics: tuple[str, ...]) -> None:
        self._socket = socket.create_connection((host, port), timeout=30)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._rest, self._acknowledgements, self._number = b"", b"", 0
        self._early: list[Publication] = []
        self._socket.sendall(connect(name, password, "", keepalive=0) + subscribe(*topics))
        while SUBACK not in self._read():
            pass

    def send(self, *publications: Publication) -> None:
        """Publishes all of them, with the acknowledgements that are due, in one write."""
        out = self._acknowledgements
        self._acknowledgements = b""
        for topic, payload in publications:
            self._number += 1
            out += publish(topic.decode(), payload, self._number)
        if out:
            self._socket.sendall(out)

    def hear(self) -> Iterator[Publication]:
        """What has arrived, waiting for at least some bytes if there is nothing."""
        if not self._early:  # what the broker keeps may come in one piece with its SUBACK
            self._read()
        found, self._early = self._early, []
        yield from found

    def _read(self) -> set[int]:
        part = self._socket.recv(65536)
        if not part:
            raise ConnectionError("the broker ended the connection")
        packets, self._rest = split(self._rest + part)
        for kind, body in packets:
            if kind & 0xF0 == PUBLISH:
                publication, acknowledgement = read_publish(kind, body)
                self._early.append(publication)
                self._acknowledgements += acknowledgement
        return {kind & 0xF0 for kind, _ in packets}
