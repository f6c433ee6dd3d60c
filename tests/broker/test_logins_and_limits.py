"""Who gets in, what is too large, and whether the health check tells a broker that hangs from one that works.

Everything is tried with Mosquitto's own command-line clients, as a person or a health check would.
"""

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from support.broker import Broker, wait_until

NOT_AUTHORISED: Final = 5
COMMAND: Final = "latchwire/omega/front-door/command"


def run(broker: Broker, program: str, *arguments: str, login: str = "") -> "subprocess.CompletedProcess[str]":
    """Runs mosquitto_pub or mosquitto_sub against the broker, with a login or without."""
    who = ["-u", login, "-P", broker.logins[login]] if login else []
    return subprocess.run(
        [program, "-h", broker.host, "-p", str(broker.port), *who, *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )


def health_check(broker: Broker, *, password: str = "", seconds: int = 12) -> int:
    """The health check as Compose runs it; 0 is healthy."""
    arguments = ["-u", "health", "-P", password or broker.logins["health"], "-C", "1", "-W", str(seconds)]
    return run(broker, "mosquitto_sub", "-t", "$SYS/broker/uptime", *arguments).returncode


def test_nobody_gets_in_without_a_login(broker: Broker) -> None:
    result = run(broker, "mosquitto_pub", "-t", COMMAND, "-m", "x")
    assert (result.returncode, "not authorised" in result.stderr) == (NOT_AUTHORISED, True)


@pytest.mark.parametrize("password", ["", "wrong", "the password of omega "])
def test_nobody_gets_in_with_a_wrong_password(broker: Broker, password: str) -> None:
    result = run(broker, "mosquitto_pub", "-u", "omega", "-P", password, "-t", "latchwire/omega/alert", "-m", "x")
    assert result.returncode == NOT_AUTHORISED


def test_nobody_gets_in_with_anothers_password(broker: Broker) -> None:
    arguments = ["-u", "omega", "-P", broker.logins["magiq"], "-t", "latchwire/omega/alert", "-m", "x"]
    assert run(broker, "mosquitto_pub", *arguments).returncode == NOT_AUTHORISED


def test_a_password_is_not_in_the_brokers_files_or_its_log(broker: Broker) -> None:
    assert run(broker, "mosquitto_pub", "-t", COMMAND, "-m", "x", login="manual").returncode == 0
    texts = [path.read_text() for path in broker.folder.iterdir()]
    assert not [password for password in broker.logins.values() for text in texts if password in text]


def die_with_a_will(broker: Broker, login: str, topic: str) -> None:
    """A client with a retained last will `offline` is killed; returns when the broker has noticed."""
    who = ["-h", broker.host, "-p", str(broker.port), "-u", login, "-P", broker.logins[login], "-i", "doomed"]
    will = ["--will-topic", topic, "--will-payload", "offline", "--will-retain", "--will-qos", "1"]
    client = subprocess.Popen(["mosquitto_sub", *who, "-t", "latchwire/nothing/nonce", *will])
    wait_until(lambda: " as doomed " in broker.log, "the client is connected")
    client.kill()
    client.wait(10)
    wait_until(lambda: "Client doomed closed its connection" in broker.log, "the broker notices")


def test_the_last_will_of_a_service_that_is_killed_is_published(broker: Broker) -> None:
    topic = "latchwire/omega/availability"
    die_with_a_will(broker, "omega", topic)
    said = run(broker, "mosquitto_sub", "-C", "1", "-W", "10", "-t", topic, login="manual")
    assert said.stdout == "offline\n"


def test_nobody_can_leave_a_last_will_in_anothers_name(broker: Broker) -> None:
    die_with_a_will(broker, "twitter", "latchwire/omega/availability")
    assert run(broker, "mosquitto_pub", "-t", "latchwire/omega/nonce", "-m", "n", "-r", login="omega").returncode == 0
    topics = ["-t", "latchwire/omega/availability", "-t", "latchwire/omega/nonce"]
    said = run(broker, "mosquitto_sub", "-C", "1", "-W", "10", *topics, login="manual")
    assert said.stdout == "n\n"


def test_a_message_of_4096_bytes_passes_and_one_larger_than_a_packet_may_be_ends_its_connection(
    broker: Broker, tmp_path: Path
) -> None:
    payload = tmp_path / "payload"
    payload.write_text("x" * 4096)
    good = run(broker, "mosquitto_pub", "-V", "5", "-q", "1", "-t", COMMAND, "-f", str(payload), login="manual")
    assert good.returncode == 0
    payload.write_text("x" * 20_000)
    run(broker, "mosquitto_pub", "-V", "311", "-q", "1", "-t", COMMAND, "-f", str(payload), login="manual")
    assert [line for line in broker.log.splitlines() if "oversize packet" in line]


def test_the_health_check_is_content_with_a_broker_that_answers(broker: Broker) -> None:
    assert health_check(broker) == 0


def test_the_health_check_fails_with_a_wrong_password(broker: Broker) -> None:
    assert health_check(broker, password="wrong") == NOT_AUTHORISED


def test_the_health_check_fails_when_the_broker_is_there_and_answers_nothing(broker: Broker) -> None:
    broker.pause()
    assert health_check(broker, seconds=2) != 0
    broker.resume()
    assert health_check(broker) == 0


def test_the_health_check_fails_when_there_is_no_broker(broker: Broker) -> None:
    broker.stop()
    assert health_check(broker, seconds=2) != 0


def test_the_same_configuration_serves_tls_beside_the_plain_listener(
    start_broker: Callable[..., Broker],
) -> None:
    broker = start_broker(tls=True)
    address = ["-h", "localhost", "-p", str(broker.tls_port), "--cafile", str(broker.ca_file)]
    login = ["-u", "omega", "-P", broker.logins["omega"]]
    words = ["mosquitto_pub", *address, *login, "-q", "1", "-t", "latchwire/omega/alert", "-m", "x"]
    assert subprocess.run(words, check=False, timeout=30).returncode == 0
