"""A newer version takes over what the first one left, and an older one says what it does not know.

``state-0.1.0.tar.gz`` is a state folder that version 0.1.0 made and worked with (``latchwire init``, one WhatsApp
message, all services ended), and in ``heard.json`` that message as Twilio signed it. It holds a demo's keys alone.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.broker import TOP
from support.installation import Installation

OLD = TOP / "tests/upgrade/state-0.1.0.tar.gz"
JOHN = "+15555550100"

pytestmark = pytest.mark.skipif(
    shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin") is None,
    reason="mosquitto is not installed: apt-get install mosquitto",
)


@pytest.fixture
def old(tmp_path: Path) -> Iterator[Installation]:
    """A state folder of version 0.1.0 under this version's programs; nothing runs yet."""
    subprocess.run(["tar", "-xzf", OLD, "-C", tmp_path], check=True)
    found = Installation(folder=tmp_path, made=True)
    yield found
    found.close()


def test_a_state_folder_of_the_first_release_works_on_with_its_keys_its_logins_and_its_memory(
    old: Installation,
) -> None:
    kept = [path for name in ("keys", "logins", "config/config.json", ".env") for path in of(old, name)]
    before = {path: path.read_bytes() for path in kept}
    old.latchwire("init")
    assert {path: path.read_bytes() for path in kept} == before, "what is a person's is never overwritten"
    assert "All is well" in old.latchwire("check")
    old.start_broker()
    old.start("relay-agent", "magiq-bridge", "whatsapp-webhook", "twitter-listener")
    assert "ac is ON" in old.latchwire("send", "ac", "on")

    heard = json.loads((old.folder / "heard.json").read_text())
    assert old.post(heard["fields"], heard["headers"]).startswith("Done"), "its first answer, from the old memory"
    old.wait_for("whatsapp-webhook", "The same message came again; nothing was done again")
    assert "front-door is LOCKED" in old.latchwire("send", "front-door", "status")
    assert old.whatsapp("unlock the front door", JOHN).startswith("Done")
    assert "connected" in old.latchwire("status"), "and its exit status says that nothing is wrong"


def of(installation: Installation, name: str) -> list[Path]:
    """A file, or all files of a folder."""
    path = installation.places.state / name
    return sorted(path.iterdir()) if path.is_dir() else [path]


@pytest.mark.parametrize(
    ("place", "told"),
    [(("people", "john"), "people.john"), (("devices", "front-door"), "devices.front-door"), ((), "config.json")],
    ids=["person", "device", "top"],
)
def test_what_a_newer_version_wrote_is_told_by_its_place_and_nothing_is_guessed(
    old: Installation, place: tuple[str, ...], told: str
) -> None:
    document = json.loads(old.places.config.read_text())
    part = document
    for name in place:
        part = part[name]
    part["fromTheFuture"] = True
    old.places.config.write_text(json.dumps(document))
    said = old.latchwire("check", status=1)
    assert told in said
    assert "fromTheFuture" in said
    done = subprocess.run(
        ["latchwire-relay-agent", "--check"], env=old.environment, check=False, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert "fromTheFuture" in done.stdout, "a service does not start with half of what was meant"
