"""The rolling nonce: which commands act, which only get their receipt again, and which nobody knows any more."""

import json
import re
import time
from collections.abc import Callable

import pytest

from support.shelf import Shelf

LIFETIME = 5  # seconds: the least that the protocol allows


def heard_nonces(shelf: Shelf) -> list[str]:
    """The nonces in their order, as they came live."""
    return list(dict.fromkeys(json.loads(heard.payload)["nonce"] for heard in shelf.eye.on(shelf.topic("nonce"))))


def wait_for_nonces(shelf: Shelf, count: int) -> str:
    shelf.until(lambda: len(heard_nonces(shelf)) >= count, f"nonce number {count}", 3 * LIFETIME)
    return heard_nonces(shelf)[count - 1]


def test_the_nonce_is_told_as_the_page_says(shelf: Shelf) -> None:
    told = json.loads(shelf.last("nonce").payload)
    assert told == {"protocol": 1, "nonce": told["nonce"], "lifetime": shelf.lifetime}
    assert re.fullmatch(r"[A-Za-z0-9_-]{22}", told["nonce"])
    assert shelf.home.wire(filters=[shelf.topic("nonce")]).wait_for(shelf.topic("nonce")).retained


def test_a_nonce_acts_for_two_lifetimes_and_answers_for_four(make_shelf: Callable[..., Shelf]) -> None:
    shelf = make_shelf(lifetime=LIFETIME)
    shelf.start()
    first = wait_for_nonces(shelf, 1)
    made = time.monotonic()
    early = shelf.claims("on", nonce=first)
    early_receipt = shelf.ask_raw(shelf.sign(early))
    assert shelf.read(early_receipt)["outcome"] == "done"
    shelf.do("off")

    second = wait_for_nonces(shelf, 2)
    assert LIFETIME - 2 < time.monotonic() - made < LIFETIME + 2
    late = shelf.do("on", nonce=first, until=2)  # the nonce is 5 seconds old
    assert (late["cause"], late["happened"], late["state"]) == ("stale-nonce", "no", "off")
    assert (late["over"], late["nonce"]) == (first, second)
    assert 0 <= late["age"] <= 2
    assert shelf.do("on", nonce=first)["outcome"] == "done", "over the one before it may still act"
    shelf.do("off")

    wait_for_nonces(shelf, 3)
    stale = shelf.claims("on", nonce=first)
    refused = shelf.ask(shelf.sign(stale))
    assert (refused["cause"], refused["over"], refused["state"]) == ("stale-nonce", first, "off")
    assert shelf.ask_raw(shelf.sign(early)) == early_receipt, "what was done gets its receipt again"
    again = shelf.ask(shelf.sign({**stale, "nonce": shelf.nonce}))
    assert (again["outcome"], again["state"]) == ("done", "on"), "the same jti over another nonce is a fresh command"
    shelf.do("off")

    wait_for_nonces(shelf, 5)
    unknown = shelf.do("on", nonce=first)
    assert (unknown["cause"], unknown["happened"], unknown["over"]) == ("unknown-nonce", "maybe", first)
    assert shelf.ask(shelf.sign(early))["cause"] == "unknown-nonce"
    # Its jti was filed under the third nonce: nothing acts twice while that one is kept.
    assert shelf.ask(shelf.sign({**stale, "nonce": shelf.nonce}))["act"] == "on"
    assert shelf.state() == "off"


def test_a_command_from_before_a_restart_is_unknown_and_does_nothing(make_shelf: Callable[..., Shelf]) -> None:
    shelf = make_shelf()
    shelf.start()
    claims = shelf.claims("on")
    shelf.end()
    shelf.start()
    receipt = shelf.ask(shelf.sign(claims))
    assert (receipt["cause"], receipt["happened"], receipt["over"]) == ("unknown-nonce", "maybe", claims["nonce"])
    assert receipt["nonce"] == shelf.nonce != claims["nonce"]
    assert shelf.state() == "off"


@pytest.mark.whole
def test_1024_commands_turn_the_nonce_and_a_stranger_turns_none(make_shelf: Callable[..., Shelf]) -> None:
    shelf = make_shelf(lifetime=300)
    shelf.start()
    for count in range(0, 1024, 32):
        shelf.publish(b"from a stranger")
        for _ in range(32):
            shelf.publish(shelf.sign(shelf.claims("open")))
        shelf.until(lambda count=count: len(shelf.answers()) == count + 32, "they are answered")  # type: ignore[misc]
    shelf.until(lambda: len(heard_nonces(shelf)) == 2, "a new nonce")
    shelf.do("status")
    assert len(heard_nonces(shelf)) == 2
