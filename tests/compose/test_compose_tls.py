"""TLS in Compose: the port opens when there is a certificate, and an agent elsewhere gets in until it is stolen."""

import socket
import ssl
import subprocess
from contextlib import suppress
from pathlib import Path

from support.broker import free_port, wait_until
from support.compose import Stack


def test_the_tls_port_opens_with_the_certificate_and_a_stolen_agent_is_shut_out(stack: Stack, tmp_path: Path) -> None:
    port = free_port()
    stack.environment["BROKER_TLS_PORT"] = str(port)
    assert not is_open(stack.host, port)
    told = stack.latchwire("init", "--tls", stack.host).stdout
    assert "docker compose up -d" in told
    stack.up()
    stack.compose("restart", "broker")
    stack.up()

    ca = stack.state / "tls/ca.crt"
    wait_until(lambda: shakes_hands(stack.host, port, ca), "the broker answers with TLS")
    assert (stack.state / "bundles").exists() is False
    assert "bundles/omega.tar.gz" in stack.latchwire("bundle", "omega").stdout
    subprocess.run(["tar", "-xzf", stack.state / "bundles/omega.tar.gz", "-C", tmp_path], check=True)
    old = (tmp_path / "relay-agent/login").read_text().strip()
    assert login(stack, port, ca, old) == 0

    told = stack.latchwire("revoke", "omega").stdout
    assert "docker compose kill -s HUP broker" in told
    stack.compose("run", "--rm", "setup")
    stack.compose("kill", "-s", "HUP", "broker")
    wait_until(lambda: login(stack, port, ca, old) != 0, "the old password opens nothing")
    new = (stack.state / "logins/omega").read_text().strip()
    assert login(stack, port, ca, new) == 0


def is_open(host: str, port: int) -> bool:
    with suppress(OSError), socket.create_connection((host, port), 1):
        return True
    return False


def shakes_hands(host: str, port: int, ca: Path) -> bool:
    context = ssl.create_default_context(cafile=str(ca))
    with (
        suppress(OSError),
        socket.create_connection((host, port), 1) as plain,
        context.wrap_socket(plain, server_hostname=host),
    ):
        return True
    return False


def login(stack: Stack, port: int, ca: Path, password: str) -> int:
    """The exit status of mosquitto_pub as omega; 0 if the broker let it in."""
    words = ["mosquitto_pub", "-h", stack.host, "-p", str(port), "--cafile", str(ca), "-u", "omega", "-P", password]
    words += ["-t", "latchwire/omega/alert", "-m", "{}", "-q", "1"]
    return subprocess.run(words, check=False, capture_output=True, timeout=20).returncode
