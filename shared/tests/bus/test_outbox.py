"""What is unsent: bounded, and what somebody outside can cause leaves room for what matters."""

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
