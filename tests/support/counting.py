"""Counts what a command costs: packets and bytes on the wire, Python instructions, calls into the kernel.

None of it depends on how busy a machine is. :class:`CountingProxy` stands between one client and the broker;
:func:`instructions` counts bytecodes, of one call exactly and of threads nearly so.
"""

import select
import socket
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Final

from bench.peers.raw_mqtt import split
from support.broker import HOST

_NAMES: Final = {0x30: "PUBLISH", 0x40: "PUBACK"}
_SYSTEM_CALLS: Final = frozenset(("send", "recv", "poll", "write"))


class CountingProxy:
    """A TCP proxy for one client after the other; counts the packets that pass, by direction and kind.

    Args:
        port: the broker's.

    Attributes:
        port: to connect to instead.
        packets: ``"out PUBLISH"`` and so on, as the client sees it.
        bytes: of all packets, by direction.
    """

    def __init__(self, port: int) -> None:
        self._to = port
        self._listener = socket.create_server((HOST, 0))
        self.port: int = self._listener.getsockname()[1]
        self.packets: Counter[str] = Counter()
        self.bytes: Counter[str] = Counter()
        self._ends: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def said(self, kind: str) -> int:
        """How many packets of that kind the client sent."""
        return self.packets[f"out {kind}"]

    def heard(self, kind: str) -> int:
        """How many packets of that kind the broker sent."""
        return self.packets[f"in {kind}"]

    @property
    def is_settled(self) -> bool:
        """Whether something was published, and all of it, both ways, is acknowledged."""
        return 0 < self.said("PUBLISH") == self.heard("PUBACK") and self.heard("PUBLISH") == self.said("PUBACK")

    def clear(self) -> None:
        """Begins to count anew."""
        self.packets.clear()
        self.bytes.clear()

    def close(self) -> None:
        """Ends all connections."""
        for end in (self._listener, *self._ends):
            end.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            broker = socket.create_connection((HOST, self._to))
            self._ends += [client, broker]
            threading.Thread(target=self._pass, args=(client, broker), daemon=True).start()

    def _pass(self, client: socket.socket, broker: socket.socket) -> None:
        rests = {client: b"", broker: b""}
        others, names = {client: broker, broker: client}, {client: "out", broker: "in"}
        for end in rests:
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            while True:
                for end in select.select([client, broker], [], [])[0]:
                    data = end.recv(65536)
                    if not data:
                        return
                    packets, rests[end] = split(rests[end] + data)
                    for kind, body in packets:
                        self.packets[f"{names[end]} {_NAMES.get(kind & 0xF0, 'other')}"] += 1
                        self.bytes[names[end]] += len(body) + (2 if len(body) < 128 else 3)
                    others[end].sendall(data)
        except (OSError, ValueError):
            return


def instructions(call: Callable[[], object]) -> int:
    """How many Python instructions a call executes on this thread; the same each time."""
    count = 0

    def trace(frame: FrameType, event: str, _argument: object) -> Any:
        nonlocal count
        if event == "call":
            frame.f_trace_opcodes, frame.f_trace_lines = True, False
        elif event == "opcode":
            count += 1
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        call()
    finally:
        sys.settrace(before)
    return count


class Threads:
    """What threads that are started within :func:`watched_threads` do, by the beginning of their names."""

    def __init__(self) -> None:
        self.instructions: Counter[str] = Counter()
        self.system_calls: Counter[str] = Counter()

    def clear(self) -> None:
        """Begins to count anew."""
        self.instructions.clear()
        self.system_calls.clear()

    def of(self, counted: Counter[str], *beginnings: str) -> int:
        """The sum over all threads whose names begin so."""
        return sum(count for name, count in counted.items() if name.startswith(beginnings))


@contextmanager
def watched_threads() -> Iterator[Threads]:
    """Counts the instructions and the system calls of sockets and files of threads started here."""
    found = Threads()

    def trace(frame: FrameType, event: str, _argument: object) -> Any:
        if event == "call":
            frame.f_trace_opcodes, frame.f_trace_lines = True, False
        elif event == "opcode":
            found.instructions[threading.current_thread().name] += 1
        return trace

    def profile(_frame: FrameType, event: str, argument: Any) -> None:
        if event == "c_call" and argument.__name__ in _SYSTEM_CALLS:
            found.system_calls[threading.current_thread().name] += 1

    threading.settrace(trace)
    threading.setprofile(profile)
    try:
        yield found
    finally:
        threading.settrace(None)
        threading.setprofile(None)
