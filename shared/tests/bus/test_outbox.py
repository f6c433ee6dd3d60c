"""What is unsent: bounded, and what somebody outside can cause leaves room for what matters."""

from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from latchwire.bus.library import AT_ONCE, most_at_once, refusal
from latchwire.bus.outbox import LIMIT, Outbox


def put(outbox: Outbox, *, minor: bool) -> int | None:
    return outbox.put("a/topic", "a payload", retained=False, expiry=None, kept=True, minor=minor)


def test_minor_letters_leave_half_of_the_room_to_what_was_done() -> None:
    outbox = Outbox()
    taken = [put(outbox, minor=True) for _ in range(LIMIT)]
    assert len([ticket for ticket in taken if ticket is not None]) == LIMIT // 2
    others = [put(outbox, minor=False) for _ in range(LIMIT)]
    assert len([ticket for ticket in others if ticket is not None]) == LIMIT // 2
    assert outbox.is_full


def test_no_more_are_under_way_than_the_broker_takes() -> None:
    outbox = Outbox()
    outbox.open(2)
    for _ in range(3):
        put(outbox, minor=False)
    first, second = outbox.take(), outbox.take()
    assert first is not None
    assert second is not None
    outbox.sent(1, first)
    outbox.sent(2, second)
    assert outbox.take() is None
    assert outbox.acknowledged(1) == first
    assert outbox.acknowledged(1) is None, "a broker may acknowledge twice"
    assert outbox.take() is not None


def test_what_the_broker_takes_at_once_is_what_it_says() -> None:
    said = Properties(PacketTypes.CONNACK)  # type: ignore[no-untyped-call]
    assert most_at_once(said) == most_at_once(None) == AT_ONCE
    said.ReceiveMaximum = 3
    assert most_at_once(said) == 3
    said.ReceiveMaximum = 65_535
    assert most_at_once(said) == AT_ONCE


def test_a_refusal_is_told_in_words() -> None:
    assert refusal(0) == refusal(16) == ""
    assert refusal(135) == "Not authorized"
    assert refusal(200) == "reason code 200"
