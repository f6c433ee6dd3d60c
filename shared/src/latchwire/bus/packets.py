"""The two packets that a command is made of, PUBLISH and PUBACK at QoS 1, and where a packet ends: bytes alone.

MQTT 5.0 sections 2.1, 3.3 and 3.4; MQTT 3.1.1 has the same without properties. Nobody here looks at a property of
these two but for the Message Expiry Interval of what is sent.
"""

from typing import Final

from paho.mqtt.exception import MalformedPacket

LARGEST: Final = 65_536
"""Bytes of a packet; ours have a few thousand at most. A larger one is not read, for an Omega has 64 MB."""

PUBLISH: Final = 0x30
PUBACK: Final = 0x40
DUPLICATE: Final = 0x08
QOS: Final = 0x06
QOS_1: Final = 0x02
RETAIN: Final = 0x01
"""Kinds of packets, and the flags of a PUBLISH, in the first byte (sections 2.1.2 and 3.3.1)."""

SHORTEST: Final = 2
"""Bytes of the shortest packet: its kind, and a length of nothing."""
_MORE: Final = 0x80
"""Set in each byte of a length but its last (section 1.5.5)."""
_EXPIRY: Final = b"\x05\x02"
"""The length of the properties, and the identifier of the Message Expiry Interval (section 3.3.2.3.3)."""
_TOO_LONG: Final = 0x80**4


def bounds(data: bytes, place: int) -> tuple[int, int]:
    """Where the body of a packet begins, and where it ends, which is beyond the data if it has not come whole.

    Args:
        data: what has come.
        place: where the packet begins in it; at least two bytes are there.

    Raises:
        MalformedPacket: it is larger than anything that was asked for, or that is no length.
    """
    size, begin = data[place + 1], place + 2
    if size < _MORE:
        return begin, begin + size
    size &= ~_MORE
    for power in (7, 14, 21):
        if begin == len(data):
            return begin, begin + 1
        size |= (data[begin] & ~_MORE) << power
        begin += 1
        if data[begin - 1] < _MORE:
            if size > LARGEST:
                raise MalformedPacket(f"a packet of {size} bytes")
            return begin, begin + size
    raise MalformedPacket("a length of more than four bytes")


def publish(topic: bytes, payload: bytes, number: int, *, retained: bool, expiry: int | None, mqtt5: bool) -> bytes:
    """A PUBLISH at QoS 1.

    Args:
        topic: UTF-8, no wildcards.
        payload: what.
        number: the packet identifier, 1 to 65535.
        retained: whether the broker keeps it.
        expiry: seconds after which the broker may drop it; not said with MQTT 3.1.1.
        mqtt5: of which version it is.

    Raises:
        ValueError: one of them is longer than MQTT can say.
    """
    properties = b"" if not mqtt5 else b"\0" if expiry is None else _EXPIRY + expiry.to_bytes(4)
    size = len(topic) + len(payload) + len(properties) + 4
    if len(topic) > 0xFFFF or size >= _TOO_LONG:
        raise ValueError(f"a topic of {len(topic)} bytes and a payload of {len(payload)} are more than MQTT can carry")
    head = PUBLISH | QOS_1 | retained
    begin = bytes((head, size)) if size < _MORE else bytes((head, *_length(size)))
    return begin + len(topic).to_bytes(2) + topic + number.to_bytes(2) + properties + payload


def _length(size: int) -> list[int]:
    """Seven bits in a byte, the lowest first (section 1.5.5)."""
    return [size] if size < _MORE else [size % _MORE | _MORE, *_length(size // _MORE)]


def puback(number: bytes) -> bytes:
    """A PUBACK that says yes, to the packet identifier as it came."""
    return b"\x40\x02" + number


def split_publish(body: bytes, *, mqtt5: bool) -> tuple[bytes, bytes, bytes] | None:
    """The topic, the identifier and the payload of a PUBLISH at QoS 1.

    Args:
        body: all that follows its length.
        mqtt5: of which version it is.

    Returns:
        ``None`` where it is cut short, or its properties are longer than ours can be.
    """
    end = 2 + int.from_bytes(body[:2])
    begin = end + 2
    if mqtt5:
        if len(body) <= begin or body[begin] >= _MORE:
            return None
        begin += 1 + body[begin]
    if begin > len(body) or (end == 2 and not mqtt5):  # only MQTT 5 has topics that were told before
        return None
    return body[2:end], body[end : end + 2], body[begin:]


def split_puback(body: bytes, *, mqtt5: bool) -> tuple[int, int]:
    """The packet identifier of a PUBACK, and its reason code; 0, success, where none is said.

    Raises:
        MalformedPacket: it is shorter or longer than it can be.
    """
    if len(body) < 2 or (len(body) > 2 and not mqtt5):
        raise MalformedPacket(f"a PUBACK of {len(body)} bytes")
    return int.from_bytes(body[:2]), body[2] if len(body) > 2 else 0
