"""What a user of the bus says and is told: where the broker is, as whom, what to hear, and the calls that come back.

Nothing here knows a library.
"""

import enum
from collections.abc import Sequence
from typing import NamedTuple, Protocol


class Endpoint(NamedTuple):
    """Where the broker is.

    Attributes:
        host: name or address.
        port: TCP port.
        ca_file: the certificate authority to check it by; with it the connection is TLS.
        mqtt5: MQTT 5.0, else 3.1.1.
        cert_file: our own certificate (PEM), where certificates are the logins.
        key_file: its key, if it is not in ``cert_file`` too.
        time_floor: seconds since 1970 that it is now for sure; given where the clock may start wrong by years.
        clock_file: where ``time_floor`` is given: a file that is there once the clock was set by NTP.
    """

    host: str
    port: int
    ca_file: str | None = None
    mqtt5: bool = True
    cert_file: str | None = None
    key_file: str | None = None
    time_floor: int | None = None
    clock_file: str | None = None


class Login(NamedTuple):
    """A login at the broker. Its text form hides the password."""

    name: str
    password: str

    def __repr__(self) -> str:
        return f"<login {self.name}>"


class Proof(enum.Enum):
    """How a subscription is proved to deliver."""

    CANARY = "the bus sends itself a random message there"
    OWN = "the service publishes there anyway at every connect"
    NONE = "it is not proved, for others of the same login are"


class Subscription(NamedTuple):
    """What to hear, and the topic on which a message to itself proves that it is heard.

    With ``as_published`` a message that its publisher wanted retained is marked so also when it comes live (MQTT 5
    only); otherwise only what the broker kept from before is.
    """

    filter: str
    proof_topic: str
    proof: Proof = Proof.CANARY
    as_published: bool = False


class Message(NamedTuple):
    """A message that arrived."""

    topic: str
    payload: bytes
    retained: bool
    duplicate: bool


class Listener(Protocol):
    """Who uses a bus. All calls come on the bus's own thread and have to be quick."""

    def connected(self) -> None:
        """The broker took the login; subscriptions are on their way. Publish what is retained."""

    def ready(self) -> None:
        """Every subscription was proved to deliver."""

    def unproved(self, filters: Sequence[str]) -> None:
        """These subscriptions look granted but deliver nothing: the access list denies them."""

    def heard(self, message: Message) -> None:
        """A message arrived."""

    def denied(self, ticket: int, reason: str) -> None:
        """The broker said that it did not take the publication of that ticket (MQTT 5 only)."""

    def lost(self, reason: str) -> None:
        """The connection ended, or an attempt failed."""
