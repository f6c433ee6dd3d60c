"""The device alone, and the whole service on a real broker: a signed command, and the receipt of what was read back."""

from collections.abc import Callable
from pathlib import Path

import pytest

from latchwire import topics
from latchwire.errors import ActionError, ConfigurationError
from latchwire.kit.testing import device
from latchwire.model import Cause, Kind, State
from latchwire.sender import Ending
from latchwire_my_actuator.main import MyActuator
from support.home import Home


@pytest.fixture
def switch(tmp_path: Path) -> MyActuator:
    return MyActuator(device("my-actuator-device", folder=tmp_path))


def test_it_says_what_it_reads_and_not_what_was_asked_for(switch: MyActuator, tmp_path: Path) -> None:
    assert switch.on() is State.ON
    (tmp_path / "my-actuator-device.txt").write_text("off")  # somebody was there
    assert switch.status() is State.OFF


def test_what_it_cannot_read_is_no_state(switch: MyActuator, tmp_path: Path) -> None:
    (tmp_path / "my-actuator-device.txt").write_text("broken")
    with pytest.raises(ActionError) as error:
        switch.status()
    assert error.value.cause is Cause.BAD_ANSWER


def test_it_works_no_lock(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="kind"):
        MyActuator(device("my-actuator-device", folder=tmp_path, kind=Kind.LOCK))


def test_a_signed_command_is_done_and_its_receipt_says_what_was_read(make_home: Callable[..., Home]) -> None:
    home = make_home(
        document={
            "agents": {"my-actuator": {"type": "my-actuator", "runs": "here"}},
            "devices": {"my-actuator-device": {"agent": "my-actuator", "kind": "switch"}},
            "people": {"owner": {"manual": True, "may": "*"}},
        }
    )
    wire = home.wire()
    home.run("-m", "latchwire_my_actuator")
    wire.wait_for(topics.state("my-actuator", "my-actuator-device"), seconds=30)
    answer = home.sender().ask(agent="my-actuator", device="my-actuator-device", action="on", sub="manual:test")
    assert (answer.ending, answer.state) == (Ending.DONE, State.ON)
    assert (home.places.run / "my-actuator-device.txt").read_text() == "on"
