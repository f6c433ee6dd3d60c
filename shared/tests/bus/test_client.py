"""The quick way through a PUBLISH and a PUBACK ends as paho's own does, whatever a broker sends."""

import subprocess
import sys
from collections.abc import Sequence
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st
from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.exception import MalformedPacket
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from latchwire.bus.client import Client

PUBLISH, PUBACK = 0x30, 0x40
VERSIONS = (MQTTProtocolVersion.MQTTv5, MQTTProtocolVersion.MQTTv311)


def heard_by(
    kind: type[paho.Client], head: int, packet: bytes, *, version: MQTTProtocolVersion, open_number: int = 0
) -> list[object]:
    """What somebody hears and what is said back, when this arrives after a publication of that number."""
    client, heard = kind(CallbackAPIVersion.VERSION2, protocol=version), list[object]()

    def message(_client: object, _data: object, told: paho.MQTTMessage) -> None:
        heard.append((told._topic, bytes(told.payload), told.qos, bool(told.retain), bool(told.dup), told.mid))

    def published(_client: object, _data: object, number: int, reason: Any, _properties: object) -> None:
        heard.append((number, reason.value, reason.is_failure))

    client.on_message, client.on_publish = message, published
    client.on_socket_register_write = lambda *_: None
    if open_number:
        told = paho.MQTTMessage(open_number, b"a/b")
        told.qos = 1
        client._out_messages[open_number] = told
    client._in_packet["command"], client._in_packet["packet"] = head, bytearray(packet)
    try:
        heard.append(int(client._packet_handle()))
    except MalformedPacket:
        heard.append("malformed")
    heard.extend(bytes(said["packet"]) for said in client._out_packet)
    return [*heard, sorted(client._out_messages)]


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
def publications(draw: st.DrawFn) -> tuple[int, bytes]:
    """The first byte, and what follows the length."""
    head, topic = draw(st.integers(0, 15)), draw(st.binary(max_size=200))
    number = draw(st.integers(1, 65_535)).to_bytes(2, "big") if head & 6 else b""
    return PUBLISH | head, len(topic).to_bytes(2, "big") + topic + number + draw(st.sampled_from(SOME)) + draw(
        st.binary(max_size=500)
    )


COMMAND = 0x32, b"\0\x1clatchwire/omega/door/command\0\1" + SOME[1] + b"a.b.c"


@given(publication=publications(), version=st.sampled_from(VERSIONS))
@example(publication=COMMAND, version=VERSIONS[0])
def test_a_publication_is_heard_as_by_paho(publication: tuple[int, bytes], version: MQTTProtocolVersion) -> None:
    ours, theirs = (heard_by(kind, *publication, version=version) for kind in (Client, paho.Client))
    assert ours == theirs


@given(head=st.integers(0, 15), packet=st.binary(max_size=40), version=st.sampled_from(VERSIONS))
def test_bytes_that_are_no_publication_are_malformed_or_heard_as_by_paho(
    head: int, packet: bytes, version: MQTTProtocolVersion
) -> None:
    ours, theirs = (heard_by(kind, PUBLISH | head, packet, version=version) for kind in (Client, paho.Client))
    assert ours == theirs or theirs[0] == "malformed"  # properties that nobody reads here may be nonsense


@given(
    packet=st.builds(bytes.__add__, st.sampled_from((b"", b"\0\1", b"\0\2")), st.binary(max_size=5)),
    version=st.sampled_from(VERSIONS),
)
@example(packet=b"\x00\x01", version=VERSIONS[0])
@example(packet=b"\x00\x01\x10", version=VERSIONS[0])
@example(packet=b"\x00\x01\x87", version=VERSIONS[0])
def test_an_acknowledgement_is_heard_as_by_paho(packet: bytes, version: MQTTProtocolVersion) -> None:
    ours, theirs = (heard_by(kind, PUBACK, packet, version=version, open_number=1) for kind in (Client, paho.Client))
    assert ours == theirs


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
assert client._packet_read() == MQTTErrorCode.MQTT_ERR_AGAIN, "nothing is there to be read"
client._out_packet.append({"command": 0, "mid": 0, "qos": 0, "pos": 0, "to_process": 10**8, "packet": bytes(10**8)})
assert client._packet_write() == MQTTErrorCode.MQTT_ERR_AGAIN, "no more can be written"
peer.close()
assert client._packet_read() == MQTTErrorCode.MQTT_ERR_CONN_LOST
assert client._packet_write() == MQTTErrorCode.MQTT_ERR_CONN_LOST
"""


def test_a_python_without_tls_waits_for_its_socket_as_any_other() -> None:
    """The library looks at errors of ``ssl`` for each that a socket has, and has no module to look in."""
    done = subprocess.run([sys.executable, "-c", WITHOUT_TLS], capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr
