"""The way of our own for PUBLISH and PUBACK ends as paho's does, whatever a broker sends."""

import socket
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st
from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from latchwire.bus.client import Client

PUBLISH, PUBACK, PUBREC, PUBCOMP = 0x30, 0x40, 0x50, 0x70
VERSIONS = (MQTTProtocolVersion.MQTTv5, MQTTProtocolVersion.MQTTv311)
SOME_AT_ONCE = 700
"""Bytes that arrive at once."""


def heard_by(kind: type[paho.Client], data: bytes, *, version: MQTTProtocolVersion) -> list[object]:
    """What somebody hears and what is said back, when this arrives after the publications 1 to 300."""
    client, heard = kind(CallbackAPIVersion.VERSION2, protocol=version), list[object]()
    client.on_socket_register_write = lambda *_: None
    client._sock, peer = socket.socketpair()
    client._sock.setblocking(False)
    if isinstance(client, Client):
        client.on_publication = lambda *told: heard.append(told)
        client.on_acknowledged = lambda number, code: heard.append((number, code))
        read: Callable[[], object] = client.read
    else:
        client.on_message = lambda _client, _data, told: heard.append(
            (told._topic, bytes(told.payload), bool(told.retain), bool(told.dup))
        )
        client.on_publish = lambda _client, _data, number, reason, _properties: heard.append((number, reason.value))
        for number in range(1, 301):
            client._out_messages[number] = told = paho.MQTTMessage(number, b"a/b")
            told.qos = 1
        read = client.loop_read
    with peer:
        for begin in range(0, len(data), SOME_AT_ONCE):
            if client.socket() is not None:
                peer.sendall(data[begin : begin + SOME_AT_ONCE])
            for _ in range(9):
                read()
        heard.append("is over" if client.socket() is None else "goes on")
        client.loop_write()
        peer.setblocking(False)
        try:
            heard.append(peer.recv(10_000))
        except (BlockingIOError, ConnectionResetError):
            heard.append(b"")
    if client._sock is not None:
        client._sock.close()
    return heard


def packet(head: int, body: bytes) -> bytes:
    length, size = bytearray(), len(body)
    while size >= 0x80:
        length.append(size & 0x7F | 0x80)
        size >>= 7
    return bytes((head, *length, size)) + body


def properties(kind: int, **values: Any) -> bytes:
    made = Properties(kind)  # type: ignore[no-untyped-call]
    for name, value in values.items():
        setattr(made, name, value)
    return bytes(made.pack())  # type: ignore[no-untyped-call]


SOME: Sequence[bytes] = (
    properties(PacketTypes.PUBLISH),
    properties(PacketTypes.PUBLISH, MessageExpiryInterval=35),
    properties(PacketTypes.PUBLISH, UserProperty=("name", "x" * 40), ContentType="text"),
    properties(PacketTypes.PUBLISH, UserProperty=("name", "x" * 400)),
)


@st.composite
def publications(draw: st.DrawFn) -> bytes:
    head, topic = draw(st.integers(0, 15)), draw(st.binary(max_size=200))
    number = draw(st.integers(1, 65_535)).to_bytes(2, "big") if head & 6 else b""
    rest = draw(st.sampled_from(SOME)) + draw(st.binary(max_size=500))
    return packet(PUBLISH | head, len(topic).to_bytes(2, "big") + topic + number + rest)


@st.composite
def acknowledgements(draw: st.DrawFn) -> bytes:
    number, rest = draw(st.integers(1, 300)).to_bytes(2, "big"), draw(st.sampled_from((b"", b"\0", b"\x10", b"\x87")))
    return packet(PUBACK, number + rest)


COMMAND = packet(0x32, b"\0\x1clatchwire/omega/door/command\0\1" + SOME[1] + b"a.b.c")
PINGRESP = b"\xd0\0"


@given(
    arrived=st.lists(publications() | acknowledgements() | st.just(PINGRESP), max_size=5),
    version=st.sampled_from(VERSIONS),
)
@example(arrived=[COMMAND], version=VERSIONS[0])
@example(arrived=[COMMAND, packet(PUBACK, b"\0\1"), COMMAND], version=VERSIONS[1])
@settings(max_examples=200, deadline=None)
def test_what_arrives_is_heard_and_acknowledged_as_by_paho(arrived: list[bytes], version: MQTTProtocolVersion) -> None:
    ours, theirs = (heard_by(kind, b"".join(arrived), version=version) for kind in (Client, paho.Client))
    assert ours == theirs or told_again(ours) == theirs


def told_again(ours: list[object]) -> list[object]:
    """Paho tells of the first acknowledgement of a number alone; ours of each, and the outbox knows them."""
    kept, numbers = list[object](), set[object]()
    for told in ours:
        if isinstance(told, tuple) and len(told) == len(("number", "code")):
            if told[0] in numbers:
                continue
            numbers.add(told[0])
        kept.append(told)
    return kept


@given(head=st.integers(0, 255), body=st.binary(max_size=40), version=st.sampled_from(VERSIONS))
@example(head=PUBREC, body=b"\0\1", version=VERSIONS[0])
@example(head=PUBCOMP, body=b"\0\1", version=VERSIONS[0])
@settings(deadline=None)
def test_bytes_that_are_no_packet_end_the_connection_or_are_heard_as_by_paho(
    head: int, body: bytes, version: MQTTProtocolVersion
) -> None:
    try:
        theirs = heard_by(paho.Client, packet(head, body), version=version)
    except Exception:  # noqa: BLE001  # paho met what no broker should send; what the bus makes of it, the attacks try
        return
    ours = heard_by(Client, packet(head, body), version=version)
    if head & 0xF0 in {PUBREC, PUBCOMP}:  # at QoS 2 nothing is published here, so there is nothing to tell
        assert ours == ["goes on", b""] or "is over" in ours
        return
    # Properties that nobody reads here may be nonsense, and so may a reason code.
    assert ours == theirs or "is over" in theirs or head & 0xF0 == PUBACK


@given(size=st.integers(0, 40_000), pieces=st.integers(1, 4096))
@settings(max_examples=20, deadline=None)
def test_a_publication_may_come_in_pieces_of_any_size(size: int, pieces: int) -> None:
    client, heard = Client(CallbackAPIVersion.VERSION2, protocol=VERSIONS[0]), list[object]()
    client.on_publication = lambda *told: heard.append(told)
    client._sock, peer = socket.socketpair()
    client._sock.setblocking(False)
    data = packet(0x32, b"\0\3a/b\0\1\0" + bytes(size))
    with peer, client._sock:
        for begin in range(0, len(data), pieces):
            assert heard == []
            peer.sendall(data[begin : begin + pieces])
            client.read()
    assert heard == [(b"a/b", bytes(size), False, False)]


def test_a_packet_is_not_read_that_is_larger_than_was_asked_for() -> None:
    for length in (b"\xff\xff\x04", b"\xff\xff\xff\x7f", b"\xff\xff\xff\xff\x01"):
        assert heard_by(Client, b"\x32" + length + bytes(100), version=VERSIONS[0])[0] == "is over"


@given(
    topic=st.text(st.characters(exclude_characters="+#\0", codec="utf-8"), min_size=1, max_size=200),
    payload=st.binary(max_size=300) | st.just(b"x" * 20_000) | st.just(b"y" * 3_000_000),
    retained=st.booleans(),
    expiry=st.none() | st.integers(0, 2**32 - 1),
    version=st.sampled_from(VERSIONS),
)
@settings(deadline=None)
def test_what_is_published_is_said_as_by_paho(
    *, topic: str, payload: bytes, retained: bool, expiry: int | None, version: MQTTProtocolVersion
) -> None:
    theirs = paho.Client(CallbackAPIVersion.VERSION2, protocol=version)
    theirs.on_socket_register_write = lambda *_: None
    theirs._sock, peer = socket.socketpair()
    about = None
    if version is VERSIONS[0] and expiry is not None:
        about = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
        about.MessageExpiryInterval = expiry
    theirs.publish(topic, payload, qos=1, retain=retained, properties=about)
    ours = Client(CallbackAPIVersion.VERSION2, protocol=version)
    with peer, theirs._sock:
        assert ours.put(topic, payload, retained=retained, expiry=expiry) == 1
        assert [bytes(said["packet"]) for said in ours._out_packet] == [
            bytes(said["packet"]) for said in theirs._out_packet
        ]


def test_what_waits_is_written_in_one_piece_and_in_its_order() -> None:
    client = Client(CallbackAPIVersion.VERSION2, protocol=VERSIONS[0])
    client.on_socket_register_write = lambda *_: None
    client._sock, peer = socket.socketpair()
    client._sock.setblocking(False)
    with peer, client._sock:
        client.put("a/b", b"first", retained=False, expiry=None)
        client.put("a/b", b"second", retained=False, expiry=None)
        client._send_pingreq()
        client.put("a/b", bytes(10_000_000), retained=False, expiry=None)
        client.loop_write()
        client.put("a/b", b"last", retained=False, expiry=None)
        assert client.want_write()
        said = b""
        while client.want_write():
            said += peer.recv(1_000_000)
            client.loop_write()
        peer.setblocking(False)
        with suppress(BlockingIOError):
            while part := peer.recv(1_000_000):
                said += part
    assert said.index(b"first") < said.index(b"second") < said.index(b"\xc0\0") < said.index(bytes(100))
    assert said.endswith(b"last")
    heads = 3 * 10 + 13
    assert len(said) == heads + 10_000_000 + len(b"first" + b"second" + b"\xc0\0" + b"last")


WITHOUT_TLS = """
import sys
sys.modules["ssl"] = None  # as on an Omega without TLS
import socket
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from latchwire.bus.client import Client
client = Client(CallbackAPIVersion.VERSION2)
client.on_socket_register_write = lambda *_: None
client._sock, peer = socket.socketpair()
client._sock.setblocking(False)
assert client._read() == MQTTErrorCode.MQTT_ERR_SUCCESS, "nothing is there to be read"
client._out_packet.append({"command": 0, "mid": 0, "qos": 0, "pos": 0, "to_process": 10**8, "packet": bytes(10**8)})
assert client._packet_write() == MQTTErrorCode.MQTT_ERR_AGAIN, "no more can be written"
peer.close()
assert client._read() == MQTTErrorCode.MQTT_ERR_CONN_LOST
assert client._packet_write() == MQTTErrorCode.MQTT_ERR_CONN_LOST
"""


def test_a_python_without_tls_waits_for_its_socket_as_any_other() -> None:
    """The library looks at errors of ``ssl`` for each that a socket has, and has no module to look in."""
    done = subprocess.run([sys.executable, "-c", WITHOUT_TLS], capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr
