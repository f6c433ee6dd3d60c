"""The whole service on a real broker, with the real kits at both ends: words in, a lock moved, a receipt told."""

import json
import os
import secrets
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from latchwire.actuator import About, Actuator
from latchwire.config.agent import parse_agent
from latchwire.config.home import agent_extract
from latchwire.config.loading import load
from latchwire.config.places import Places
from latchwire.errors import ConfigurationError
from latchwire.kit.ingress import make
from latchwire.model import State
from latchwire.service.frame import Running
from latchwire.service.home import endpoint, login
from latchwire_whatsapp_webhook.main import Webhook
from latchwire_whatsapp_webhook.say import main as say
from support.broker import TOP, Broker, free_port, wait_until

JOHN = "+15555550100"


class Lock:
    """A lock in memory."""

    simulated = True

    def __init__(self) -> None:
        self.moves: list[str] = []
        self.state = State.LOCKED

    def lock(self) -> State:
        self.moves.append("lock")
        self.state = State.LOCKED
        return self.state

    def unlock(self) -> State:
        self.moves.append("unlock")
        self.state = State.UNLOCKED
        return self.state

    def status(self) -> State:
        return self.state


class House:
    """A state folder as `latchwire init` would leave it, an agent with one lock, and the webhook."""

    def __init__(self, stack: ExitStack, folder: Path, broker: Broker) -> None:
        self.places = Places(folder / "state")
        self.variables = {
            "LATCHWIRE_STATE": str(self.places.state),
            "BROKER_PORT": str(broker.port),
            "WEBHOOK_PORT": str(free_port()),
            "TWILIO_AUTH_TOKEN": "demo-token-of-these-tests",
        }
        example = json.loads((TOP / "config.example.json").read_text("utf-8"))
        del example["$schema"]
        self.write(self.places.config, json.dumps(example))
        line = f"whatsapp/1 omega {secrets.token_hex(32)}\n"
        for name in ("whatsapp", "omega"):
            self.write(self.places.keys(name), line)
            self.write(self.places.login(name), broker.logins[name])
        self.lock = Lock()
        self.stack = stack

    @staticmethod
    def write(path: Path, text: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
        path.chmod(0o600)

    def start_agent(self) -> None:
        extract = agent_extract(load(self.places.config), "omega")
        agent = Actuator(
            config=parse_agent(extract, place="omega"),
            keyring=self.places.keyring("omega"),
            endpoint=endpoint(self.variables),
            login=login(self.places, "omega"),
            handlers={"front-door": self.lock},
            about=About("test", "0", "0"),
        )
        agent.start()
        self.stack.callback(agent.stop)

    def webhook(self) -> Running:
        return make(Webhook, issuer="whatsapp", name="test", places=self.places, variables=self.variables)

    def start_webhook(self) -> Running:
        webhook = self.webhook()
        webhook.start()
        self.stack.callback(webhook.stop)
        wait_until(lambda: webhook.health().ok, "the webhook is connected")
        return webhook


@pytest.fixture
def house(broker: Broker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    with ExitStack() as stack:
        house = House(stack, tmp_path, broker)
        for name, value in house.variables.items():
            monkeypatch.setenv(name, value)
        yield house


Said = Callable[..., str]


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Said:
    def said(text: str, sender: str = JOHN) -> str:
        say([text, "--as", sender])
        captured = capsys.readouterr()
        return (captured.out + captured.err).strip()

    return said


def test_unlock_the_front_door_is_told_after_the_lock_moved(house: House, said: Said) -> None:
    house.start_agent()
    house.start_webhook()
    assert said("Unlock the front door") == "Done: the front door is unlocked (simulated)."
    assert house.lock.moves[-1] == "unlock"
    assert said("is it locked?") == "The front door is unlocked (simulated)."
    assert said("lock") == "Done: the front door is locked (simulated)."


def test_a_person_taken_out_of_the_file_is_refused_at_the_next_word(house: House, said: Said) -> None:
    house.start_agent()
    house.start_webhook()
    assert "Done" in said("unlock")
    moves = list(house.lock.moves)
    config = json.loads(house.places.config.read_text("utf-8"))
    del config["people"]["john"]
    house.write(house.places.config, json.dumps(config))
    assert "no reply" in said("lock")
    assert house.lock.moves == moves


def test_who_may_only_lock_is_told_so_and_nothing_moves(house: House, said: Said) -> None:
    house.start_agent()
    house.start_webhook()
    text = said("unlock the front door", "+15555550101")
    assert "This is not allowed" in text
    assert "unlock" not in house.lock.moves
    assert "Done" in said("lock the front door", "+15555550101")


def test_without_an_agent_nobody_is_listening_and_without_a_webhook_the_cure_is_told(house: House, said: Said) -> None:
    assert "start it with: make run" in said("unlock")
    house.start_webhook()
    assert said("unlock").startswith("Nothing was done, and nothing will be: nobody is listening.")


def test_invented_people_beside_real_credentials_are_refused(house: House) -> None:
    house.variables["TWILIO_AUTH_TOKEN"] = "a-real-token"
    with pytest.raises(ConfigurationError, match="invented"):
        house.webhook()


def test_the_program_serves_tells_its_health_and_ends_at_sigterm(house: House) -> None:
    command = [sys.executable, "-m", "latchwire_whatsapp_webhook"]
    environment = dict(os.environ, PUBLIC_BASE_URL="https://door.example.com")
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as program:
        try:
            wait_until(lambda: _answers(house.variables["WEBHOOK_PORT"]), "the webhook is healthy")
            health = subprocess.run([*command, "--health"], capture_output=True, text=True, check=False)
            assert health.returncode == 0, health.stdout
        finally:
            program.send_signal(signal.SIGTERM)
            _, log = program.communicate(timeout=20)
    assert program.returncode == 0
    assert "https://door.example.com/whatsapp" in log
    assert "a-token-of-these-tests" not in log


def test_without_a_token_the_program_is_idle_and_healthy_and_says_what_to_set(house: House) -> None:
    del house.variables["TWILIO_AUTH_TOKEN"]
    webhook = house.start_webhook()
    assert webhook.health().ok
    assert any("TWILIO_AUTH_TOKEN is not set" in note for note in webhook.health().notes)


def _answers(port: str) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=5) as response:
            return bool(response.status == 200)
    except urllib.error.HTTPError as error:
        error.close()
        return False
    except OSError:
        return False
