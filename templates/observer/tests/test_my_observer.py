"""The whole service on a real broker: what somebody did is written down, by name."""

from collections.abc import Callable

from latchwire import topics
from latchwire.sender import Ending
from support.broker import wait_until
from support.handlers import Bolt, Lamp
from support.home import CONFIG, Home


def test_who_did_what_is_written_down(make_home: Callable[..., Home]) -> None:
    home = make_home(document={**CONFIG, "observers": {"my-observer": {}}})
    home.actuator({"front-door": Bolt(), "lamp": Lamp()})
    wire = home.wire()
    home.run("-m", "latchwire_my_observer")
    wire.wait_for(topics.availability("my-observer"), lambda heard: heard.payload == b"online", 30)
    answer = home.sender().ask(agent="omega", device="lamp", action="on", sub="manual:test")
    assert answer.ending is Ending.DONE
    file = home.places.data / "my-observer.txt"
    wait_until(lambda: file.exists() and "owner: lamp on, done" in file.read_text(), "it is written")
