"""A command acts at most once, whoever sends it again and whatever the network does."""

from collections.abc import Callable

import pytest

from support.shelf import LAMP, Shelf
from support.tap import Tap


def test_a_replayed_command_gets_the_same_receipt_and_moves_nothing(make_shelf: Callable[..., Shelf]) -> None:
    shelf = make_shelf()
    shelf.start()
    command = shelf.sign(shelf.claims("toggle"))
    first = shelf.ask_raw(command)
    assert shelf.read(first)["state"] == "on"
    for again in (command, command + b"\n", command):
        assert shelf.ask_raw(again) == first, "the very same receipt"
    assert shelf.state() == "on"
    shelf.until(lambda: shelf.alerts()["replayed"] >= 1, "an alert tells of it")
    assert not {"malformed", "bad-signature"} & shelf.alerts().keys()


def test_a_second_command_of_the_same_jti_is_the_first_one_whatever_it_says(shelf: Shelf) -> None:
    shelf.be_off()
    claims = shelf.claims("on")
    first = shelf.ask_raw(shelf.sign(claims))
    for other in ({"act": "off"}, {"sub": "manual:somebody"}, {"until": 1}, {"until": 2 * shelf.lifetime + 1}):
        assert shelf.ask_raw(shelf.sign({**claims, **other})) == first, other
    assert shelf.state() == "on"


def test_the_same_jti_of_another_issuer_is_another_command(shelf: Shelf) -> None:
    shelf.be_off()
    claims = shelf.claims("on")
    shelf.ask(shelf.sign(claims))
    asked = shelf.claims("status", issuer="whatsapp", jti=claims["jti"])
    receipt = shelf.ask(shelf.sign(asked, issuer="whatsapp"), issuer="whatsapp")
    assert (receipt["act"], receipt["outcome"], receipt["state"]) == ("status", "done", "on")


def test_a_refused_command_that_was_fresh_is_remembered_too(shelf: Shelf) -> None:
    shelf.be_off()
    claims = shelf.claims("open")
    first = shelf.ask_raw(shelf.sign(claims))
    assert shelf.read(first)["cause"] == "unknown-action"
    assert shelf.ask_raw(shelf.sign({**claims, "act": "on"})) == first
    assert shelf.state() == "off"


@pytest.mark.parametrize("fault", [{"until": 0}, {"aud": "shelf/other"}, {"nonce": "A" * 22}])
def test_what_was_not_fresh_is_not_remembered(fault: dict[str, object], shelf: Shelf) -> None:
    shelf.be_off()
    claims = shelf.claims("on")
    assert shelf.ask(shelf.sign({**claims, **fault}))["outcome"] == "refused"
    assert shelf.ask(shelf.sign(claims))["outcome"] == "done"


def test_many_toggles_are_each_done_once_and_in_their_order(make_shelf: Callable[..., Shelf]) -> None:
    shelf = make_shelf()
    shelf.start()
    commands = [shelf.claims("toggle") for _ in range(6)]
    for claims in commands:
        shelf.publish(shelf.sign(claims))
    shelf.until(lambda: len(shelf.answers()) == len(commands), "each is answered")
    receipts = [shelf.read(answer) for answer in shelf.answers()]
    assert [receipt["re"] for receipt in receipts] == [claims["jti"] for claims in commands]
    assert [receipt["state"] for receipt in receipts] == ["on", "off"] * 3


@pytest.mark.whole
def test_a_command_that_the_broker_delivers_again_is_done_once_and_raises_no_alert(
    make_shelf: Callable[..., Shelf],
) -> None:
    shelf = make_shelf()
    with Tap(shelf.broker.port) as tap:
        shelf.write_bundle(port=tap.port)
        shelf.start()
        before = len(shelf.eye.messages)
        tap.swallow()
        command = shelf.claims("toggle")
        shelf.publish(shelf.sign(command))
        shelf.until(lambda: tap.swallowed > 200, "it has answered, and the broker does not know")
        assert not shelf.answers()
        tap.cut()  # the broker delivers the command again, marked as a duplicate
        shelf.until(lambda: bool(shelf.answers(after=before)), "its receipt comes after the network is back")
        assert shelf.read(shelf.answers(after=before)[0])["re"] == command["jti"]
        shelf.wait_online(after=before)
        assert shelf.state() == "on", "it was toggled once"
        assert shelf.alerts().total() == 0
        said = {shelf.read(answer)["re"]: answer for answer in shelf.answers(after=before)}
        assert len(said) == 2, "every answer about it was the same"


@pytest.mark.whole
def test_two_processes_of_one_name_come_to_agree_who_works(make_shelf: Callable[..., Shelf]) -> None:
    shelf = make_shelf(lifetime=5)
    shelf.start()
    shelf.start(wait=False)
    shelf.until(lambda: shelf.alerts()["duplicate-agent"] >= 1, "one of them stands aside", 30)
    nonces = len(shelf.eye.on(shelf.topic("nonce")))
    shelf.until(lambda: len(shelf.eye.on(shelf.topic("nonce"))) > nonces, "the other goes on", 20)
    before = len(shelf.eye.messages)
    shelf.do("toggle")
    shelf.do("toggle")
    answers = [shelf.read(answer) for answer in shelf.answers(after=before)]
    assert [answer["state"] for answer in answers] == ["on", "off"], "one of them answers"
    assert shelf.last("availability").payload == b"online"
    assert shelf.eye.on(shelf.topic(f"{LAMP}/state"))
