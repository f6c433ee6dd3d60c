"""One connection on one thread, driven through paho-mqtt's interface for an external loop.

The thread sleeps in ``poll`` until the socket, another thread or the keep-alive wants something; nobody else reads or
writes the socket. Everything that paho tells comes back on this thread.
"""

import logging
import os
import select
import socket
import threading
import time
from collections.abc import Callable, Sequence
from typing import Final, Protocol, runtime_checkable

from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from latchwire.bus.words import Endpoint, Listener, Login, Message, Proof, Subscription
from latchwire.waiting import Wake

KEEPALIVE: Final = 30
"""Seconds; the broker takes a silent client for gone after one and a half times that (MQTT 5.0 section 3.1.2.10)."""
CONNECT_SECONDS: Final = 5.0
"""How long one attempt may wait for TCP, and then again for the broker's CONNACK."""
PROOF_SECONDS: Final = 5.0
"""How long a message to itself may take before a subscription counts as denied."""
FAREWELL_SECONDS: Final = 2.0
"""How long the last messages may take at a stop."""
PAUSES: Final = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0)
"""Seconds between attempts to connect; each is drawn between half and one and a half of it."""

_log = logging.getLogger("latchwire.bus")


@runtime_checkable
class _HasPending(Protocol):
    """A TLS socket: it may hold bytes that a poll on its file descriptor does not see."""

    def pending(self) -> int:
        """How many."""


class Bus:
    """A connection to the broker that comes back for ever.

    Args:
        endpoint: where the broker is.
        login: as whom; the client id is the login's name, a dash and 128 random bits, new for each process.
        listener: whom to tell.
        subscriptions: what to hear.
        will: topic and payload that the broker publishes, retained, when this client is gone.
        durable: keep the session and what is unsent over a reconnect (an agent), or start clean (a sender).
        session_seconds: how long the broker keeps a durable session (MQTT 5 only).
    """

    def __init__(
        self,
        *,
        endpoint: Endpoint,
        login: Login,
        listener: Listener,
        subscriptions: Sequence[Subscription],
        will: tuple[str, str] | None = None,
        durable: bool = False,
        session_seconds: int = 0,
    ) -> None:
        self._endpoint, self._login, self._listener = endpoint, login, listener
        self._subscriptions, self._will = tuple(subscriptions), will
        self._durable, self._session_seconds = durable, session_seconds
        self._client_id = f"{login.name}-{os.urandom(16).hex()}"
        self._canary = os.urandom(16).hex().encode()
        self._canaries = {item.proof_topic for item in subscriptions if item.proof is Proof.CANARY}
        self._unproved: set[Subscription] = set()
        self._prove_at: float | None = None
        self._unacked = 0
        self._client: paho.Client | None = None
        self._connected = self._ready = self._taken = self._disconnecting = False
        self._closing_until: float | None = None
        self._reason = ""
        self._wake, self._stopped = Wake(), Wake()
        self._stopping = threading.Event()
        self._farewell: Sequence[tuple[str, str]] = ()
        self._thread = threading.Thread(target=self._run, name=f"bus-{login.name}", daemon=True)

    @property
    def is_connected(self) -> bool:
        """Whether the broker has taken the login and the connection stands."""
        return self._connected

    @property
    def is_ready(self) -> bool:
        """Whether it is connected and every subscription was proved."""
        return self._ready

    def start(self) -> None:
        """Begins to connect."""
        self._thread.start()

    def stop(self, farewell: Sequence[tuple[str, str]] = ()) -> None:
        """Publishes the farewell (topic and payload, retained) if connected, and disconnects; at most seconds."""
        self._farewell = farewell
        self._stopping.set()
        self._wake.set()
        if self._thread.is_alive() and not self._stopped.wait(FAREWELL_SECONDS + 1):
            return  # it hangs in a name look-up or a handshake; it is a daemon and ends with the process
        self._wake.close()
        self._stopped.close()

    def publish(
        self,
        topic: str,
        payload: str | bytes,
        *,
        retained: bool = False,
        expiry: int | None = None,
        keep: bool = False,
    ) -> int | None:
        """Publishes at QoS 1, from any thread.

        Args:
            topic: where.
            payload: what.
            retained: whether the broker keeps it for who subscribes later.
            expiry: seconds after which the broker may drop it (MQTT 5 only).
            keep: on a durable bus, send it after a reconnect if there is no connection now.

        Returns:
            A ticket for :meth:`Listener.denied`, or ``None``: not connected, and it will not be sent.
        """
        client = self._client
        if client is None or not (self._connected or (keep and self._durable)):
            return None
        properties = None
        if expiry is not None and self._endpoint.mqtt5:
            properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
            properties.MessageExpiryInterval = expiry
        info = client.publish(topic, payload, qos=1, retain=retained, properties=properties)
        if info.rc == paho.MQTT_ERR_NO_CONN and not keep:
            return None
        if info.rc == paho.MQTT_ERR_QUEUE_SIZE:
            _log.warning("A message was dropped, too many are unsent. topic=%s", topic)
            return None
        self._unacked += 1
        if threading.current_thread() is not self._thread:
            self._wake.set()
        return info.mid

    # ------------------------------------------------------------------------------- the thread

    def _run(self) -> None:
        attempts = 0
        while not self._stopping.is_set():
            was_connected = self._serve()
            attempts = 0 if was_connected else attempts + 1
            if self._stopping.is_set():
                break
            self._listener.lost(self._reason)
            self._pause(PAUSES[min(attempts, len(PAUSES) - 1)])
        self._stopped.set()

    def _pause(self, seconds: float) -> None:
        until = time.monotonic() + seconds * (0.5 + int.from_bytes(os.urandom(2)) / 0xFFFF)
        while not self._stopping.is_set() and (left := until - time.monotonic()) > 0:
            if self._wake.wait(left):
                self._wake.clear()

    def _serve(self) -> bool:
        """Connects and serves one connection to its end; says whether the broker had taken the login."""
        self._reason = "the broker ended the connection"
        self._taken, self._disconnecting, self._prove_at = False, False, None
        if self._client is None or not self._durable:
            self._client = self._new_client()
            self._unacked = 0
        client = self._client
        try:
            self._connect(client)
            self._loop(client)
        except (
            OSError,
            ValueError,
        ) as error:  # a name that cannot be looked up, a certificate that is not good
            why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            self._reason = f"{self._endpoint.host}:{self._endpoint.port}: {why}"
        finally:
            self._connected = self._ready = False
            if sock := client.socket():
                sock.close()
        return self._taken

    def _connect(self, client: paho.Client) -> None:
        endpoint = self._endpoint
        if not endpoint.mqtt5:
            client.connect(endpoint.host, endpoint.port, KEEPALIVE)
            return
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.SessionExpiryInterval = self._session_seconds if self._durable else 0
        start = paho.MQTT_CLEAN_START_FIRST_ONLY if self._durable else True
        client.connect(endpoint.host, endpoint.port, KEEPALIVE, clean_start=start, properties=properties)

    def _loop(self, client: paho.Client) -> None:
        poll = select.poll()
        poll.register(self._wake, select.POLLIN)
        sock = client.socket()
        last_in = last_out = begun = time.monotonic()
        while sock is not None and sock is client.socket():
            now = time.monotonic()
            if not self._taken and now - begun > CONNECT_SECONDS:
                self._reason = "the broker does not answer"
                return
            if self._stopping.is_set() and not self._go_on_closing(client, now):
                return
            writing = client.want_write()
            poll.register(sock, select.POLLIN | (select.POLLOUT if writing else 0))
            pending = isinstance(sock, _HasPending) and sock.pending() > 0
            events = dict(poll.poll(0 if pending else self._seconds_to_sleep(now, last_in, last_out) * 1000))
            if events.pop(self._wake.fileno(), 0):
                self._wake.clear()
            if writing or client.want_write():
                client.loop_write()
                last_out = now
            if pending or any(event & ~select.POLLOUT for event in events.values()):
                client.loop_read()
                last_in = now
            client.loop_misc()
            self._check_proof(client, now)

    def _seconds_to_sleep(self, now: float, last_in: float, last_out: float) -> float:
        """Until paho has to look at its keep-alive (it pings by the older of the two), or something else is due."""
        until = min(last_in, last_out) + KEEPALIVE
        if not self._taken or self._stopping.is_set():
            until = min(until, now + 0.5)
        if self._prove_at is not None:
            until = min(until, self._prove_at)
        return max(0.1, until - now)

    def _go_on_closing(self, client: paho.Client, now: float) -> bool:
        """Says farewell, and disconnects once all is acknowledged; whether the loop still has something to do."""
        if not self._connected:
            return False
        if self._closing_until is None:
            self._closing_until = now + FAREWELL_SECONDS
            for topic, payload in self._farewell:
                self.publish(topic, payload, retained=True)
        if not self._disconnecting and (self._unacked <= 0 or now > self._closing_until):
            self._disconnecting = True
            client.disconnect()
        return now <= self._closing_until + 0.5

    # --------------------------------------------------------------------------- paho's callbacks

    def _new_client(self) -> paho.Client:
        endpoint = self._endpoint
        client = paho.Client(
            CallbackAPIVersion.VERSION2,
            client_id=self._client_id,
            clean_session=None if endpoint.mqtt5 else True,
            protocol=MQTTProtocolVersion.MQTTv5 if endpoint.mqtt5 else MQTTProtocolVersion.MQTTv311,
        )
        client.username_pw_set(self._login.name, self._login.password)
        client.connect_timeout = CONNECT_SECONDS
        client.max_queued_messages_set(200)
        if endpoint.ca_file is not None:
            client.tls_set(ca_certs=endpoint.ca_file)
        if self._will is not None:
            client.will_set(*self._will, qos=1, retain=True)
        client.on_socket_open = self._socket_open
        client.on_socket_register_write = self._no_direct_write
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_publish = self._on_publish
        client.on_message = self._on_message
        client.on_disconnect = self._on_disconnect
        return client

    @staticmethod
    def _socket_open(_client: paho.Client, _data: object, sock: object) -> None:
        if isinstance(sock, socket.socket):  # Nagle's algorithm and delayed ACKs cost 44 ms a command otherwise
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    @staticmethod
    def _no_direct_write(_client: paho.Client, _data: object, _sock: object) -> None:
        """Being set is what matters: it keeps paho from writing on the thread that publishes."""

    def _on_connect(
        self, client: paho.Client, _data: object, _flags: object, code: ReasonCode, _properties: object
    ) -> None:
        if code.is_failure:
            self._reason = f"the broker refuses the login {self._login.name}: {code}"
            return
        self._connected = self._taken = True
        self._unproved = {item for item in self._subscriptions if item.proof is not Proof.NONE}
        if self._subscriptions:
            client.subscribe([self._wanted(item) for item in self._subscriptions])
        self._tell(self._listener.connected)
        if not self._subscriptions:
            self._become_ready()

    def _wanted(self, item: Subscription) -> tuple[str, SubscribeOptions]:
        if not self._endpoint.mqtt5:
            return (item.filter, 1)  # type: ignore[return-value]  # paho wants the number on 3.1.1
        return (item.filter, SubscribeOptions(qos=1, retainAsPublished=item.as_published))

    def _on_subscribe(self, client: paho.Client, _data: object, _mid: int, _codes: object, _properties: object) -> None:
        # What the codes say proves nothing: Mosquitto grants what its access list denies.
        self._send_canaries(client)
        self._prove_at = time.monotonic() + PROOF_SECONDS

    def _send_canaries(self, client: paho.Client) -> None:
        for item in self._unproved:
            if item.proof is Proof.CANARY:
                self._unacked += 1
                client.publish(item.proof_topic, self._canary, qos=1)

    def _check_proof(self, client: paho.Client, now: float) -> None:
        if self._prove_at is None or now < self._prove_at:
            return
        self._prove_at = now + KEEPALIVE  # the access list may be mended meanwhile
        if self._unproved:
            self._tell(self._listener.unproved, sorted(item.filter for item in self._unproved))
            self._send_canaries(client)

    def _on_message(self, _client: paho.Client, _data: object, message: paho.MQTTMessage) -> None:
        try:
            topic = message.topic
        except UnicodeDecodeError:
            return  # no topic of ours; MQTT forbids it (MQTT 5.0 section 1.5.4)
        if self._unproved and not message.retain:
            self._prove(topic, bytes(message.payload))
        if topic not in self._canaries:
            heard = Message(topic, bytes(message.payload), message.retain, message.dup)
            self._tell(self._listener.heard, heard)

    def _prove(self, topic: str, payload: bytes) -> None:
        for item in tuple(self._unproved):
            if item.proof_topic == topic and (item.proof is Proof.OWN or payload == self._canary):
                self._unproved.discard(item)
        if not self._unproved:
            self._become_ready()

    def _become_ready(self) -> None:
        self._prove_at = None
        self._ready = True
        self._tell(self._listener.ready)

    def _on_publish(self, _client: paho.Client, _data: object, mid: int, code: ReasonCode, _properties: object) -> None:
        self._unacked -= 1
        if code.is_failure:
            self._tell(self._listener.denied, mid, str(code))

    def _on_disconnect(
        self, _client: paho.Client, _data: object, _flags: object, code: ReasonCode, _properties: object
    ) -> None:
        if self._connected and code.is_failure:
            self._reason = f"the connection ended: {code}"
        self._connected = self._ready = False

    def _tell(self, call: Callable[..., None], *arguments: object) -> None:
        try:
            call(*arguments)
        except Exception as fault:  # noqa: BLE001  # a fault of the listener must not end the connection
            _log.error("A fault in handling a message. fault=%r", fault)
            _log.debug("Where it was:", exc_info=True)
