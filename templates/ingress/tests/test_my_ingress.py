"""The whole service on a real broker: somebody says a line, and a device does it if they may."""

from collections.abc import Callable
from pathlib import Path

from latchwire.model import State
from support.broker import wait_until
from support.handlers import Bolt, Lamp
from support.home import CONFIG, Home

DOCUMENT = {
    **CONFIG,
    "ingresses": {"my-ingress": {}},
    "people": {"anna": {"identities": ["my-ingress:1234"], "may": {"lamp": ["on"]}}},
}


def test_who_may_is_obeyed_and_who_may_not_is_told_so(make_home: Callable[..., Home], tmp_path: Path) -> None:
    home = make_home(document=DOCUMENT)
    lamp = Lamp()
    home.actuator({"front-door": Bolt(), "lamp": lamp})
    log = tmp_path / "log"
    with log.open("w") as file:
        home.run("-m", "latchwire_my_ingress", stdout=file)
    wait_until(lambda: "ready to ask" in log.read_text(), "the service is there", 30)
    pipe = home.places.run / "my-ingress.pipe"
    pipe.write_text("9999 lamp on\n")
    wait_until(lambda: "This is not allowed." in log.read_text(), "it is told")
    assert lamp.status() is State.OFF
    pipe.write_text("1234 lamp on\n")
    wait_until(lambda: "lamp is on now." in log.read_text(), "it is told")
    assert lamp.status() is State.ON
