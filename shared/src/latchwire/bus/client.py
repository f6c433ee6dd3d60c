"""paho's client, kept small, and quick with the two packets that each command brings: PUBLISH and PUBACK at QoS 1.

For every packet of MQTT 5 paho 2.2 makes the tables of all properties anew, a quarter of all that a command costs an
agent and its sender. Nobody here looks at a property of these two, so they are taken apart here; one that is not just
as expected goes to paho's own method. Should a newer paho call these methods no more, only the speed is lost, and
``tests/bench/test_counts.py`` tells.
"""

import socket
from typing import Final, Literal

from paho.mqtt import client as paho
from paho.mqtt.enums import MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

LARGEST: Final = 65_536
"""Bytes of a packet; ours have a few thousand at most. A larger one is not read, for an Omega has 64 MB."""

_DUP, _QOS, _QOS_1, _RETAIN = 0x08, 0x06, 0x02, 0x01
"""Of a PUBLISH's first byte (MQTT 5.0 section 3.3.1)."""
_TAKEN: Final = {code: ReasonCode(PacketTypes.PUBACK, identifier=code) for code in (0x00, 0x10)}
"""Success, and that nobody is subscribed (MQTT 5.0 section 3.4.2.1); what it means that one is refused, paho knows."""
_NO_PROPERTIES: Final = Properties(PacketTypes.PUBACK)  # type: ignore[no-untyped-call]


class Client(paho.Client):
    """One that a broker cannot make larger than it is.

    And one that needs no ``ssl`` where there is no TLS: for each error of a socket, that there is nothing to read among
    them, paho looks whether it is one of that module's, which an Omega without TLS has not loaded.
    """

    def _sock_recv(self, bufsize: int) -> bytes:
        """Called with the length that a packet says it has, before any of it is read."""
        if bufsize > LARGEST:
            raise ConnectionError(f"a packet of {bufsize} bytes")
        return super()._sock_recv(bufsize) if self._ssl else self._plain_socket().recv(bufsize)

    def _sock_send(self, buf: bytes | bytearray) -> int:
        return super()._sock_send(buf) if self._ssl else self._plain_socket().send(buf)

    def _plain_socket(self) -> socket.socket:
        if not isinstance(self._sock, socket.socket):
            raise ConnectionError("there is no connection")
        return self._sock

    def _handle_publish(self) -> MQTTErrorCode:
        head, packet = self._in_packet["command"], self._in_packet["packet"]
        is_usual = self._protocol == MQTTProtocolVersion.MQTTv5 and head & _QOS == _QOS_1
        parts = split_publish(bytes(packet)) if is_usual else None
        if parts is None:
            return super()._handle_publish()
        topic, number, payload = parts
        message = paho.MQTTMessage(number, topic)
        message.qos, message.dup, message.retain = 1, head & _DUP != 0, head & _RETAIN != 0
        message.payload = payload
        self._handle_on_message(message)
        return self._send_puback(number)

    def _handle_pubackcomp(self, cmd: Literal["PUBACK", "PUBCOMP"]) -> MQTTErrorCode:
        packet = self._in_packet["packet"]
        is_usual = self._protocol == MQTTProtocolVersion.MQTTv5 and cmd == "PUBACK" and len(packet) in {2, 3}
        reason = _TAKEN.get(packet[2] if len(packet) == 3 else 0) if is_usual else None
        if reason is None:
            return super()._handle_pubackcomp(cmd)
        number = int.from_bytes(packet[:2])
        with self._out_message_mutex:
            if number in self._out_messages:
                return self._do_on_publish(number, reason, _NO_PROPERTIES)
        return MQTTErrorCode.MQTT_ERR_SUCCESS


def split_publish(packet: bytes) -> tuple[bytes, int, bytes] | None:
    """The topic, the identifier and the payload of a PUBLISH at QoS 1 (MQTT 5.0 section 3.3.2).

    Args:
        packet: all that follows its length.

    Returns:
        ``None`` where its properties are longer than ours can be, or longer than it is itself.
    """
    end = 2 + int.from_bytes(packet[:2])
    if len(packet) < end + 3 or packet[end + 2] >= 0x80:
        return None
    begin = end + 3 + packet[end + 2]
    return (packet[2:end], int.from_bytes(packet[end : end + 2]), packet[begin:]) if begin <= len(packet) else None
