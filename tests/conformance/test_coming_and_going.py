"""Availability, last will, and what an agent says whenever it comes back."""

import json
import re
import signal
from collections.abc import Callable

import pytest

from support.broker import wait_until
from support.shelf import LAMP, Shelf


def said_offline(shelf: Shelf, after: int) -> bool:
    return any(
        heard.topic == shelf.topic("availability") and heard.payload == b"offline"
        for heard in shelf.eye.messages[after:]
    )


def test_what_is_retained_is_there_for_who_comes_later(shelf: Shelf) -> None:
    shelf.do("on")
    shelf.do("off")
    late = shelf.home.wire("observer", filters=[shelf.topic("#")])
    for what, wanted in (("availability", b"online"), ("nonce", shelf.nonce.encode())):
        heard = late.wait_for(shelf.topic(what))
        assert heard.retained
        assert wanted in heard.payload
    assert json.loads(late.wait_for(shelf.topic(f"{LAMP}/state")).payload)["state"] == "off"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL], ids=lambda number: number.name)
def test_an_agent_that_ends_or_is_killed_is_offline(number: signal.Signals, make_shelf: Callable[..., Shelf]) -> None:
    shelf = make_shelf()
    shelf.start()
    before = len(shelf.eye.messages)
    shelf.end(number)
    shelf.until(lambda: said_offline(shelf, before), "it is offline")
    shelf.start()
    assert shelf.do("on")["outcome"] == "done"


def test_a_late_will_is_answered_with_online(shelf: Shelf) -> None:
    before = len(shelf.eye.messages)
    wire = shelf.home.wire("shelf", filters=["latchwire/shelf/self-test/nothing"])
    wire.publish(shelf.topic("availability"), "offline", retained=True)
    shelf.until(lambda: said_offline(shelf, before) and shelf.last("availability").payload == b"online", "it is online")


@pytest.mark.whole
def test_all_is_published_again_when_a_broker_comes_back_that_forgot_everything(
    make_shelf: Callable[..., Shelf],
) -> None:
    shelf = make_shelf()
    shelf.start()
    shelf.do("on")
    before = len(shelf.eye.messages)
    shelf.broker.kill()
    shelf.broker.start()
    shelf.until(
        lambda: shelf.last("availability").payload == b"online" and len(shelf.eye.messages) > before, "online", 40
    )
    shelf.wait_online(after=before)
    assert json.loads(shelf.last(f"{LAMP}/state").payload)["state"] == "on"
    wait_until(lambda: "manual" not in shelf._issuers or shelf._issuers["manual"]._client.is_connected(), "we are back")
    assert shelf.do("off")["state"] == "off"


@pytest.mark.parametrize("mqtt", ["5", "3.1.1"])
def test_it_works_over_both_versions_of_mqtt(mqtt: str, make_shelf: Callable[..., Shelf]) -> None:
    shelf = make_shelf(mqtt=mqtt)
    shelf.start()
    assert shelf.do("on")["state"] == "on"
    logged = re.findall(r" as shelf-\S+ \(p(\d)", shelf.broker.log)
    assert set(logged) == {{"5": "5", "3.1.1": "2"}[mqtt]}, "Mosquitto writes p2 for 3.1.1"


def test_it_connects_by_tls_to_the_broker_that_its_bundle_names(make_shelf: Callable[..., Shelf]) -> None:
    shelf = make_shelf(tls=True)
    shelf.start()
    assert shelf.do("on")["state"] == "on"


def test_it_connects_to_no_broker_of_another_authority(make_shelf: Callable[..., Shelf]) -> None:
    shelf, other = make_shelf(tls=True), make_shelf(tls=True)
    shelf.write_bundle(port=shelf.broker.tls_port, tls=True, authority=other.broker.ca_file.read_text())
    shelf.start(wait=False)
    shelf.until(lambda: "OpenSSL Error" in shelf.broker.log or "ssl" in shelf.broker.log.lower(), "it has tried")
    assert not shelf.eye.on(shelf.topic("availability"))
    assert "as shelf-" not in shelf.broker.log


def test_its_client_id_begins_with_its_login_and_is_new_for_each_process(make_shelf: Callable[..., Shelf]) -> None:
    shelf = make_shelf()
    for _ in range(2):
        shelf.start()
        shelf.end()
    ids = re.findall(r" as (shelf-\S{22,})", shelf.broker.log)
    assert len(set(ids)) >= 2
    assert len(ids) == shelf.broker.log.count(" as shelf")
