"""A connection that hears everything, and does nothing to it."""

import time
from collections.abc import Callable, Sequence
from typing import Final

from latchwire import topics
from latchwire.bus import Bus, Endpoint, Login, Message, Subscription
from latchwire.observer.events import CommandSeen, Event, ReceiptSeen
from latchwire.observer.reading import read
from latchwire.protocol.keys import Keyring

REREAD_SECONDS: Final = 1.0
"""How old the keys may be by which a message is verified."""


class Observer:
    """A connection that hears everything, and says at most that it is there.

    Args:
        keyring: the keys by which commands and receipts are verified; may be empty.
        endpoint: where the broker is.
        login: one that may read all (``observer``).
        on_event: called for each event, one after the other.
        on_connection: told "" when it is ready, else why it is not connected.
        name: under which it tells others that it is there, which its login has to allow; "" to say nothing.
        status: what it then tells of itself.
        reread: reads the keys again, for they change meanwhile.
    """

    def __init__(
        self,
        *,
        keyring: Keyring,
        endpoint: Endpoint,
        login: Login,
        on_event: Callable[[Event], None],
        on_connection: Callable[[str], None],
        name: str = "",
        status: Callable[[], str] = str,
        reread: Callable[[], Keyring] | None = None,
    ) -> None:
        self._keyring, self._on_event, self._on_connection = keyring, on_event, on_connection
        self._name, self._status = name, status
        self._reread = reread
        self._read_at = self._doubted_at = time.monotonic()
        self._bus = Bus(
            endpoint=endpoint,
            login=login,
            listener=self,
            subscriptions=(Subscription(f"{topics.ROOT}/#", topics.nonce(topics.SELF_TEST)),),
            will=(topics.availability(name), "offline") if name else None,
        )

    def start(self) -> None:
        """Begins to connect."""
        self._bus.start()

    def stop(self) -> None:
        """Disconnects."""
        self._bus.stop([(topics.availability(self._name), "offline")] if self._name else [])

    def publish_status(self) -> None:
        """Tells how it is, if it tells anything."""
        if self._name:
            self._bus.publish(topics.status(self._name), self._status(), retained=True)

    def connected(self) -> None:
        """Says that it is there, if it says anything."""
        if self._name:
            self._bus.publish(topics.availability(self._name), "online", retained=True)
            self.publish_status()

    def ready(self) -> None:
        """All that is retained was heard before this."""
        self._on_connection("")

    def unproved(self, filters: Sequence[str]) -> None:
        """The access list denies it."""
        self._on_connection(f"The broker's access list does not let it hear {', '.join(filters)}")

    def lost(self, reason: str) -> None:
        """There is no connection."""
        self._on_connection(reason)

    def denied(self, ticket: int, reason: str) -> None:
        """Nothing is said, so nothing is denied."""

    def heard(self, message: Message) -> None:
        """One message becomes one event."""
        event = read(message, keyring=self._current_keys())
        if isinstance(event, CommandSeen | ReceiptSeen) and not event.verified and self._read_again():
            event = read(message, keyring=self._keyring)
        if event is not None:
            self._on_event(event)

    def _read_again(self) -> bool:
        """Reads the keys for what is not verified: it may be signed with one of this very moment."""
        now = time.monotonic()
        if self._reread is None or now < self._doubted_at + REREAD_SECONDS:
            return False
        self._keyring, self._read_at, self._doubted_at = self._reread(), now, now
        return True

    def _current_keys(self) -> Keyring:
        now = time.monotonic()
        if self._reread is not None and now > self._read_at + REREAD_SECONDS:
            self._keyring, self._read_at = self._reread(), now
        return self._keyring
