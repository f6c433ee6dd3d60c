"""paho's client, with a way of its own for what each command needs: PUBLISH and PUBACK at QoS 1, both ways.

paho does all else: connecting, TLS, CONNECT, SUBSCRIBE, keep-alive, DISCONNECT, and what the socket says. For these two
it took four in ten of all that a command costs an agent: it asks the kernel for a packet's head byte by byte, makes the
tables of all properties of MQTT 5 anew, and keeps a list of what is unsent beside our own (:mod:`.outbox`), which knows
what may be sent again. ``shared/tests/bus`` compares both ways, byte for byte.
"""

import time
from collections.abc import Callable
from typing import Any, Final

from paho.mqtt import client as paho
from paho.mqtt.enums import MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.exception import MalformedPacket

from latchwire.bus import packets

_AT_ONCE: Final = 4096
"""Bytes that are read at once: some packets."""


class Client(paho.Client):
    """One that a broker cannot make larger than it is; used by one thread at a time.

    And one that needs no ``ssl`` where there is no TLS: for each error of a socket, that there is nothing to read among
    them, paho looks whether it is one of that module's, which an Omega without TLS has not loaded.

    Attributes:
        on_publication: told of a PUBLISH: topic, payload, retained, duplicate.
        on_acknowledged: told of a PUBACK: the packet identifier, and the reason code (MQTT 5.0 section 3.4.2.1).
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.on_publication: Callable[[bytes, bytes, bool, bool], object] = lambda *_: None
        self.on_acknowledged: Callable[[int, int], object] = lambda *_: None
        self._is_mqtt5 = self._protocol == MQTTProtocolVersion.MQTTv5
        self._rest = b""
        self._last: Any = None

    # ------------------------------------------------------------------------------------- reading

    def read(self) -> None:
        """Reads what is there, at most some packets, and tells of each."""
        code = self._read()
        if code:
            self._loop_rc_handle(code)

    def _read(self) -> MQTTErrorCode:
        try:
            data = self._sock_recv(_AT_ONCE)
        except BlockingIOError:
            return MQTTErrorCode.MQTT_ERR_SUCCESS
        except OSError:
            return MQTTErrorCode.MQTT_ERR_CONN_LOST
        if not data:
            return MQTTErrorCode.MQTT_ERR_CONN_LOST
        self._last_bytes_received = time.monotonic()
        if self._rest:
            data = self._rest + data
        place, there = 0, len(data)
        try:
            while there - place >= packets.SHORTEST and self._sock is not None:
                begin, end = packets.bounds(data, place)
                if end > there:
                    break
                code = self._take(data[place], data[begin:end])
                if code:
                    return code
                place = end
        except MalformedPacket:
            return MQTTErrorCode.MQTT_ERR_PROTOCOL
        self._rest = data[place:]
        return MQTTErrorCode.MQTT_ERR_SUCCESS

    def _take(self, head: int, body: bytes) -> MQTTErrorCode:
        kind = head & 0xF0
        if kind == packets.PUBACK:
            self.on_acknowledged(*packets.split_puback(body, mqtt5=self._is_mqtt5))
            return MQTTErrorCode.MQTT_ERR_SUCCESS
        if kind == packets.PUBLISH and head & packets.QOS == packets.QOS_1:
            parts = packets.split_publish(body, mqtt5=self._is_mqtt5)
            if parts is not None:
                topic, number, payload = parts
                self.on_publication(topic, payload, head & packets.RETAIN != 0, head & packets.DUPLICATE != 0)
                self._put(packets.puback(number))
                return MQTTErrorCode.MQTT_ERR_SUCCESS
        self._in_packet |= {"command": head, "packet": bytearray(body), "remaining_length": len(body), "pos": 0}
        return self._packet_handle()

    def _handle_on_message(self, message: paho.MQTTMessage) -> None:
        """Told by paho of a PUBLISH that is not quite as expected."""
        topic = message._topic  # noqa: SLF001  # `topic` raises where it is no UTF-8
        self.on_publication(topic, bytes(message.payload), message.retain, message.dup)

    def _sock_recv(self, bufsize: int) -> bytes:
        if self._ssl or self._sock is None:
            return super()._sock_recv(bufsize)
        return self._sock.recv(bufsize)

    # ------------------------------------------------------------------------------------- writing

    def put(self, topic: str, payload: bytes, *, retained: bool, expiry: int | None) -> int:
        """Puts a PUBLISH at QoS 1 where :meth:`loop_write` takes it; the packet identifier.

        Raises:
            ValueError: it is longer than MQTT can say.
        """
        self._last_mid = number = self._last_mid % 65_535 + 1
        said = packets.publish(
            topic.encode(), payload, number, retained=retained, expiry=expiry, mqtt5=self._is_mqtt5
        )  # fmt: skip
        self._put(said)
        return number

    def _put(self, data: bytes) -> None:
        """To be written after what waits already, and together with the last of it if that is of ours, too."""
        if self._out_packet and self._out_packet[-1] is self._last:
            self._last["packet"] += data
            self._last["to_process"] += len(data)
            return
        self._last = {
            "command": packets.PUBACK,
            "mid": 0,
            "qos": 1,
            "pos": 0,
            "to_process": len(data),
            "packet": data,
            "info": None,
        }
        self._out_packet.append(self._last)

    def want_write(self) -> bool:
        """Whether something waits to be written."""
        return bool(self._out_packet)

    def loop_write(self) -> MQTTErrorCode:
        """Writes what the socket takes at once."""
        if self._sock is None:
            return MQTTErrorCode.MQTT_ERR_NO_CONN
        code = self._packet_write()
        return self._loop_rc_handle(code) if code > 0 else MQTTErrorCode.MQTT_ERR_SUCCESS

    def _sock_send(self, buf: bytes | bytearray) -> int:
        if self._ssl or self._sock is None:
            return super()._sock_send(buf)
        return self._sock.send(buf)
