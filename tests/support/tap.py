"""A wire between a program and the broker that can be cut, one way or both: what a bad network does."""

import contextlib
import select
import socket
import threading
from typing import Final, Self

from support.broker import HOST


class Tap:
    """Forwards connections to a port; use it in a ``with`` block.

    Args:
        port: of the broker.

    Attributes:
        port: where the program has to connect.
        swallowed: bytes that came from the program and were not sent on.
    """

    def __init__(self, port: int) -> None:
        self._to: Final = port
        self._listener: Final = socket.create_server((HOST, 0))
        self.port: Final[int] = self._listener.getsockname()[1]
        self.swallowed = 0
        self._deaf = False
        self._pairs: Final[dict[socket.socket, socket.socket]] = {}
        self._programs: Final[set[socket.socket]] = set()
        self._wake, self._woken = socket.socketpair()
        self._orders: Final[list[str]] = []
        self._thread: Final = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._order("end")
        self._thread.join(10)

    def swallow(self) -> None:
        """From now on nothing of this connection reaches the broker; what the broker says is still heard."""
        self._deaf = True

    def cut(self) -> None:
        """Ends all connections; later ones are whole."""
        self._deaf = False
        self._order("cut")

    def _order(self, order: str) -> None:
        self._orders.append(order)
        self._wake.send(b"!")

    def _run(self) -> None:
        with self._listener, self._wake, self._woken:
            while True:
                for ready in select.select([self._listener, self._woken, *self._pairs], [], [])[0]:
                    if ready is self._listener:
                        self._accept()
                    elif ready is self._woken:
                        self._woken.recv(1)
                        self._close(*self._pairs)
                        if self._orders.pop(0) == "end":
                            return
                    elif ready in self._pairs:
                        self._forward(ready)

    def _accept(self) -> None:
        program, _ = self._listener.accept()
        try:
            broker = socket.create_connection((HOST, self._to))
        except OSError:
            program.close()
            return
        self._programs.add(program)
        self._pairs[program], self._pairs[broker] = broker, program

    def _forward(self, source: socket.socket) -> None:
        data = b""
        with contextlib.suppress(OSError):
            data = source.recv(65536)
        if not data:
            self._close(source)
        elif self._deaf and source in self._programs:
            self.swallowed += len(data)
        else:
            with contextlib.suppress(OSError):
                self._pairs[source].sendall(data)

    def _close(self, *ends: socket.socket) -> None:
        for end in ends:
            other = self._pairs.pop(end, None)
            if other is not None:
                del self._pairs[other]
                self._programs.difference_update((end, other))
                end.close()
                other.close()
