"""Keys change while people go on: ``latchwire rotate`` with real programs, killed after each step, and agents away."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Self

import pytest

from latchwire import topics
from latchwire.protocol.claims import Command
from latchwire.protocol.keys import Key, parse_keyring
from latchwire.protocol.token import COMMAND, sign, split
from support.broker import TOP, wait_until
from support.house import crowd, example
from support.installation import Installation
from support.wire import Wire

KILLED_AFTER_A_WRITE = """
import os, signal, sys
from latchwire.cli.files import Writer
from latchwire.cli.main import main
whole = Writer.replace
def replace(writer, path, text):
    if whole(writer, path, text):
        print("WROTE", path.name, flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
    return False
Writer.replace = replace
sys.exit(main())
"""
SOMETHING_REMAINS = 3
NO_HARDWARE = "The agent lacks credentials or hardware."
"""What this device without relays says in its signed receipts."""

pytestmark = pytest.mark.skipif(
    shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin") is None,
    reason="mosquitto is not installed: apt-get install mosquitto",
)


def quick(**omega: object) -> dict[str, Any]:
    """The demo with nonces that live for five seconds, so that nothing is under way for long."""
    document = example()
    for agent in document["agents"].values():
        agent["lifetime"] = 5
    document["agents"]["omega"] |= omega
    return document


class Talk:
    """Many people who work the door and the light by WhatsApp, one after the other, all the time."""

    def __init__(self, installation: Installation, numbers: list[str]) -> None:
        self._installation, self._numbers = installation, numbers
        self.answers: list[str] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        texts = ("unlock the front door", "lock the front door")
        while not self._over.wait(0.1):
            count = len(self.answers)
            sender = self._numbers[count % len(self._numbers)]
            self.answers.append(self._installation.whatsapp(texts[count % 2], sender))

    @property
    def not_done(self) -> list[str]:
        return [answer for answer in self.answers if not answer.startswith(("Done", "Already"))]


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[Installation]:
    """The demo at work, with a telephone for each of many people."""
    document = quick()
    crowd(document, 60)
    with closing(Installation(folder=tmp_path / "here", document=document)) as made:
        made.start_broker()
        made.start("relay-agent", "magiq-bridge", "whatsapp-webhook")
        yield made


@pytest.fixture
def observer(installation: Installation) -> Iterator[Wire]:
    wire = installation.wire()
    yield wire
    wire.close()


def alerts(wire: Wire, cause: str) -> list[dict[str, Any]]:
    found = [json.loads(heard.payload) for heard in wire.messages if heard.topic.endswith("/alert")]
    return [alert for alert in found if alert["cause"] == cause]


def signed_with(wire: Wire) -> list[str]:
    return [split(heard.payload).header.kid for heard in wire.commands()]


def forged(wire: Wire, key: Key) -> str:
    """What somebody who has copied a key would publish: right in all but that the key was replaced."""
    nonce = json.loads(wire.on(topics.nonce(key.agent))[-1].payload)["nonce"]
    who = f"{key.issuer}:+15555550100"
    command = Command(key.issuer, who, f"{key.agent}/front-door", "unlock", os.urandom(16).hex(), nonce, 10, 0)
    return sign(command.to_claims(), typ=COMMAND, kid=key.kid, secret=key.secret)


def test_not_one_is_refused_though_the_rotation_is_killed_after_each_file_that_it_writes(
    installation: Installation, observer: Wire
) -> None:
    numbers = [f"+1555555{150 + number:04d}" for number in range(60)]
    old = installation.keys("whatsapp")
    written: list[str] = []
    installation.run("watch", "latchwire", "watch")
    installation.wait_for("watch", "Watching")
    with Talk(installation, numbers) as talk:
        wait_until(lambda: len(talk.answers) > 3, "people speak")
        while True:
            done = subprocess.run(
                [sys.executable, "-c", KILLED_AFTER_A_WRITE, "rotate", "whatsapp"], env=installation.environment,
                cwd=TOP, check=False, capture_output=True, text=True, timeout=90,
            )  # fmt: skip
            written += re.findall("WROTE (.*)", done.stdout)
            before = len(talk.answers)
            wait_until(lambda: len(talk.answers) > before + 2, "people are answered")  # noqa: B023  # waited for here
            if done.returncode != -signal.SIGKILL:
                break
        assert done.returncode == 0, done.stdout + done.stderr
    assert written == [
        "rotations.json", "omega", "magiq", *written[3:5], "rotations.json", "omega", "magiq", "whatsapp"
    ]  # fmt: skip
    assert written[3:5] == ["whatsapp", "whatsapp"]
    assert "Finished: whatsapp has new keys" in done.stdout
    assert talk.not_done == []
    assert len(talk.answers) > 100
    kids = signed_with(observer)
    assert {"whatsapp/1", "whatsapp/2"} <= set(kids)
    assert alerts(observer, "unknown-key") == [], "no agent ever met a key that it did not have yet"
    assert installation.kids("whatsapp") == ["whatsapp/2 magiq", "whatsapp/2 omega"]
    assert installation.kids("omega") == ["manual/1 omega", "twitter/1 omega", "whatsapp/2 omega"]
    assert installation.log("relay-agent").count("Starting.") == 1, "it is the same agent all the time"

    (stolen,) = [key for key in old if key.agent == "omega"]
    observer.messages.clear()
    thief = installation.wire("twitter")
    try:
        wait_until(lambda: bool(thief.on(topics.nonce("omega"))), "the nonce is heard")
        thief.publish(topics.command("omega", "front-door"), forged(thief, stolen))
        wait_until(lambda: bool(alerts(observer, "unknown-key")), "the copied key is told of")
    finally:
        thief.close()
    installation.wait_for("watch", "unknown-key")
    seen = installation.log("watch")
    assert seen.count("NOT VERIFIED") == 1, "what is signed with new keys is verified by a watch from before them"
    assert not [heard for heard in observer.messages if "/receipt/" in heard.topic]
    assert "All is well" in installation.latchwire("check")


def test_an_agent_that_is_away_keeps_its_old_key_until_it_has_the_new_bundle(tmp_path: Path) -> None:
    document = quick(runs="elsewhere")
    document["agents"] = {"omega": document["agents"]["omega"]}
    document["devices"] = {"front-door": document["devices"]["front-door"]}
    for person in ("john", "jane"):
        del document["people"][person]
    installation = Installation(folder=tmp_path / "here", document=document, tls=True)
    try:
        installation.start_broker()
        keyring = installation.device("omega") / "keyring"
        stolen = parse_keyring(keyring.read_text())

        said = installation.latchwire("rotate", "manual", status=SOMETHING_REMAINS)
        assert "omega was not proved to take its new key" in said
        assert "  ./latchwire bundle omega\n" in said
        assert "  ./latchwire rotate manual\n" in said
        assert installation.kids("manual") == ["manual/1 omega"]
        assert "omega: its hardware holds an older configuration or older keys" in installation.latchwire(
            "check", status=1
        )
        installation.start_device("omega")  # it was switched off: it has the old bundle, and is asked with the old key
        assert NO_HARDWARE in installation.latchwire("send", "front-door", "status", status=4)
        assert "manual: its new keys, generation 2, are not in force everywhere (waiting for: omega)" in (
            installation.latchwire("status", status=0)
        )

        installation.device("omega")
        wait_until(lambda: "New keys" in installation.log("omega"), "the device takes them without a restart", 15)
        said = installation.latchwire("rotate", "manual", status=SOMETHING_REMAINS)
        assert "omega takes its new key" in said
        assert "The old keys toward omega are gone here." in said
        assert "omega may still obey the OLD key of manual: take its new bundle there" in said
        assert "it still takes keys that were replaced: manual/1" in installation.latchwire("status", status=1)
        assert NO_HARDWARE in installation.latchwire("send", "front-door", "status", status=4)

        installation.device("omega")
        wait_until(lambda: installation.log("omega").count("New keys") == 2, "the old key has left it", 15)
        assert "Finished" in installation.latchwire("rotate", "manual")
        assert installation.log("omega").count("Starting.") == 1
        assert [key.kid for key in parse_keyring(keyring.read_text()) if key.issuer == "manual"] == ["manual/2"]

        thief, old = installation.wire("manual"), stolen.find("manual/1", "omega")
        assert old is not None
        try:
            wait_until(lambda: bool(thief.on(topics.nonce("omega"))), "the nonce is heard")
            thief.publish(topics.command("omega", "front-door"), forged(thief, old))
        finally:
            thief.close()
        installation.wait_for("omega", "unknown-key")
        assert NO_HARDWARE in installation.latchwire("send", "front-door", "status", status=4)
    finally:
        installation.close()


def test_after_a_theft_the_old_keys_and_the_old_password_are_worth_nothing_at_once(
    installation: Installation, observer: Wire
) -> None:
    old, password = installation.keys("whatsapp"), installation.places.password("whatsapp")
    said = installation.latchwire("rotate", "whatsapp", "--now")
    assert "Finished" in said
    assert "whatsapp has a new password at the broker" in said
    installation.wait_for("whatsapp-webhook", "Connected, and ready to ask", times=2)
    (stolen,) = [key for key in old if key.agent == "omega"]
    thief = installation.wire("twitter")
    try:
        wait_until(lambda: bool(thief.on(topics.nonce("omega"))), "the nonce is heard")
        thief.publish(topics.command("omega", "front-door"), forged(thief, stolen))
        wait_until(lambda: bool(alerts(observer, "unknown-key")), "the copied key is told of")
    finally:
        thief.close()
    assert refused(installation, "whatsapp", password)
    assert not refused(installation, "whatsapp", installation.places.password("whatsapp"))
    assert installation.whatsapp("unlock the front door", "+15555550150").startswith("Done")
    again = installation.latchwire("rotate", "whatsapp", "--now")
    assert "generation 3" in again, "who says it after another theft gets new keys again"


def test_a_new_password_alone_costs_no_command_but_one_that_is_under_way(installation: Installation) -> None:
    numbers = [f"+1555555{150 + number:04d}" for number in range(60)]
    password = installation.places.password("whatsapp")
    with Talk(installation, numbers) as talk:
        said = installation.latchwire("rotate", "whatsapp", "--login")
        installation.wait_for("whatsapp-webhook", "Connected, and ready to ask", times=2)
        before = len(talk.answers)
        wait_until(lambda: len(talk.answers) > before + 3, "people are answered")
    assert "Finished" in said
    assert len(talk.not_done) <= 1
    assert all("no answer came yet" in answer for answer in talk.not_done)
    assert refused(installation, "whatsapp", password)


def test_manual_and_its_options_for_mosquitto_pub_get_the_new_password(installation: Installation) -> None:
    assert "Finished" in installation.latchwire("rotate", "manual", "--now")
    options = (installation.places.mosquitto / "mosquitto_pub").read_text()
    assert f"-P {installation.places.password('manual')}\n" in options
    assert "UNLOCKED" in installation.latchwire("send", "front-door", "unlock")


def test_without_a_broker_nothing_is_put_in_force_and_nothing_is_lost(tmp_path: Path) -> None:
    installation = Installation(folder=tmp_path / "here", document=quick())
    said = installation.latchwire("rotate", "twitter", status=SOMETHING_REMAINS)
    assert "The broker cannot be asked" in said
    assert installation.kids("twitter") == ["twitter/1 magiq", "twitter/1 omega"]
    assert "nothing was missing" in installation.latchwire("init").lower(), "init leaves a rotation alone"
    assert "not in force everywhere (waiting for: omega, magiq)" in installation.latchwire("check")


@pytest.mark.parametrize(
    ("name", "cure"),
    [("omega", "./latchwire revoke omega"), ("whatsap", 'did you mean "whatsapp"?'), ("nobody", "you have: manual")],
)
def test_a_name_that_is_no_issuer_is_told_with_what_was_meant(tmp_path: Path, name: str, cure: str) -> None:
    assert cure in Installation(folder=tmp_path / "here").latchwire("rotate", name, status=1)


def refused(installation: Installation, login: str, password: str) -> bool:
    """Whether the broker refuses that login."""
    host, port = "127.0.0.1", installation.environment["BROKER_PORT"]
    words = ["mosquitto_pub", "-h", host, "-p", port, "-u", login, "-P", password, "-t", "latchwire/self-test/nonce"]
    return subprocess.run([*words, "-m", "x"], check=False, capture_output=True, timeout=20).returncode == 5
