"""What is asked of paho-mqtt, in MQTT 5.0 and in 3.1.1: a client, its connection, a subscription, a publication.

The client is driven from outside (``loop_read``, ``loop_write``, ``loop_misc``) by one thread.
"""

import socket
from collections.abc import Sequence
from typing import Any, Final

from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from latchwire.bus.client import Client
from latchwire.bus.keepalive import KEEPALIVE
from latchwire.bus.outbox import Letter
from latchwire.bus.packets import LARGEST
from latchwire.bus.words import Endpoint, Login, Subscription

CONNECT_SECONDS: Final = 5.0
"""How long one attempt may wait for TCP, and then again for the broker's CONNACK."""
AT_ONCE: Final = 20
"""Publications that are not acknowledged yet; Mosquitto takes no more by default (max_inflight_messages)."""
_REFUSED: Final = 0x80
"""Reason codes from here on are of failures (MQTT 5.0 section 2.4)."""


def new_client(endpoint: Endpoint, login: Login, client_id: str, will: tuple[str, str] | None) -> Client:
    """A client that is not connected yet.

    Raises:
        ValueError: a file of certificates cannot be used.
    """
    client = Client(
        CallbackAPIVersion.VERSION2,
        client_id=client_id,
        clean_session=None if endpoint.mqtt5 else True,
        protocol=MQTTProtocolVersion.MQTTv5 if endpoint.mqtt5 else MQTTProtocolVersion.MQTTv311,
    )
    client.username_pw_set(login.name, login.password)
    client.connect_timeout = CONNECT_SECONDS
    if endpoint.ca_file is not None:
        _use_tls(client, endpoint)
    if will is not None:
        client.will_set(*will, qos=1, retain=True)
    client.on_socket_open = _socket_open
    client.on_socket_register_write = _no_direct_write
    return client


def _use_tls(client: paho.Client, endpoint: Endpoint) -> None:
    try:
        from latchwire.bus import tls  # noqa: PLC0415  # only where it is used: an Omega may lack it
    except ImportError:
        raise ValueError("this Python has no TLS (on the Omega: opkg install python3-openssl)") from None
    client.tls_set_context(tls.context(endpoint))


def connect(client: paho.Client, endpoint: Endpoint, *, session_seconds: int, clean: bool) -> None:
    """Connects, and sends CONNECT.

    Args:
        client: made by :func:`new_client`.
        endpoint: where the broker is.
        session_seconds: how long the broker keeps the session (MQTT 5 only).
        clean: whether to begin a new one (with 3.1.1 it is always a new one).

    Raises:
        OSError: there is no connection.
        ValueError: the broker's name cannot be one.
    """
    # As bytes: for a str Python wants its IDNA codec, and with that unicodedata, which an Omega lacks.
    host: Any = endpoint.host.encode() if endpoint.host.isascii() else endpoint.host
    if not endpoint.mqtt5:
        client.connect(host, endpoint.port, KEEPALIVE)
        return
    properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
    properties.SessionExpiryInterval = session_seconds
    properties.MaximumPacketSize = LARGEST
    client.connect(host, endpoint.port, KEEPALIVE, clean_start=clean, properties=properties)


def subscribe(client: paho.Client, endpoint: Endpoint, subscriptions: Sequence[Subscription]) -> None:
    """Subscribes to all of them in one packet, at QoS 1."""
    if endpoint.mqtt5:
        client.subscribe(
            [(item.filter, SubscribeOptions(qos=1, retainAsPublished=item.as_published)) for item in subscriptions]
        )
    else:
        client.subscribe([(item.filter, 1) for item in subscriptions])


def publish(client: Client, letter: Letter) -> int:
    """Publishes at QoS 1; the packet identifier."""
    payload = letter.payload.encode() if isinstance(letter.payload, str) else letter.payload
    return client.put(letter.topic, payload, retained=letter.retained, expiry=letter.expiry)


def most_at_once(properties: object) -> int:
    """How many publications the broker takes before it acknowledges one: its Receive Maximum (MQTT 5.0 3.2.2.3.3).

    Args:
        properties: those of its CONNACK.
    """
    return min(getattr(properties, "ReceiveMaximum", AT_ONCE), AT_ONCE)


def refusal(code: int) -> str:
    """What the reason code of a PUBACK says against a publication; "" if nothing."""
    if code < _REFUSED:
        return ""
    try:
        return str(ReasonCode(PacketTypes.PUBACK, identifier=code))
    except (KeyError, ValueError):
        return f"reason code {code}"


def holds_back(client: paho.Client) -> bool:
    """Whether messages of QoS 2 wait in the client: none was asked for, and a broker could leave 65,535 there."""
    return bool(client._in_messages)  # noqa: SLF001  # paho tells nowhere else, and checks nothing


def _socket_open(_client: paho.Client, _data: object, sock: object) -> None:
    if isinstance(sock, socket.socket):  # Nagle's algorithm and delayed ACKs cost 44 ms a command otherwise
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def _no_direct_write(_client: paho.Client, _data: object, _sock: object) -> None:
    """Being set is what matters: it keeps paho from writing by itself."""
