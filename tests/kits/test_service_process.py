"""The relay agent as a real process: signals, reload, and what happens when its files are wrong."""

import copy
import json
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from latchwire import topics
from latchwire.model import Cause, State
from latchwire.protocol.keys import Key, Keyring
from latchwire.sender import Answer, Ending, Sender
from latchwire_relay_agent.simulated import SimulatedBus
from support.broker import wait_until
from support.home import DOOR, PHONE, Home, config
from support.wire import Wire

STATUS = topics.status("omega")


class Service:
    """The process, its log, and a sender who can ask it."""

    def __init__(self, home: Home) -> None:
        self.home, self._log = home, home.places.state / "agent.log"
        self.process = self._start()
        self.observer: Wire = home.wire()
        self.sender: Sender = home.sender(connect_seconds=5.0)

    def _start(self) -> subprocess.Popen[str]:
        with self._log.open("a") as log:
            return self.home.run("-m", "latchwire_relay_agent", stdout=log, stderr=log)

    @property
    def log(self) -> str:
        return self._log.read_text()

    def ask(self, action: str, device: str = DOOR) -> Answer:
        return self.sender.ask(agent="omega", device=device, action=action, sub="manual:test")

    def save(self, document: dict[str, Any] | str) -> None:
        self.home.write_config(document)
        self.process.send_signal(signal.SIGHUP)

    def reloaded(self, document: dict[str, Any]) -> None:
        """Saves it and waits until a member that was made of it is ready for commands."""
        agents = self.sender._agents
        wait_until(lambda: agents.nonce("omega") is not None, "the sender knows the agent")
        before, nonce = self.log.count("ready for commands"), agents.nonce("omega")
        self.save(document)
        wait_until(lambda: self.log.count("ready for commands") > before, "it is in force")
        wait_until(lambda: agents.is_online("omega") and agents.nonce("omega") != nonce, "the sender knows it")

    def health(self) -> subprocess.CompletedProcess[str]:
        process = self.home.run("-m", "latchwire_relay_agent", "--health")
        text, _ = process.communicate(timeout=20)
        return subprocess.CompletedProcess([], process.returncode, text)


@pytest.fixture
def service(home: Home) -> Service:
    service = Service(home)
    wait_until(lambda: "ready for commands" in service.log, "the service is ready", 20)
    return service


def changed(**of_door: object) -> dict[str, Any]:
    document = config()
    document["devices"][DOOR] |= of_door
    return document


def is_open(home: Home) -> bool:
    board = home.places.run / "omega.simulated-board"
    return bool(SimulatedBus(addresses=(0x27,), memory=board).relays() & 1)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_to_end_locks_the_door_that_is_open_for_a_time_first(service: Service, number: signal.Signals) -> None:
    service.reloaded(changed(toggleSeconds=60))
    assert service.ask("toggle").ending is Ending.DONE
    assert is_open(service.home)
    service.process.send_signal(number)
    assert service.process.wait(10) == 0
    assert not is_open(service.home)
    assert "Locked before the end" in service.log
    service.observer.wait_for(topics.availability("omega"), lambda heard: heard.payload == b"offline")
    assert "Traceback" not in service.log


def test_a_service_settles_its_door_without_a_broker(home: Home) -> None:
    home.broker.stop()
    home.places.run.mkdir(exist_ok=True)
    chip = SimulatedBus(addresses=(0x27,), memory=home.places.run / "omega.simulated-board")
    for register, value in ((0x0A, 1), (0x00, 0)):  # OLAT and IODIR: left open by a process before it
        chip.write_byte_data(0x27, register, value)
    assert is_open(home)
    home.run("-m", "latchwire_relay_agent", stdout=subprocess.DEVNULL)
    wait_until(lambda: not is_open(home), "the door is locked", 20)


def test_a_device_that_is_added_or_taken_away_is_known_within_seconds_without_a_restart(service: Service) -> None:
    document = config()
    document["devices"]["cellar"] = {"agent": "omega", "kind": "switch", "channel": 2}
    service.home.write_config(document)  # and no signal
    wait_until(lambda: service.ask("on", "cellar").ending is Ending.DONE, "the new device is there", 12)
    del document["devices"]["cellar"]
    service.reloaded(document)
    assert service.ask("off", "cellar").cause in {Cause.UNKNOWN_DEVICE, Cause.FORBIDDEN}
    assert service.process.poll() is None


def test_a_change_locks_the_door_that_is_open_for_a_time(service: Service) -> None:
    service.reloaded(changed(toggleSeconds=60))
    service.ask("toggle")
    service.reloaded(changed(toggleSeconds=59))
    assert not is_open(service.home)


@pytest.mark.parametrize(
    "wrong",
    [
        "{",
        {**config(), "devices": {DOOR: {**config()["devices"][DOOR], "agent": "nobody"}}},
        {**config(), "devices": {**config()["devices"], "lamp": {"agent": "omega", "kind": "switch", "channel": 0}}},
    ],
    ids=["no-json", "no-such-agent", "two-devices-on-one-relay"],
)
def test_an_invalid_file_is_told_and_what_was_in_force_stays(service: Service, wrong: dict[str, Any] | str) -> None:
    service.save(wrong)
    wait_until(lambda: "ERROR" in service.log, "it is told")
    health = service.health()
    assert (health.returncode, "healthy" in health.stdout) == (1, False)
    assert service.ask("unlock").ending is Ending.DONE
    assert service.log.count("Starting.") == 1
    assert "Traceback" not in service.log
    service.save(config())
    wait_until(lambda: service.health().returncode == 0, "it is well again")


def test_health_checks_do_not_keep_a_change_from_being_seen(service: Service) -> None:
    service.home.write_config(changed(toggleSeconds=7))
    for _ in range(60):
        assert service.health().returncode in {0, 1}
        if service.log.count("Starting.") == 2:
            break
    assert service.log.count("Starting.") == 2


def test_a_simulated_board_that_cannot_be_kept_is_told_with_the_cure_and_goes_on_later(home: Home) -> None:
    board = home.places.run / "omega.simulated-board"
    board.mkdir()
    log = home.places.state / "log"
    with log.open("w") as file:
        process = home.run("-m", "latchwire_relay_agent", stdout=file)
    wait_until(lambda: str(board) in log.read_text(), "it is told", 20)
    assert "Traceback" not in log.read_text()
    assert process.poll() is None
    board.rmdir()
    process.send_signal(signal.SIGHUP)
    wait_until(lambda: "ready for commands" in log.read_text(), "it goes on", 20)


def test_fifty_reloads_leave_no_thread_and_no_descriptor_behind(service: Service) -> None:
    proc = Path(f"/proc/{service.process.pid}")

    def counts() -> tuple[int, int]:
        return len([*(proc / "fd").iterdir()]), len([*(proc / "task").iterdir()])

    def reload(times: int) -> tuple[int, int]:
        for number in range(times):
            service.reloaded(changed(toggleSeconds=number + 2))
            assert service.ask("status").ending is Ending.DONE
        most = counts_before = counts()
        wait_until(lambda: counts() <= most, "old threads have ended")
        return counts_before

    first = reload(5)
    last = reload(50)
    assert last[0] <= first[0] + 2
    assert last[1] <= first[1] + 2


def test_a_person_who_was_taken_out_of_the_file_is_refused_at_once(service: Service) -> None:
    ingress = service.home.ingress()
    wait_until(lambda: ingress.health().ok, "the ingress is connected")
    assert ingress.ask(identity=PHONE, device=DOOR, action="unlock").ending is Ending.DONE
    document = copy.deepcopy(config())
    del document["people"]["john"]
    service.home.write_config(document)
    answer = ingress.ask(identity=PHONE, device=DOOR, action="lock")
    assert (answer.ending, answer.cause) == (Ending.REFUSED, Cause.FORBIDDEN)


def test_an_invalid_file_keeps_the_people_of_before(service: Service) -> None:
    ingress = service.home.ingress()
    wait_until(lambda: ingress.health().ok, "the ingress is connected")
    service.home.write_config("{")
    assert ingress.ask(identity=PHONE, device=DOOR, action="unlock").ending is Ending.DONE
    assert not ingress.health().ok
    service.home.write_config(config())
    assert ingress.ask(identity=PHONE, device=DOOR, action="lock").ending is Ending.DONE
    assert ingress.health().ok


def test_the_command_line_tells_each_outcome_by_its_exit_status(service: Service) -> None:
    home = service.home
    done = home.latchwire("send", DOOR, "unlock", "--json")
    assert (done.returncode, json.loads(done.stdout)["state"]) == (0, "unlocked")
    service.process.terminate()
    service.process.wait(10)
    away = home.latchwire("send", DOOR, "unlock", "--json")
    assert (away.returncode, json.loads(away.stdout)["cause"]) == (5, "away")


def test_stop_in_the_middle_of_connecting_is_quick(make_home: Callable[..., Home]) -> None:
    home = make_home()
    home.broker.pause()
    process = home.run("-m", "latchwire_relay_agent")
    wait_until((home.places.run / "relay-agent.sock").exists, "it has started", 20)
    process.terminate()
    assert process.wait(8) == 0
    home.broker.resume()


def test_new_keys_and_a_new_password_are_handed_to_the_agent_at_work(service: Service) -> None:
    home, places = service.home, service.home.places
    service.reloaded(changed(toggleSeconds=60))
    assert service.ask("toggle").ending is Ending.DONE
    new = Key("manual", 2, "omega", b"n" * 32)
    ring = [*places.keyring("omega"), new]
    for path, text in (
        (places.keys("omega"), "".join(f"{key.line}\n" for key in ring)),
        (places.login("omega"), "another password\n"),
    ):
        path.write_text(text)
        path.chmod(0o600)
    verifies = service.observer.wait_for(STATUS, lambda heard: "manual/2" in heard.payload.decode())
    assert json.loads(verifies.payload)["verifies"] == ["manual/1", "manual/2", "twitter/1", "whatsapp/1"]
    service.sender.use(Keyring([new]))
    answer = service.ask("status")
    assert (answer.ending, answer.state) == (Ending.DONE, State.UNLOCKED), "a timed toggle goes on; nothing was settled"
    assert "The broker is away" not in service.log

    home.broker.add_login("omega", "another password")  # the broker drops who came by the old one
    wait_until(lambda: service.log.count("ready for commands") == 3, "it comes back by the new password", 5)
    wait_until(lambda: service.ask("status").state is State.UNLOCKED, "and is asked")
    assert service.log.count("Starting.") == 2


def test_a_keyring_that_is_wrong_is_told_and_the_old_one_stays_until_it_is_mended(service: Service) -> None:
    keys = service.home.places.keys("omega")
    before = keys.read_text()
    keys.write_text(before + "manual/2 omega 00\n")
    service.process.send_signal(signal.SIGHUP)
    wait_until(lambda: "keys/omega: line 4" in service.log, "it is told")
    assert service.ask("unlock").ending is Ending.DONE
    assert service.health().returncode == 1
    keys.write_text(before)
    service.process.send_signal(signal.SIGHUP)
    wait_until(lambda: service.health().returncode == 0, "it is well again")
    assert service.log.count("Starting.") == 1
