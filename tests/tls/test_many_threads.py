"""Many threads publish over one TLS connection while it reads: only one of them is ever inside the TLS library.

Two at once make records that the other end cannot read ("bad record mac"), and the connection is lost.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from latchwire.bus import Bus, Login, Message, Proof, Subscription
from support.broker import LOGINS, wait_until
from support.certificates import TlsBroker

THREADS, EACH = 8, 200


class Ear:
    """Notes what comes, and each lost connection."""

    def __init__(self) -> None:
        self.heard_payloads: set[bytes] = set()
        self.reasons: list[str] = []

    def connected(self) -> None: ...
    def ready(self) -> None: ...
    def unproved(self, filters: Sequence[str]) -> None: ...
    def denied(self, ticket: int, reason: str) -> None: ...

    def heard(self, message: Message) -> None:
        self.heard_payloads.add(message.payload)

    def lost(self, reason: str) -> None:
        self.reasons.append(reason)


def test_many_threads_publish_at_once_and_the_connection_holds(start_tls: Callable[..., TlsBroker]) -> None:
    broker, ear = start_tls(), Ear()
    bus = Bus(
        endpoint=broker.endpoint(), login=Login("omega", LOGINS["omega"]), listener=ear,
        subscriptions=[Subscription("latchwire/omega/+/state", "", Proof.NONE)], letters=THREADS * EACH + 1,
    )  # fmt: skip
    bus.start()
    try:
        wait_until(lambda: bus.is_ready, "it is connected")
        with ThreadPoolExecutor(THREADS) as pool:
            tickets = [each for some in pool.map(lambda number: publish(bus, number), range(THREADS)) for each in some]
        assert None not in tickets
        assert bus.publish("latchwire/omega/lamp/state", b"the last one") is not None
        wait_until(lambda: b"the last one" in ear.heard_payloads, "all that was published has passed", 30)
        wait_until(lambda: bus._outbox.is_empty, "all of it is acknowledged", 30)
        assert ear.reasons == []
    finally:
        bus.stop()


def publish(bus: Bus, number: int) -> list[int | None]:
    """Publishes a thread's share; the tickets, ``None`` for what was not taken."""
    return [bus.publish(f"latchwire/omega/lamp-{number}/state", f"{number}/{each}".encode()) for each in range(EACH)]
