"""Thousands of agents that are only there: connected, each with its nonce rolling, as the kit's agent would be.

    crowd HOST PORT

One process, one poll loop, raw MQTT: each stand-in connects with a login of its own and a will, subscribes as an agent
does, publishes availability, status, nonce and a state, all retained, renews its nonce every 30 s and acknowledges what
it hears. Asked with a number it makes so many of them and says when all are there; the answer is how many bytes all
have written and read since the last question.
"""

import heapq
import json
import os
import select
import socket
import sys
import time
from typing import Final

from bench.peers import raw_mqtt as mqtt
from bench.worker import READY
from latchwire.protocol.token import encode_part

LIFETIME: Final = 30
KEEPALIVE: Final = 30
WORD: Final = "nobody's secret"


class StandIn:
    """One agent that is only there."""

    def __init__(self, host: str, port: int, name: str) -> None:
        self.name, self._number, self._rest = name, 0, b""
        self.socket = socket.create_connection((host, port), timeout=30)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        own = [f"latchwire/{name}/{kind}" for kind in ("availability", "nonce", "status", "+/command")]
        hello = mqtt.connect(name, WORD, f"{name}-{os.urandom(8).hex()}", will=own[0], keepalive=KEEPALIVE)
        status = json.dumps({"service": "relay-agent", "version": "0", "health": "ok", "up": 1.0, "instance": name})
        self.written = self.read = 0
        self.send(
            hello + mqtt.subscribe(*own) + self._retained("availability", b"online")
            + self._retained("status", status.encode()) + self._retained("door/state", b'{"state":"locked"}')
        )  # fmt: skip
        self.roll()
        self.socket.setblocking(False)

    def roll(self) -> None:
        """Makes a new nonce, and publishes it."""
        nonce = encode_part(os.urandom(16)).decode()
        text = json.dumps({"protocol": 1, "nonce": nonce, "lifetime": LIFETIME}, separators=(",", ":"))
        self.send(self._retained("nonce", text.encode()))

    def hear(self) -> None:
        """Reads what is there, and acknowledges it."""
        part = self.socket.recv(65536)
        if not part:
            raise ConnectionError(f"the broker ended the connection of {self.name}")
        self.read += len(part)
        packets, self._rest = mqtt.split(self._rest + part)
        due = b"".join(mqtt.read_publish(kind, body)[1] for kind, body in packets if kind & 0xF0 == mqtt.PUBLISH)
        if due:
            self.send(due)

    def send(self, data: bytes) -> None:
        """Writes; a few hundred bytes always fit."""
        self.socket.sendall(data)
        self.written += len(data)

    def _retained(self, kind: str, payload: bytes) -> bytes:
        self._number += 1
        return mqtt.publish(f"latchwire/{self.name}/{kind}", payload, self._number, retained=True)


class Crowd:
    """All of them."""

    def __init__(self, host: str, port: int) -> None:
        self._host, self._port = host, port
        self._all: dict[int, StandIn] = {}
        self._due: list[tuple[float, int]] = []
        self._poll = select.poll()
        self._poll.register(0, select.POLLIN)

    def run(self) -> None:
        """Serves until its input ends."""
        sys.stdout.write(f"{READY}\n")
        sys.stdout.flush()
        while True:
            wait = max(0.0, self._due[0][0] - time.monotonic()) * 1000 if self._due else None
            for descriptor, _ in self._poll.poll(wait):
                if descriptor == 0:
                    line = os.read(0, 4096)
                    if not line:
                        return
                    self._grow(int(line))
                    sys.stdout.write(f"{json.dumps(self._traffic())}\n")
                    sys.stdout.flush()
                else:
                    self._all[descriptor].hear()
            self._roll_what_is_due()

    def _roll_what_is_due(self) -> None:
        while self._due and self._due[0][0] <= time.monotonic():
            at, descriptor = heapq.heappop(self._due)
            self._all[descriptor].roll()
            heapq.heappush(self._due, (at + LIFETIME, descriptor))

    def _grow(self, count: int) -> None:
        for number in range(len(self._all), count):
            made = StandIn(self._host, self._port, f"agent-{number}")
            self._all[made.socket.fileno()] = made
            self._poll.register(made.socket, select.POLLIN)
            # Spread over the lifetime, as those that started at some time or other are.
            heapq.heappush(self._due, (time.monotonic() + LIFETIME * (number % 997) / 997, made.socket.fileno()))
            if number % 50 == 49:
                self._hear_all()

    def _hear_all(self) -> None:
        while events := self._poll.poll(0):
            if [descriptor for descriptor, _ in events] == [0]:
                return
            for descriptor, _ in events:
                if descriptor:
                    self._all[descriptor].hear()

    def _traffic(self) -> dict[str, int]:
        found = {
            "written": sum(each.written for each in self._all.values()),
            "read": sum(each.read for each in self._all.values()),
        }
        for each in self._all.values():
            each.written = each.read = 0
        return found


if __name__ == "__main__":
    Crowd(sys.argv[1], int(sys.argv[2])).run()
