"""The bridge's own connection to the broker, by a login of its own: what the switches hear and say passes here.

The kit's connection, by which signed commands come, is another one and not touched. Each attempt makes a new client:
paho's own reconnect would send again what was on its way when the connection broke, and a command is sent once or not
at all.
"""

import logging
import secrets
import socket
import threading
from collections.abc import Callable
from typing import Any, Final

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from latchwire.errors import ActionError, ConfigurationError
from latchwire.kit.broker import BrokerLogin
from latchwire.model import Cause

KEEPALIVE_SECONDS: Final = 15
RETRY_SECONDS: Final = 2.0
EXPIRY_SECONDS: Final = 5
"""What the broker could not hand on by then it throws away (Message Expiry Interval, MQTT 5.0 section 3.3.2.3.3)."""

NO_SUBSCRIBERS: Final = 0x10
WRONG_PASSWORD: Final = 0x86
NOT_AUTHORIZED: Final = 0x87
"""Reason codes of MQTT 5.0, section 2.4."""

_log: Final = logging.getLogger("latchwire.tasmota")

Heard = Callable[[str, bytes, bool], None]
"""Called with topic, payload, and whether the broker kept it from before; on the connection's thread."""


class Link:
    """The connection: it begins with the first ``open``, comes back by itself, and ends with the last ``close``.

    Args:
        login: asked at each attempt, so that a new password counts.
    """

    def __init__(self, *, login: Callable[[], BrokerLogin]) -> None:
        self._login = login
        self._users: list[tuple[tuple[str, ...], Heard, Callable[[], None]]] = []
        self._lock: Final = threading.Lock()
        self._client: Client | None = None
        self._trouble: tuple[Cause, str] | None = (Cause.UNREACHABLE, "not connected to the broker yet")
        self._refused: dict[int, int] = {}
        self._wake = threading.Event()
        self._closing = False

    @property
    def trouble(self) -> tuple[Cause, str] | None:
        """Why nothing can be said or heard now; ``None`` if all is well."""
        return self._trouble

    def open(self, topics: tuple[str, ...], heard: Heard, changed: Callable[[], None]) -> None:
        """Begins to hear these topics, also after each reconnect.

        Args:
            topics: without wildcards.
            heard: called with each message.
            changed: called when the connection came or went.
        """
        with self._lock:
            self._users.append((topics, heard, changed))
            client = self._client
            if len(self._users) == 1:
                threading.Thread(target=self._keep, name="link", daemon=True).start()
        if client is not None:
            client.subscribe([(topic, 1) for topic in topics])

    def close(self, heard: Heard) -> None:
        """Ends what :meth:`open` began."""
        with self._lock:
            self._users = [user for user in self._users if user[1] != heard]
            self._closing = not self._users
        if self._closing:
            self._wake.set()

    def say(self, topic: str, payload: str) -> bool:
        """Publishes without waiting, never retained; whether it could be sent."""
        client = self._client
        return client is not None and self._trouble is None and client.publish(topic, payload, qos=1).rc == 0

    def publish(self, topic: str, payload: str, *, seconds: float) -> None:
        """Publishes, never retained, and waits until the broker has it.

        Raises:
            ActionError: nothing was published, or nobody hears it; only ``timeout`` leaves that open.
        """
        client, trouble = self._client, self._trouble
        if client is None or trouble is not None:
            raise ActionError(*(trouble or (Cause.UNREACHABLE, "not connected")))
        expiry = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
        expiry.MessageExpiryInterval = EXPIRY_SECONDS
        sent = client.publish(topic, payload, qos=1, properties=expiry)
        if sent.rc != 0:
            raise ActionError(Cause.UNREACHABLE, "the connection to the broker is just gone")
        sent.wait_for_publish(seconds)
        if not sent.is_published():
            raise ActionError(Cause.TIMEOUT, "the broker did not say that it has the command")
        refused = self._refused.pop(sent.mid, None)
        if refused == NO_SUBSCRIBERS:
            raise ActionError(Cause.OFFLINE, f"nobody at the broker hears {topic}: is that the switch's own topic?")
        if refused is not None:
            cure = "look at config.json: logins, `write` of the bridge's login; then type: ./latchwire init"
            raise ActionError(Cause.REJECTED, f"the broker does not let us write {topic} (code {refused}); {cure}")

    # ------------------------------------------------------------------------- a thread of its own

    def _keep(self) -> None:
        while not self._closing:
            self._wake.clear()
            client = self._connect()
            if client is not None:
                self._wake.wait()  # until it is lost, or not needed any more
                self._client = None
                client.disconnect()
                client.loop_stop()
            self._wake.clear()
            if not self._closing:
                self._wake.wait(RETRY_SECONDS)

    def _connect(self) -> Client | None:
        try:
            login = self._login()
            client = self._new_client(login)
            client.connect(login.host, login.port, KEEPALIVE_SECONDS)
        except ConfigurationError as error:
            self._now((Cause.NOT_CONFIGURED, "; ".join(error.problems)))
        except (OSError, ValueError) as error:
            self._now((Cause.UNREACHABLE, f"the broker cannot be reached: {error}"))
        else:
            self._refused = {}
            self._client = client
            client.loop_start()
            return client
        return None

    def _new_client(self, login: BrokerLogin) -> Client:
        client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=f"{login.name}-{secrets.token_hex(16)}",
            protocol=MQTTProtocolVersion.MQTTv5,
            reconnect_on_failure=False,
        )
        client.username_pw_set(login.name, login.password)
        if login.ca_file is not None:
            client.tls_set(login.ca_file, login.cert_file)
        client.on_socket_open = _socket_open
        client.on_connect = self._connected
        client.on_subscribe = lambda *_: self._now(None)
        client.on_publish = self._published
        client.on_message = self._heard
        client.on_disconnect = self._lost
        return client

    def _connected(self, client: Client, _data: object, _flags: object, reason: Any, _properties: object) -> None:
        if reason.is_failure:
            cause = Cause.CREDENTIALS if reason.value in {WRONG_PASSWORD, NOT_AUTHORIZED} else Cause.UNREACHABLE
            self._now((cause, f"the broker refuses the bridge's own login: {reason}"))
            self._wake.set()
            return
        with self._lock:
            topics = sorted({topic for topics, _, _ in self._users for topic in topics})
        client.subscribe([(topic, 1) for topic in topics])

    def _lost(self, _client: Client, _data: object, _flags: object, reason: Any, _properties: object) -> None:
        if self._trouble is None and not self._closing:
            self._now((Cause.UNREACHABLE, f"the connection to the broker is lost: {reason}"))
        self._wake.set()

    def _published(self, _client: Client, _data: object, mid: int, reason: Any, _properties: object) -> None:
        self._refused.pop(mid, None)
        if reason.is_failure or reason.value == NO_SUBSCRIBERS:
            self._refused[mid] = reason.value

    def _heard(self, _client: Client, _data: object, message: MQTTMessage) -> None:
        with self._lock:
            users = [heard for topics, heard, _ in self._users if message.topic in topics]
        for heard in users:
            heard(message.topic, bytes(message.payload), message.retain)

    def _now(self, trouble: tuple[Cause, str] | None) -> None:
        """Notes how the connection is, tells it once, and lets the switches know."""
        if trouble == self._trouble:
            return
        self._trouble = trouble
        if trouble is not None:
            _log.warning("The switches cannot be reached: %s cause=%s", trouble[1], trouble[0].wire)
        with self._lock:
            users = [changed for _, _, changed in self._users]
        for changed in users:
            changed()


def _socket_open(_client: Client, _data: object, sock: Any) -> None:
    if isinstance(sock, socket.socket):  # else Nagle's algorithm and delayed ACKs cost 44 ms a command
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
