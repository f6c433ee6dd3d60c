"""Many threads publish over one TLS connection while it reads: only one of them is ever inside the TLS library.

Two at once make records that the other end cannot read ("bad record mac"), and the connection is lost.
"""

import threading
from collections.abc import Callable, Sequence

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
        subscriptions=[Subscription("latchwire/omega/+/state", "", Proof.NONE)], letters=THREADS * EACH,
    )  # fmt: skip
    bus.start()
    try:
        wait_until(lambda: bus.is_ready, "it is connected")
        threads = [threading.Thread(target=publish, args=(bus, number)) for number in range(THREADS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        bus.publish("latchwire/omega/lamp/state", b"the last one")
        wait_until(lambda: b"the last one" in ear.heard_payloads, "all that was published has passed", 30)
        wait_until(lambda: bus._outbox.is_empty, "all of it is acknowledged", 30)
        assert ear.reasons == []
    finally:
        bus.stop()


def publish(bus: Bus, number: int) -> None:
    for each in range(EACH):
        assert bus.publish(f"latchwire/omega/lamp-{number}/state", f"{number}/{each}".encode()) is not None
