"""``latchwire ready``, which ends ``make run``'s start: what it says is there can be spoken to at once."""

import copy
import re
from collections.abc import Callable
from typing import Any

import pytest

from latchwire.kit.ingress import Ingress, make
from support.broker import wait_until
from support.handlers import Bolt, Lamp
from support.home import CONFIG, Home

DOCUMENT: dict[str, Any] = {**copy.deepcopy(dict(CONFIG)), "ingresses": {"keypad": {}}, "observers": {"diary": {}}}


class Keypad:
    """Hears nothing, but it is there."""

    def __init__(self, ingress: Ingress) -> None:
        self._ingress = ingress

    def listen(self) -> None:
        """Until the end."""
        self._ingress.stopping.wait()


@pytest.fixture
def home(make_home: Callable[..., Home]) -> Home:
    made = make_home(document=DOCUMENT)
    made.actuator({"front-door": Bolt(), "lamp": Lamp()})
    return made


def test_services_of_ones_own_are_waited_for_too(home: Home) -> None:
    ready = home.run("-m", "latchwire.cli.main", "ready", "--once")
    wait_until(lambda: re.search(r"as observer-\w+ ", home.broker.log) is not None, "it looks who is there")
    assert ready.poll() is None
    variables = {"BROKER_PORT": str(home.broker.port)}
    keypad = make(Keypad, issuer="keypad", name="keypad", places=home.places, variables=variables)
    diary = home.wire("diary")
    keypad.start()
    diary.publish("latchwire/diary/availability", b"online", retained=True)
    said, _ = ready.communicate(timeout=30)
    keypad.stop()
    diary.close()
    assert ready.returncode == 0
    assert "Latchwire runs." in said
    assert "is not there yet" not in said


def test_who_does_not_come_is_named(home: Home) -> None:
    done = home.latchwire("ready", "--once")
    assert done.returncode == 1
    assert "keypad is not there yet" in done.stdout
    assert "diary is not there yet" in done.stdout
    assert "omega is not there yet" not in done.stdout
