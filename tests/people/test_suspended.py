"""A line in config.json stops a person at once, on every channel: WhatsApp, X and the shell, and what waits."""

import json
import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from support.installation import Installation
from support.post_house import House
from support.x_api import FakeX

JOHN, JANE = "+15555550100", "+15555550101"

pytestmark = pytest.mark.skipif(
    shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin") is None,
    reason="mosquitto is not installed: apt-get install mosquitto",
)


def suspend(config: Path, person: str, *, suspended: bool = True) -> None:
    """Saves the line as an editor does: whole, by renaming."""
    document = json.loads(config.read_text())
    document["people"][person]["suspended"] = suspended
    new = config.with_suffix(".new")
    new.write_text(json.dumps(document, indent=2))
    new.replace(config)


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[Installation]:
    with closing(Installation(folder=tmp_path / "here")) as made:
        made.start_broker()
        made.start("relay-agent", "whatsapp-webhook")
        yield made


def test_on_whatsapp_and_in_the_shell_the_very_next_word_is_refused_and_others_go_on(
    installation: Installation,
) -> None:
    config = installation.places.config
    assert installation.whatsapp("unlock the front door", JOHN).startswith("Done")
    suspend(config, "john")
    nothing = "There is nothing here that you may use at present."
    assert installation.whatsapp("lock the front door", JOHN).startswith(nothing)
    assert installation.whatsapp("status", JOHN).startswith(nothing)
    assert "UNLOCKED" in installation.latchwire("send", "front-door", "status")
    assert installation.whatsapp("lock the front door", JANE).startswith("Done"), "nobody else notices"

    suspend(config, "owner")
    assert "owner is suspended" in installation.latchwire("send", "front-door", "unlock", "--json", status=3)
    assert "REFUSED" in installation.latchwire("sign", "front-door", "unlock", status=3).upper()
    assert installation.log("relay-agent").count("UNLOCKED") == 1

    suspend(config, "john", suspended=False)
    assert installation.whatsapp("unlock the front door", JOHN).startswith("Done"), "and back at once"


def test_on_x_a_post_that_waits_its_turn_is_refused_too(tmp_path: Path) -> None:
    with (
        FakeX(accounts={"101": "example_john", "102": "example_jane"}) as x,
        House(folder=tmp_path, x=x) as house,
    ):
        house.listen(x, "example_john")
        config = house.state / "config" / "config.json"
        house.running["relay"].send_signal(signal.SIGSTOP)
        x.post("101", "#unlock")
        house.wait_for("x", "A post asks for an action.*action=unlock")
        x.post("101", "#toggle")  # it waits for its turn: one post at a time for each device
        suspend(config, "john")
        house.running["relay"].send_signal(signal.SIGCONT)
        house.wait_for("relay", "action=unlock who=twitter:101 .*outcome=done")  # it was signed before
        house.wait_for("x", "Not allowed: john is suspended.*action=toggle")
        x.post("101", "#toggle now")
        house.wait_for("x", "Not allowed: john is suspended.*action=toggle", times=2)
        x.post("102", "#lock")
        house.wait_for("relay", "action=lock who=twitter:102 .*outcome=done")
        assert "action=toggle" not in house.log("relay")
