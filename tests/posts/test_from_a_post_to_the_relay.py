"""From a post on X to the relay's register and back: the real programs, a real broker, a fake X and a fake chip."""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from support.post_house import TOP, House
from support.x_api import FakeX
from support.x_http import Fault

pytestmark = pytest.mark.skipif(
    shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin") is None,
    reason="mosquitto is not installed: apt-get install mosquitto",
)


Listen = Callable[[], None]


@pytest.fixture
def x() -> Iterator[FakeX]:
    with FakeX(accounts={"101": "example_john", "102": "example_jane"}) as fake:
        yield fake


@pytest.fixture
def house(tmp_path: Path, x: FakeX) -> Iterator[House]:
    with House(folder=tmp_path, x=x) as made:
        yield made


@pytest.fixture
def listener(house: House, x: FakeX) -> Listen:
    """Starts the listener and waits until it hears."""
    return lambda: house.listen(x, "example_john")


def test_a_post_opens_the_door_and_a_retweet_locks_it(house: House, x: FakeX, listener: Listen) -> None:
    listener()
    x.post("101", "home soon #Unlock")
    house.wait_for("relay", "relay 0 closed: front-door is UNLOCKED")
    long = x.post("101", f"{'a very long story ' * 9}#lock")
    house.wait_for("relay", "relay 0 opened: front-door is LOCKED")
    x.post("101", "#unlock")
    house.wait_for("relay", "relay 0 closed", times=2)
    x.post("102", "", retweet_of=long)
    house.wait_for("relay", "relay 0 opened", times=2)
    house.wait_for("relay", "action=lock who=twitter:102 .*outcome=done state=locked")


def test_who_may_not_moves_nothing(house: House, x: FakeX, listener: Listen) -> None:
    listener()
    x.post("102", "I may only lock #unlock")
    x.post("999", "I am nobody #unlock")
    house.wait_for("x", "Not allowed: jane may not do this")
    x.post("102", "#lock")
    house.wait_for("relay", "action=lock who=twitter:102")
    assert "UNLOCKED" not in house.log("relay")


def test_a_restart_does_not_open_the_door_again_and_ending_is_quick(house: House, x: FakeX, listener: Listen) -> None:
    listener()
    post = x.post("101", "#unlock")
    house.wait_for("relay", "relay 0 closed")
    assert house.end("x") < 2
    listener()
    x.send({"data": x.posts[post]})
    x.post("101", "#lock")
    house.wait_for("relay", "relay 0 opened")
    assert house.log("relay").count("relay 0 closed") == 1


def test_who_was_taken_out_of_the_file_is_not_heard_any_more(house: House, x: FakeX, listener: Listen) -> None:
    listener()
    path = house.state / "config" / "config.json"
    config = json.loads(path.read_text())
    del config["people"]["john"]
    path.write_text(json.dumps(config))
    x.send({"data": x.posts[x.post("101", "#unlock")]})
    house.wait_for("x", "configuration changed and is in force")
    x.post("102", "#lock")
    house.wait_for("relay", "action=lock who=twitter:102")
    until = time.monotonic() + 10
    while any("example_john" in rule["value"] for rule in x.rules.values()):
        assert time.monotonic() < until
        time.sleep(0.02)
    x.send({"data": x.posts[x.post("101", "#unlock")]})
    x.post("102", "#lock again")
    house.wait_for("relay", "action=lock who=twitter:102", times=2)
    assert house.log("relay").count("who=twitter:101") <= 1, "only what was said before the change counted"


def test_without_credentials_it_is_healthy_and_says_what_to_set(house: House, x: FakeX) -> None:
    house.run("x", "latchwire-twitter-listener", X_BEARER_TOKEN="")
    house.wait_for("x", "Set X_BEARER_TOKEN, or X_CONSUMER_KEY and X_CONSUMER_SECRET, in state/.env")
    house.wait_for("x", "ready to ask")
    health = subprocess.run(
        ["latchwire-twitter-listener", "--health"],
        env=house.environment,
        cwd=TOP,
        check=False,
        capture_output=True,
        text=True,
    )
    assert health.returncode == 0
    assert "Set X_BEARER_TOKEN" in health.stdout
    assert x.requests == []


def test_ending_is_quick_while_it_waits_for_credits(house: House, x: FakeX) -> None:
    x.fail("/stream", *[Fault(402, {"title": "Payment Required"})] * 9)
    house.run("x", "latchwire-twitter-listener")
    house.wait_for("x", "Buy credits")
    told = house.say("status")
    assert "X: The X account has no credits left (HTTP 402). Buy credits" in told
    assert "note: X is asked again at 20" in told
    assert house.end("x") < 2


def test_status_and_watch_tell_how_it_is_and_no_secret_is_in_any_log(house: House, x: FakeX, listener: Listen) -> None:
    x.protected = {"102"}
    house.run("watch", "latchwire", "watch")
    house.wait_for("watch", "Watching")
    listener()
    house.wait_for("watch", "x        twitter: listening by stream since 20.*protected, never heard: @example_jane")
    x.post("101", "#unlock")
    house.wait_for("relay", "relay 0 closed")
    house.wait_for("watch", "twitter: listening .*; last post 20.*; posts billed today: 1;")
    told = house.say("status")
    assert "note: Listening to X by stream since 20" in told
    assert "note: The last post was heard at 20" in told
    assert "note: Posts billed today: 1." in told
    assert "note: @example_jane is a protected account on X and will never be heard." in told
    x.fail("/stream", *[Fault(402, {"title": "Payment Required"})] * 9)
    x.cut(clean=True)
    house.wait_for("watch", "twitter: waiting: Buy credits .*; next try 20.*; last error 20")
    for secret in (x.bearer, *(path.read_text().strip() for path in (house.state / "logins").iterdir())):
        assert secret not in house.log("x") + house.log("watch") + told
