"""A network that fails on a plan: a TCP proxy that delays, swallows, cuts in the middle of a packet, and flips bits.

    with FaultyWires(to=broker.port) as wires:
        port = wires.add("agent", seeded("42/agent", mean=40_000))

Each client gets a port of its own, so that each has faults of its own. A plan says for each connection at which byte of
which direction what happens, so the same seed is the same plan. ``story`` tells every fault that was met, with its
time, for the message of a test that fails.

TCP loses nothing in the middle: what a network drops it has dropped from there on. So after ``SWALLOW`` nothing more
passes in that direction, and the connection is cut some time later. ``FLIP`` is a bit that got past TCP's checksum.
"""

import enum
import math
import random
import selectors
import socket
import struct
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final, NamedTuple, Self

from support.broker import HOST

_NOW: Final = struct.pack("ii", 1, 0)
"""SO_LINGER on, zero seconds: ``close`` sends RST (socket(7))."""


class Kind(enum.StrEnum):
    """What happens at a byte."""

    DELAY = "delayed"
    SWALLOW = "swallowed"
    FIN = "closed"
    RST = "reset"
    FLIP = "flipped"


class Fault(NamedTuple):
    """One fault of one connection.

    Attributes:
        kind: what.
        up: whether it is in the direction to the broker.
        at: from which byte of that direction on.
        seconds: how long bytes are delayed, or how long until the connection is reset after bytes were swallowed or
            flipped; after a flip 0 is never.
    """

    kind: Kind
    up: bool
    at: int
    seconds: float = 0.0


Plan = Callable[[int], Sequence[Fault]]
"""The faults of a client's first, second, … connection."""


def seeded(seed: str, *, mean: float, slowest: float = 0.8) -> Plan:
    """A plan of random faults that is the same for the same seed.

    Args:
        seed: any text.
        mean: bytes between two faults of a direction, on average.
        slowest: the longest delay, in seconds.
    """

    def plan(number: int) -> list[Fault]:
        dice = random.Random(f"{seed}/{number}")  # noqa: S311  # a plan, no secret
        faults = []
        for up in (True, False):
            early = dice.random() < 0.12  # a handshake is a small part of all bytes, and where much can go wrong
            at = dice.randrange(400) if early else int(dice.expovariate(1 / mean))
            while dice.random() < 0.7:
                kind = dice.choices(list(Kind), (6, 1, 2, 2, 2))[0]
                faults.append(Fault(kind, up, at, dice.uniform(0.05, slowest)))
                at += 1 + int(dice.expovariate(1 / mean))
        return faults

    return plan


def whole(_number: int) -> list[Fault]:
    """A plan without faults."""
    return []


class FaultyWires:
    """The proxy; use it in a ``with`` block.

    Args:
        to: the broker's port; it may go away and come back.

    Attributes:
        story: each fault that was met, in order, with the seconds since the start.
        made: how many connections each client made.
    """

    def __init__(self, *, to: int) -> None:
        self.to: Final = to
        self.story: Final[list[str]] = []
        self.made: Final[dict[str, int]] = {}
        self.is_calm = False
        self._begun = time.monotonic()
        self._selector = selectors.DefaultSelector()
        self._plans: dict[str, Plan] = {}
        self._links: set[_Link] = set()
        self._orders: deque[tuple[str, Kind]] = deque()
        self._ear, self._mouth = socket.socketpair()
        self._ear.setblocking(False)
        self._selector.register(self._ear, selectors.EVENT_READ, None)
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="faulty-wires", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping = True
        self._mouth.send(b"x")
        self._thread.join(10)
        for key in list(self._selector.get_map().values()):
            key.fileobj.close()  # type: ignore[union-attr]  # all of them are sockets
        self._selector.close()
        self._mouth.close()

    def add(self, name: str, plan: Plan = whole) -> int:
        """A port for one more client; to be called before that one connects."""
        listener = socket.create_server((HOST, 0), backlog=64)
        listener.setblocking(False)
        self._plans[name], self.made[name] = plan, 0
        self._selector.register(listener, selectors.EVENT_READ, name)
        self._mouth.send(b"x")  # the loop may be in its select
        port: int = listener.getsockname()[1]
        return port

    def cut(self, name: str = "", kind: Kind = Kind.RST) -> None:
        """Cuts the connections of a client, or all of them, now."""
        self._orders.append((name, kind))
        self._mouth.send(b"x")

    def strike(self, name: str, fault: Fault) -> None:
        """One more fault of a client's present connection, its ``at`` counted from what has passed already."""
        for link in [link for link in self._links if link.name == name]:
            way = link.way(up=fault.up)
            way.faults.appendleft(fault._replace(at=way.at + fault.at))

    def be_calm(self) -> None:
        """No fault is met any more, of connections that stand neither."""
        self.is_calm = True

    def tell(self, what: str) -> None:
        """Adds a line to the story."""
        self.story.append(f"{time.monotonic() - self._begun:7.3f} s: {what}")

    # --------------------------------------------------------------------------------- the loop

    def _run(self) -> None:
        while not self._stopping:
            soon = min((link.due() for link in self._links), default=math.inf)
            wait = None if soon == math.inf else max(0.0, soon - time.monotonic())
            for key, _ in self._selector.select(wait):
                if key.data is None:
                    with suppress(BlockingIOError):
                        self._ear.recv(4096)
                elif isinstance(key.data, str):
                    self._accept(key.fileobj, key.data)  # type: ignore[arg-type]  # a listening socket
                elif key.data.link in self._links:
                    key.data.link.move(key.data)
            while self._orders:
                name, kind = self._orders.popleft()
                for link in [link for link in self._links if name in {"", link.name}]:
                    link.end(kind)
            for link in list(self._links):
                link.look()

    def _accept(self, listener: socket.socket, name: str) -> None:
        with suppress(OSError):
            near, _ = listener.accept()
            try:
                far = socket.create_connection((HOST, self.to), timeout=1)
            except OSError:
                near.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NOW)
                near.close()
                return
            self.made[name] += 1
            faults = [] if self.is_calm else self._plans[name](self.made[name])
            self._links.add(_Link(self, self._selector, name, (near, far), faults))

    def gone(self, link: "_Link") -> None:
        """Told by a link that it has ended."""
        self._links.discard(link)


class _Way:
    """One direction of a link."""

    def __init__(
        self, link: "_Link", source: socket.socket, sink: socket.socket, *, up: bool, faults: Sequence[Fault]
    ) -> None:
        self.link, self.source, self.sink, self.up = link, source, sink, up
        self.faults = deque(sorted((fault for fault in faults if fault.up is up), key=lambda fault: fault.at))
        self.at = 0
        self.delay = 0.0
        self.swallows = False
        self.waiting: deque[tuple[float, bytes]] = deque()
        self.over = False


class _Link:
    """One connection of a client and the one to the broker that belongs to it."""

    def __init__(
        self,
        wires: FaultyWires,
        selector: selectors.BaseSelector,
        name: str,
        ends: tuple[socket.socket, socket.socket],
        faults: Sequence[Fault],
    ) -> None:
        near, far = ends
        self.name = name
        self._wires, self._selector, self._ends = wires, selector, ends
        self._cut_at = math.inf
        self._ways = (_Way(self, near, far, up=True, faults=faults), _Way(self, far, near, up=False, faults=faults))
        for way in self._ways:
            way.source.setblocking(False)
            way.source.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            selector.register(way.source, selectors.EVENT_READ, way)

    def way(self, *, up: bool) -> _Way:
        """Its direction to the broker, or from it."""
        return self._ways[0 if up else 1]

    def due(self) -> float:
        """When something has to be done without anybody saying something."""
        return min(self._cut_at, *(way.waiting[0][0] for way in self._ways if way.waiting), math.inf)

    def move(self, way: _Way) -> None:
        """Takes what has come."""
        try:
            data = way.source.recv(65536)
        except BlockingIOError:
            return
        except OSError:
            self.end(Kind.RST)
            return
        if not data:
            way.over = True
            self._selector.unregister(way.source)
            return
        while data and self in self._wires._links:
            data = self._pass_up_to_fault(way, data)

    def look(self) -> None:
        """Sends what is due; ends when it is over."""
        now = time.monotonic()
        if now >= self._cut_at:
            self.end(Kind.RST)
        for way in self._ways:
            while way.waiting and way.waiting[0][0] <= now and self in self._wires._links:
                self._send(way, way.waiting.popleft()[1])
            if way.over and not way.waiting and self in self._wires._links:
                self.end(Kind.FIN)

    def end(self, kind: Kind) -> None:
        """Ends both connections, by FIN or by RST."""
        for way in self._ways:
            if not way.over:
                self._selector.unregister(way.source)
        for end in self._ends:
            if kind is not Kind.FIN:
                with suppress(OSError):
                    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NOW)
            end.close()
        self._wires.gone(self)

    def _pass_up_to_fault(self, way: _Way, data: bytes) -> bytes:
        """Passes what comes before the next fault, and meets it; what is left of the data."""
        while way.faults and self._wires.is_calm:
            way.faults.popleft()
        if not way.faults or way.faults[0].at >= way.at + len(data):
            self._put(way, data)
            return b""
        fault = way.faults.popleft()
        before = max(0, fault.at - way.at)
        self._put(way, data[:before])
        rest = data[before:]
        direction = "to" if way.up else "from"
        self._wires.tell(f"{self.name}: byte {fault.at} {direction} the broker {fault.kind} ({fault.seconds:.3f} s)")
        match fault.kind:
            case Kind.DELAY:
                way.delay = fault.seconds
                self._put(way, rest[:1])
                way.delay = 0.0
                return rest[1:]
            case Kind.FLIP:
                if fault.seconds:
                    self._cut_at = min(self._cut_at, time.monotonic() + fault.seconds)
                self._put(way, bytes([rest[0] ^ 1 << fault.at % 8]))
                return rest[1:]
            case Kind.SWALLOW:
                way.swallows = True
                self._cut_at = min(self._cut_at, time.monotonic() + fault.seconds)
                return b""
            case _:
                self.end(fault.kind)
                return b""

    def _put(self, way: _Way, data: bytes) -> None:
        way.at += len(data)
        if not data or way.swallows:
            return
        due = time.monotonic() + way.delay
        if way.waiting:
            way.waiting.append((max(due, way.waiting[-1][0]), data))  # TCP keeps the order
        elif way.delay:
            way.waiting.append((due, data))
        else:
            self._send(way, data)

    def _send(self, way: _Way, data: bytes) -> None:
        try:
            way.sink.setblocking(True)
            way.sink.settimeout(2)
            way.sink.sendall(data)
        except OSError:
            self.end(Kind.RST)
        finally:
            with suppress(OSError):
                way.sink.setblocking(False)
