"""A stolen Omega is shut out while everybody else goes on: the real programs, a real broker, TLS."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from latchwire.cli.authority import read_certificate
from latchwire.protocol.keys import Keyring, parse_keyring
from support.broker import HOST, TOP, free_port

PROGRAMS = Path(sys.executable).parent


class House:
    """A state folder, a broker with TLS, and agents with bundles: omega, simulated, and magiq beside the broker."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.folder, self.state = folder, folder / "state"
        self.environment = {
            "PATH": f"{PROGRAMS}:{os.environ['PATH']}:/usr/sbin",
            "LATCHWIRE_STATE": str(self.state),
            "BROKER_PORT": str(free_port()),
            "BROKER_TLS_PORT": str(free_port()),
        }
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        self.latchwire("init", "--tls", HOST, *options)

    def latchwire(self, *words: str, status: int = 0) -> str:
        done = subprocess.run(
            ["latchwire", *words], env=self.environment, cwd=TOP, check=False, capture_output=True, text=True
        )
        assert done.returncode == status, done.stdout + done.stderr
        return done.stdout + done.stderr

    def run(self, name: str, *command: str, **variables: str) -> None:
        with (self.folder / f"{name}.log").open("ab") as log:
            self.running[name] = subprocess.Popen(
                command, env=self.environment | variables, cwd=TOP, stdout=log, stderr=log
            )

    def device(self, name: str) -> Path:
        """Unpacks omega's bundle on a device and starts it there."""
        self.latchwire("bundle", "omega")
        device = self.folder / name
        device.mkdir()
        subprocess.run(["tar", "-xzf", self.state / "bundles/omega.tar.gz", "-C", device], check=True)
        self.start_device(name)
        return device / "relay-agent"

    def start_device(self, name: str) -> None:
        bundle, run = str(self.folder / name / "relay-agent"), str(self.folder / name / "run")
        self.run(name, "latchwire-relay-agent", "--bundle", bundle, LATCHWIRE_STATE="/nowhere", LATCHWIRE_RUN=run)

    def log(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text()

    def wait_for(self, name: str, words: str, *, times: int = 1) -> None:
        until = time.monotonic() + 20
        while len(re.findall(words, self.log(name))) < times:
            assert time.monotonic() < until, f"{words!r} is not in the log of {name}:\n{self.log(name)}"
            time.sleep(0.02)

    def end(self, name: str) -> None:
        process = self.running.pop(name)
        process.send_signal(signal.SIGTERM)
        process.wait(10)


pytestmark = pytest.mark.skipif(
    shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin") is None,
    reason="mosquitto is not installed: apt-get install mosquitto",
)


@pytest.fixture(params=[(), ("--certificates",)], ids=["passwords", "certificates"])
def house(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[House]:
    made = House(tmp_path, *request.param)
    made.run("broker", "scripts/broker")
    made.run("magiq", "latchwire-magiq-bridge")
    yield made
    for name in list(made.running):
        made.end(name)


def test_a_stolen_agent_is_shut_out_and_the_others_notice_nothing(house: House) -> None:
    stolen = house.device("stolen")
    house.wait_for("stolen", "ready for commands")
    house.wait_for("magiq", "ready for commands")
    assert "front-door is UNLOCKED" in house.latchwire("send", "front-door", "unlock")

    told = house.latchwire("revoke", "omega")
    assert "The running broker reads" in told
    by_certificate = (house.state / "tls/omega.pem").exists()
    assert ("Restart it" in told) is by_certificate, "Mosquitto looks at a certificate when it connects, and not after"
    if by_certificate:
        house.end("broker")
        house.run("broker", "scripts/broker")
    house.wait_for("stolen", "The broker is away")
    house.end("stolen")
    house.start_device("stolen")
    house.wait_for("stolen", "The broker is away", times=2)
    assert house.log("stolen").count("ready for commands") == 1
    assert "Nobody is listening" in house.latchwire("send", "front-door", "lock", status=5)

    # Whoever carries its old receipts to an issuer is not believed: no issuer knows the keys any more.
    old = parse_keyring((stolen / "keyring").read_text())
    for issuer in ("manual", "whatsapp", "twitter"):
        held = Keyring(parse_keyring((house.state / "keys" / issuer).read_text()))
        assert [key for key in old if held.find(key.kid, "omega")] == []
        assert held.signing(issuer, "omega") is not None

    # And the others went on, on the very connection that they had.
    house.wait_for("magiq", "ready for commands", times=2 if by_certificate else 1)
    assert "ac is ON" in house.latchwire("send", "ac", "on")
    assert ("The broker is away" in house.log("magiq")) is by_certificate

    house.device("new")
    house.wait_for("new", "ready for commands")
    assert "front-door is LOCKED" in house.latchwire("send", "front-door", "lock")


def test_a_renewed_certificate_is_served_without_a_restart(house: House) -> None:
    house.device("omega")
    house.wait_for("omega", "ready for commands")
    before = served(house)
    assert "The running broker reads broker/broker.pem again." in house.latchwire("init", "--tls", "--renew")
    assert served(house) != before
    assert served(house) == read_certificate((house.state / "tls/broker.pem").read_text(), "it").serial_number
    assert house.log("omega").count("ready for commands") == 1, "connections go on"
    house.end("omega")
    house.start_device("omega")
    house.wait_for("omega", "ready for commands", times=2)


def test_the_agent_with_a_bundle_needs_no_schema_library_and_no_state_folder(house: House) -> None:
    house.device("omega")
    house.wait_for("omega", "ready for commands")
    loaded = subprocess.run(
        ["latchwire-relay-agent", "--bundle", house.folder / "omega/relay-agent", "--check"],
        env={"PATH": house.environment["PATH"], "PYTHONPROFILEIMPORTTIME": "1"},
        cwd=house.folder, check=True, capture_output=True, text=True,
    )  # fmt: skip
    assert "agent omega" in loaded.stdout
    modules = {line.rpartition("|")[2].strip() for line in loaded.stderr.splitlines()}
    assert not modules & {"jsonschema", "dataclasses", "cryptography", "referencing"}


def test_status_tells_of_the_certificate(house: House) -> None:
    house.device("omega")
    house.wait_for("omega", "ready for commands")
    document = json.loads(house.latchwire("status", "--json"))
    assert document["broker"]["certificate"]["names"] == [HOST]
    about = json.loads((house.state / "tls/broker.json").read_text())
    soon = about | {"until": int(time.time()) + 30 * 86400}
    (house.state / "tls/broker.json").write_text(json.dumps(soon))
    assert "The broker's certificate ends on" in house.latchwire("status")


def served(house: House) -> int:
    """The serial number of the certificate that the broker shows now."""
    port = house.environment["BROKER_TLS_PORT"]
    shown = subprocess.run(
        ["openssl", "s_client", "-connect", f"{HOST}:{port}"], stdin=subprocess.DEVNULL, check=False,
        capture_output=True, text=True,
    )  # fmt: skip
    begin = shown.stdout.index("-----BEGIN CERTIFICATE-----")
    return read_certificate(shown.stdout[begin:], "what it shows").serial_number
