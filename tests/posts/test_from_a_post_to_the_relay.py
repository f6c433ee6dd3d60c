"""From a post on X to the relay's register and back: the real programs, a real broker, a fake X and a fake chip."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from support.x_api import FakeX
from support.x_http import BEARER

TOP = Path(__file__).parents[2]
PROGRAMS = Path(sys.executable).parent

pytestmark = pytest.mark.skipif(
    shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin") is None,
    reason="mosquitto is not installed: apt-get install mosquitto",
)


class House:
    """A state folder of the test's own, and the programs that run on it."""

    def __init__(self, *, folder: Path, x: FakeX) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        self.state = folder / "state"
        self.folder = folder
        self.environment = {
            "PATH": f"{PROGRAMS}:{os.environ['PATH']}:/usr/sbin",
            "LATCHWIRE_STATE": str(self.state),
            "BROKER_PORT": str(port),
            "X_API_BASE": x.base,
            "X_BEARER_TOKEN": BEARER,
        }
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        subprocess.run(["latchwire", "init"], env=self.environment, check=True, capture_output=True, cwd=TOP)

    def run(self, name: str, *command: str, **variables: str) -> None:
        with (self.folder / f"{name}.log").open("ab") as log:
            self.running[name] = subprocess.Popen(
                command, env=self.environment | variables, cwd=TOP, stdout=log, stderr=log
            )

    def log(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text()

    def wait_for(self, name: str, words: str, *, times: int = 1, seconds: float = 20) -> None:
        until = time.monotonic() + seconds
        while len(re.findall(words, self.log(name))) < times:
            assert time.monotonic() < until, f"{words!r} is not in the log of {name}:\n{self.log(name)}"
            time.sleep(0.02)

    def end(self, name: str) -> float:
        """Ends a program; the seconds that it took."""
        process = self.running.pop(name)
        begun = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) in {0, -signal.SIGTERM}
        return time.monotonic() - begun


Listen = Callable[..., None]


@pytest.fixture
def x() -> Iterator[FakeX]:
    with FakeX(accounts={"101": "example_john", "102": "example_jane"}) as fake:
        yield fake


@pytest.fixture
def house(tmp_path: Path, x: FakeX) -> Iterator[House]:
    made = House(folder=tmp_path, x=x)
    made.run("broker", "scripts/broker")
    made.run("relay", "latchwire-relay-agent")
    made.wait_for("relay", "ready for commands")
    yield made
    for name in list(made.running):
        made.end(name)


@pytest.fixture
def listener(house: House, x: FakeX) -> Listen:
    """Starts the listener and waits until it hears."""

    def begin() -> None:
        started = house.log("x").count("Listening to X") if (house.folder / "x.log").exists() else 0
        house.run("x", "latchwire-twitter-listener")
        house.wait_for("x", "Listening to X", times=started + 1)
        house.wait_for("x", "ready to ask", times=started + 1)
        x.wait_for_stream()
        until = time.monotonic() + 10
        while not any("example_john" in rule["value"] for rule in x.rules.values()):
            assert time.monotonic() < until
            time.sleep(0.02)

    return begin


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
