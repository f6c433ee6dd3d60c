"""A backup is made, the machine lost, the backup restored: all works, and nothing old acts (docs/operating.md)."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from latchwire import topics
from latchwire_whatsapp_webhook.say import form, signed
from support.broker import wait_until
from support.installation import PUBLIC, TOKEN, Installation

JOHN = "+15555550100"
UNLOCK = "unlock the front door"

pytestmark = pytest.mark.skipif(
    shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin") is None,
    reason="mosquitto is not installed: apt-get install mosquitto",
)


class Request(NamedTuple):
    """A signed request of Twilio's, as somebody on the way could have kept it."""

    fields: dict[str, str]
    headers: dict[str, str]


class Lost(NamedTuple):
    """What is left of a machine: its backup, and what a thief has kept from before and after it was made."""

    backup: Path
    before: Request
    after: Request
    command: bytes


def request(text: str) -> Request:
    fields = form(text, sender=JOHN)
    return Request(dict(fields), dict(signed(fields, url=f"{PUBLIC}/whatsapp", token=TOKEN)))


def services(installation: Installation) -> None:
    installation.start_broker()
    installation.start("relay-agent", "magiq-bridge", "whatsapp-webhook")


@pytest.fixture
def lost(tmp_path: Path) -> Lost:
    """A machine that worked, was backed up, worked on, and burned."""
    machine = Installation(folder=tmp_path / "first")
    before, after, backup = request(UNLOCK), request(UNLOCK), tmp_path / "latchwire.tar.gz"
    try:
        services(machine)
        wire = machine.wire()
        assert machine.post(*before).startswith("Done")
        command = wire.wait_for(topics.command("omega", "front-door")).payload
        assert machine.whatsapp("lock the front door", JOHN).startswith("Done")
        machine.close()
        line = f"umask 077 && tar -czf {backup} --exclude=state/run state"
        subprocess.run(["sh", "-c", line], cwd=machine.folder, check=True)
        assert backup.stat().st_mode & 0o077 == 0
        machine.start_broker()
        machine.start("relay-agent", "whatsapp-webhook")
        assert machine.post(*after).startswith("Done")
        wire.close()
    finally:
        machine.close()
    shutil.rmtree(machine.folder)
    return Lost(backup, before, after, command)


@pytest.fixture
def restored(lost: Lost, tmp_path: Path) -> Iterator[Installation]:
    """The backup in an empty folder, and ``latchwire init`` as every start says it; nothing runs yet."""
    folder = tmp_path / "second"
    folder.mkdir()
    subprocess.run(["tar", "-xzf", lost.backup], cwd=folder, check=True)
    machine = Installation(folder=folder, made=True)
    machine.latchwire("init")
    yield machine
    machine.close()


def test_all_works_again_and_nothing_from_before_the_backup_is_obeyed(lost: Lost, restored: Installation) -> None:
    assert "All is well" in restored.latchwire("check")
    services(restored)
    assert "LOCKED" in restored.latchwire("send", "front-door", "lock")
    assert "ac is ON" in restored.latchwire("send", "ac", "on")

    thief = restored.wire("twitter")
    thief.publish(topics.command("omega", "front-door"), lost.command)
    restored.wait_for("relay-agent", "action=unlock .*outcome=refused .*cause=unknown-nonce")
    thief.close()
    assert restored.post(*lost.before).startswith("Done"), "the first answer again, and nothing is done"
    restored.wait_for("whatsapp-webhook", "The same message came again; nothing was done again")
    assert "front-door is LOCKED" in restored.latchwire("send", "front-door", "status")

    # A request that came after the backup is new to it. This is why docs/operating.md says to change the token first.
    assert restored.post(*lost.after).startswith("Done: the front door is unlocked")
    restored.latchwire("send", "front-door", "lock")
    restored.end("whatsapp-webhook")
    restored.environment["TWILIO_AUTH_TOKEN"] = "demo-another-token"
    restored.start("whatsapp-webhook")
    for kept in (lost.before, lost.after, request(UNLOCK)):
        assert restored.post(*kept) == "403"
    assert "front-door is LOCKED" in restored.latchwire("send", "front-door", "status")


def test_after_the_theft_of_a_backup_every_key_and_password_in_it_is_replaced_by_three_lines(
    lost: Lost, restored: Installation
) -> None:
    places = restored.places
    before = {path: path.read_text() for name in ("keys", "logins") for path in (places.state / name).iterdir()}
    services(restored)
    subprocess.run(["rm", "-r", "state/keys", "state/logins"], cwd=restored.folder, check=True)
    assert lost.backup.exists()
    assert "The running broker reads" in restored.latchwire("init")
    for path, text in before.items():
        assert path.read_text() != text
        assert not set(text.split()) & {word for word in path.read_text().split() if len(word) > 30}
    for name in ("relay-agent", "magiq-bridge", "whatsapp-webhook"):
        restored.wait_for(name, "New keys or a new password are in force")
    restored.wait_for("whatsapp-webhook", "ready to ask", times=2)
    restored.wait_for("relay-agent", "ready for commands", times=2)
    wait_until(lambda: "outcome=done" in restored.log("relay-agent") or speak(restored), "it works again", 20)
    assert "All is well" in restored.latchwire("check")


def speak(machine: Installation) -> bool:
    return machine.whatsapp("lock the front door", JOHN).startswith(("Done", "Already"))
