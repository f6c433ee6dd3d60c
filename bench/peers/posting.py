"""Posts WhatsApp messages as Twilio does, and waits for what is answered: one at a time, or many at once.

    posting PORT PATH EXPECTED NUMBERS DEVICE…

``5`` posts five, one after the other, and tells how long each took, in microseconds. ``256 64`` posts so many over so
many connections, and tells ``{"seconds": …, "samples": […]}``. The requests are made and signed before the clock
starts, and connections stay open where the server leaves them open, so that what asks costs little beside what
answers. Whoever answers anything but 200 and the word that is expected ends it.

Each person writes about one device, and says the other thing each time. A DEVICE that ends in ``door`` is locked and
unlocked, others are switched on and off. NUMBERS are so many: nobody writes so much that it is too much.
"""

import itertools
import select
import socket
import sys
import time
from collections import deque
from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import urlencode

from bench.worker import serve
from latchwire_whatsapp_webhook.say import form, signed
from support.house import PUBLIC, TOKEN, TWILIO_SECONDS

HOST: Final = "127.0.0.1"


def number(index: int) -> str:
    """The phone number of the one with that index: fictitious ones (555-0100 to 0199) of many area codes."""
    return f"+1{200 + index // 100}55501{index % 100:02d}"


class Connection:
    """An HTTP connection that is opened when it is needed."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._socket: socket.socket | None = None
        self._answer = b""
        self._begun = 0

    @property
    def is_closed(self) -> bool:
        """Whether the next request opens it."""
        return self._socket is None

    def open(self) -> None:
        """Connects, unless it is connected still."""
        if self._socket is not None and select.select([self._socket], [], [], 0)[0]:
            self.close()
        if self._socket is None:
            self._socket = socket.create_connection((HOST, self._port), timeout=TWILIO_SECONDS)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def close(self) -> None:
        """Closes it."""
        if self._socket is not None:
            self._socket.close()
        self._socket = None

    def send(self, request: bytes) -> int:
        """Sends a request; the descriptor to wait for."""
        self._begun = time.perf_counter_ns()
        if self._socket is None:
            self.open()
        assert self._socket is not None
        self._socket.sendall(request)
        self._answer = b""
        return self._socket.fileno()

    def receive(self) -> tuple[float, bytes] | None:
        """Reads what is there; the microseconds and the whole answer once it is whole."""
        assert self._socket is not None
        part = self._socket.recv(65536)
        self._answer += part
        head, blank, body = self._answer.partition(b"\r\n\r\n")
        if not part or (blank and len(body) >= _length(head)):
            took = (time.perf_counter_ns() - self._begun) / 1000
            if not part or head.startswith(b"HTTP/1.0") or b"\r\nconnection: close" in head.lower():
                self.close()
            return took, self._answer
        return None


def _length(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line.partition(b":")[2])
    return sys.maxsize  # until the connection ends


class Posting:
    """The one who posts."""

    def __init__(self, port: int, path: str, expected: str, numbers: int, devices: list[str]) -> None:
        self._port, self._path, self._expected = port, path, expected.encode()
        self._connections: list[Connection] = []
        said = {True: ("unlock {}", "lock {}"), False: ("switch {} on", "switch {} off")}
        words = [[text.format(name.replace("-", " ")) for text in said[name.endswith("door")]] for name in devices]
        assert numbers % len(devices) == 0, "each writes about one device"
        self._next = (
            (number(person), words[person % len(devices)][turn % 2])
            for turn in itertools.count()
            for person in range(numbers)
        )

    def requests(self, count: int) -> Iterator[bytes]:
        """The next messages."""
        for sender, text in itertools.islice(self._next, count):
            fields = form(text, sender=sender)
            body = urlencode(fields).encode()
            headers = signed(fields, url=f"{PUBLIC}/whatsapp", token=TOKEN) | {
                "Host": f"{HOST}:{self._port}",
                "User-Agent": "TwilioProxy/1.1",
                "Content-Length": str(len(body)),
            }
            head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
            yield f"POST {self._path} HTTP/1.1\r\n{head}\r\n".encode() + body

    def post(self, count: int, at_once: int) -> tuple[float, list[float]]:
        """Posts so many; the seconds for all, and the microseconds of each."""
        waiting = deque(self.requests(count))
        while len(self._connections) < at_once:
            self._connections.append(Connection(self._port))
        poll, busy, samples = select.epoll(), {}, []
        for connection in self._connections[:at_once]:
            connection.open()
        begun = time.perf_counter_ns()
        for connection in self._connections[: min(at_once, count)]:
            descriptor = connection.send(waiting.popleft())
            poll.register(descriptor, select.EPOLLIN)
            busy[descriptor] = connection
        while busy:
            events = poll.poll(TWILIO_SECONDS)
            assert events, f"no answer for {TWILIO_SECONDS:.0f} s"
            for descriptor, _ in events:
                connection = busy[descriptor]
                if (answer := connection.receive()) is None:
                    continue
                samples.append(answer[0])
                self._check(answer[1])
                del busy[descriptor]
                if waiting:
                    was_closed = connection.is_closed
                    again = connection.send(waiting.popleft())
                    if was_closed:  # which took it out of what is polled
                        poll.register(again, select.EPOLLIN)
                    busy[again] = connection
        seconds = (time.perf_counter_ns() - begun) / 1e9
        poll.close()
        return seconds, samples

    def _check(self, answer: bytes) -> None:
        status = answer.partition(b"\r\n")[0].split(b" ")[1:2]
        if status != [b"200"] or self._expected not in answer:
            raise SystemExit(f"port {self._port} answers {answer[-300:]!r}")


def main(port: str, path: str, expected: str, numbers: str, *devices: str) -> None:
    """Runs it."""
    posting = Posting(int(port), path, expected, int(numbers), [*devices])

    def answer(line: str) -> Any:
        count, _, at_once = line.partition(" ")
        if not at_once:
            return posting.post(int(count), 1)[1]
        seconds, samples = posting.post(int(count), int(at_once))
        return {"seconds": seconds, "samples": samples}

    serve(answer)


if __name__ == "__main__":
    main(*sys.argv[1:])
