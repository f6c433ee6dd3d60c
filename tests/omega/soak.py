"""Works an agent hard: many commands on one connection, and a wire to its broker that is cut again and again.

The commands are signed without the code that they test, and each one's receipt has to say ``done``.
"""

import base64
import json
import os
import select
import socket
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, Self

from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion

from omega.household import Household
from support.broker import HOST
from support.tokens import token

IN_FLIGHT: Final = 6
"""Fewer than an agent queues for one device."""


class Asker:
    """Gives commands as ``manual``, each when an earlier one was answered; a context manager.

    Args:
        household: whose agent.
        device: of the agent ``omega``.
    """

    def __init__(self, household: Household, device: str) -> None:
        line = (household.state / "keys/manual").read_text().split()
        self._kid, self._secret = line[0], bytes.fromhex(line[2])
        self._port, self._device = household.port, device
        self._room = threading.Semaphore(IN_FLIGHT)
        self._nonce, self._has_nonce = "", threading.Event()
        self.done, self.others = 0, list[str]()
        self._client = paho.Client(CallbackAPIVersion.VERSION2)
        self._client.max_inflight_messages_set(IN_FLIGHT)
        self._client.username_pw_set("manual", household.password("manual"))
        self._client.on_message = self._heard
        self._client.on_connect = self._on_connect
        self._client.on_socket_open = lambda _client, _data, sock: _at_once(sock)

    def __enter__(self) -> Self:
        """Connects, and waits for the agent's nonce."""
        self._client.connect(HOST, self._port)
        self._client.loop_start()
        assert self._has_nonce.wait(20), "the agent publishes no nonce"
        return self

    def __exit__(self, *_: object) -> None:
        """Disconnects."""
        self._client.disconnect()
        self._client.loop_stop()

    def _on_connect(self, client: paho.Client, *_: object) -> None:
        client.subscribe([("latchwire/omega/nonce", 1), (f"latchwire/omega/{self._device}/receipt/manual", 1)])

    def ask(self, times: int) -> None:
        """Gives so many commands, and waits until the last one was answered."""
        for number in range(times):
            assert self._room.acquire(timeout=30), "no receipt within 30 s"
            claims = {
                "iss": "manual", "sub": "manual:soak", "aud": f"omega/{self._device}",
                "act": ("unlock", "status", "lock", "status")[number % 4],
                "jti": base64.urlsafe_b64encode(os.urandom(12)).decode(), "nonce": self._nonce, "until": 60, "iat": 0,
            }  # fmt: skip
            signed = token(claims, header={"alg": "HS256", "typ": "command+jwt", "kid": self._kid}, secret=self._secret)
            self._client.publish(f"latchwire/omega/{self._device}/command", signed, qos=1)
        for _ in range(IN_FLIGHT):
            assert self._room.acquire(timeout=30), "no receipt within 30 s"
        for _ in range(IN_FLIGHT):
            self._room.release()

    def _heard(self, _client: paho.Client, _data: object, message: paho.MQTTMessage) -> None:
        if message.topic.endswith("/nonce"):
            self._nonce = json.loads(message.payload)["nonce"]
            self._has_nonce.set()
            return
        part = message.payload.split(b".")[1]
        claims = json.loads(base64.urlsafe_b64decode(part + b"=" * (-len(part) % 4)))
        if claims["outcome"] == "done":
            self.done += 1
        else:
            self.others.append(claims["cause"])
        self._room.release()


class Wire:
    """A TCP wire to the broker that can be cut; a context manager.

    Args:
        port: the broker's.

    Attributes:
        port: where the agent connects.
        made: how many connections there were.
    """

    def __init__(self, port: int) -> None:
        self._to = port
        self._listener = socket.create_server((HOST, 0))
        self.port: int = self._listener.getsockname()[1]
        self.made = 0
        self._pair: tuple[socket.socket, ...] = ()
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> Self:
        """Begins to listen."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Ends it."""
        self._listener.close()
        self.cut()

    def cut(self) -> None:
        """Cuts the connection that there is."""
        for end in self._pair:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def _serve(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            with near, socket.create_connection((HOST, self._to)) as far:
                self._pair = (near, far)
                for end in self._pair:
                    _at_once(end)
                self.made += 1
                self._carry(near, far)

    def _carry(self, near: socket.socket, far: socket.socket) -> None:
        other = {near: far, far: near}
        with suppress(OSError):
            while True:
                for end in select.select([near, far], [], [])[0]:
                    data = end.recv(65536)
                    if not data:
                        return
                    other[end].sendall(data)


def _at_once(end: Any) -> None:
    """Nagle's algorithm and delayed acknowledgements would cost 44 ms a command."""
    end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def held(pid: int) -> tuple[int, int, int]:
    """What a process holds: private memory in KB, descriptors, threads."""
    status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return int(status["RssAnon"].split()[0]), sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir()), int(status["Threads"])
