"""The whole service on a real broker, with the real kits at both ends: words in, a lock moved, a receipt told."""

import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack

import pytest

from latchwire.config.environment import environment
from latchwire.errors import ConfigurationError
from latchwire.kit.ingress import make
from latchwire.service.frame import Running
from latchwire_whatsapp_webhook.main import Webhook
from latchwire_whatsapp_webhook.say import main as say
from support.broker import free_port, wait_until
from support.handlers import Bolt
from support.home import DOOR, Home
from support.house import JANE, JOHN, TOKEN, example

StartWebhook = Callable[[], Running]


def made(home: Home, variables: Mapping[str, str]) -> Running:
    """The webhook in this process, not started yet."""
    return make(Webhook, issuer="whatsapp", name="test", places=home.places, variables=variables)


@pytest.fixture
def home(make_home: Callable[..., Home], monkeypatch: pytest.MonkeyPatch) -> Home:
    """The example's home, whose state folder is also this process's."""
    variables = {"WEBHOOK_PORT": str(free_port()), "TWILIO_AUTH_TOKEN": TOKEN}
    home = make_home(document=example(), variables=variables)
    monkeypatch.setenv("LATCHWIRE_STATE", str(home.places.state))
    return home


@pytest.fixture
def bolt(home: Home) -> Bolt:
    """The lock of an agent at work."""
    bolt = Bolt()
    home.actuator({DOOR: bolt})
    return bolt


@pytest.fixture
def start_webhook(home: Home) -> Iterator[StartWebhook]:
    """Starts the webhook in this process, and waits until it is connected."""
    with ExitStack() as running:

        def start() -> Running:
            webhook = made(home, environment(home.places.state))
            webhook.start()
            running.callback(webhook.stop)
            wait_until(lambda: webhook.health().ok, "the webhook is connected")
            return webhook

        yield start


Said = Callable[..., str]


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Said:
    def said(text: str, sender: str = JOHN) -> str:
        say([text, "--as", sender])
        captured = capsys.readouterr()
        return (captured.out + captured.err).strip()

    return said


def test_unlock_the_front_door_is_told_after_the_lock_moved(
    bolt: Bolt, start_webhook: StartWebhook, said: Said
) -> None:
    start_webhook()
    assert said("Unlock the front door") == "Done: the front door is unlocked."
    assert bolt.count("unlock") == 1
    assert said("is it locked?") == "The front door is unlocked."
    assert said("lock") == "Done: the front door is locked."


def test_a_person_taken_out_of_the_file_is_refused_at_the_next_word(
    home: Home, bolt: Bolt, start_webhook: StartWebhook, said: Said
) -> None:
    start_webhook()
    assert "Done" in said("unlock")
    locked = bolt.count("lock")
    config = json.loads(home.places.config.read_text("utf-8"))
    del config["people"]["john"]
    home.write_config(config)
    assert "no reply" in said("lock")
    assert bolt.count("lock") == locked


def test_who_may_only_lock_is_told_so_and_nothing_moves(bolt: Bolt, start_webhook: StartWebhook, said: Said) -> None:
    start_webhook()
    assert "This is not allowed" in said("unlock the front door", JANE)
    assert bolt.count("unlock") == 0
    assert "Done" in said("lock the front door", JANE)


def test_without_an_agent_nobody_is_listening_and_without_a_webhook_the_cure_is_told(
    home: Home, start_webhook: StartWebhook, said: Said
) -> None:
    assert home.broker.is_running
    assert "start it with: make run" in said("unlock")
    start_webhook()
    assert said("unlock").startswith("Nothing was done, and nothing will be: nobody is listening.")


def test_invented_people_beside_real_credentials_are_refused(home: Home) -> None:
    real = environment(home.places.state) | {"TWILIO_AUTH_TOKEN": "a-real-token"}
    with pytest.raises(ConfigurationError, match="invented"):
        made(home, real)


def test_the_program_serves_tells_its_health_and_ends_at_sigterm(home: Home) -> None:
    command = [sys.executable, "-m", "latchwire_whatsapp_webhook"]
    variables = dict(os.environ, PUBLIC_BASE_URL="https://door.example.com")
    port = environment(home.places.state)["WEBHOOK_PORT"]
    with subprocess.Popen(command, env=variables, stderr=subprocess.PIPE, text=True) as program:
        try:
            wait_until(lambda: _answers(port), "the webhook is healthy")
            health = subprocess.run([*command, "--health"], capture_output=True, text=True, check=False)
            assert health.returncode == 0, health.stdout
        finally:
            program.send_signal(signal.SIGTERM)
            _, log = program.communicate(timeout=20)
    assert program.returncode == 0
    assert "https://door.example.com/whatsapp" in log
    assert TOKEN not in log


def test_without_a_token_the_program_is_idle_and_healthy_and_says_what_to_set(
    home: Home, start_webhook: StartWebhook
) -> None:
    home.places.env.write_text(home.places.env.read_text("utf-8").replace(f"TWILIO_AUTH_TOKEN={TOKEN}\n", ""))
    webhook = start_webhook()
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
