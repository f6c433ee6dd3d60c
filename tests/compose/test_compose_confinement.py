"""No container can do more than it has to, and no secret is where Docker shows or keeps it."""

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from support.compose import Stack, complaints

BASE: Final = "python:3.13-slim"
CHUNK: Final = 1 << 24


@pytest.fixture(scope="module")
def containers(stack: Stack) -> dict[str, dict[str, Any]]:
    return {service: stack.inspect(service) for service in (*stack.services(), "setup")}


def images(stack: Stack) -> dict[str, str]:
    """The images that were built here, by service."""
    names = ["command-line", *(service for service in stack.services() if service != "broker")]
    return {name: f"{stack.project}-{name}" for name in names}


def status_of(stack: Stack, service: str) -> dict[str, str]:
    """What the kernel says about a container's first process (proc_pid_status(5))."""
    text = stack.compose("exec", "-T", service, "cat", "/proc/1/status").stdout
    return {name: value.strip() for name, _, value in (line.partition(":") for line in text.splitlines())}


def test_only_setup_starts_as_root(containers: dict[str, dict[str, Any]]) -> None:
    users = {service: found["Config"]["User"] for service, found in containers.items()}
    assert users.pop("setup") == "0:0"
    assert users.pop("broker") == "1883:1883"
    assert set(users.values()) == {"1000:1000"}


def test_no_process_has_a_capability_or_can_gain_one(stack: Stack) -> None:
    for service in stack.services():
        status = status_of(stack, service)
        assert {int(status[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {0}, service
        assert status["NoNewPrivs"] == "1", service


def test_no_service_can_write_to_its_image(stack: Stack) -> None:
    for service in stack.services():
        for folder in ("/", "/tmp", "/opt", "/var/tmp"):  # noqa: S108 - where a program would try
            done = stack.compose("exec", "-T", service, "touch", f"{folder}/x", check=False)
            assert "Read-only file system" in done.stderr, (service, folder)


def test_a_service_writes_in_the_state_folder_only_what_it_keeps(stack: Stack) -> None:
    for service in stack.services():
        if service != "broker":
            done = stack.compose("exec", "-T", service, "touch", "/latchwire/state/keys/omega", check=False)
            assert "Read-only file system" in done.stderr, service
            stack.compose("exec", "-T", service, "sh", "-c", "touch state/data/tried && rm state/data/tried")


def test_the_broker_sees_nothing_of_the_state_folder(containers: dict[str, dict[str, Any]]) -> None:
    mounts = [mount["Destination"] for mount in containers["broker"]["Mounts"] if mount["Type"] == "bind"]
    assert mounts == []


def test_every_service_has_limits_and_starts_again_by_itself(containers: dict[str, dict[str, Any]]) -> None:
    for service, found in containers.items():
        assert 0 < found["HostConfig"]["Memory"] <= 128 << 20, service
        assert 0 < found["HostConfig"]["PidsLimit"] <= 256, service
        restart = found["HostConfig"]["RestartPolicy"]["Name"]
        assert restart == ("no" if service == "setup" else "unless-stopped"), service


def test_only_broker_and_webhook_publish_a_port_and_only_here(containers: dict[str, dict[str, Any]]) -> None:
    published = {
        service: {binding["HostIp"] for bindings in ports.values() for binding in bindings or ()}
        for service, found in containers.items()
        if (ports := found["HostConfig"]["PortBindings"])
    }
    assert published == {"broker": {"127.0.0.1"}, "whatsapp-webhook": {"127.0.0.1"}}


def test_the_default_ports_are_those_of_make_run_and_settings_move_them(stack: Stack) -> None:
    plain = {name: text for name, text in stack.environment.items() if not name.endswith("_PORT")}
    words = ("--env-file", os.devnull, "config", "--format", "json")
    document = json.loads(stack.compose(*words, env=plain).stdout)["services"]
    assert [port["published"] for port in document["broker"]["ports"]] == ["11883"]
    assert [port["published"] for port in document["whatsapp-webhook"]["ports"]] == ["5000"]
    env = stack.state / ".env"
    before = env.read_text()
    stack.edit(env, before + "WEBHOOK_BIND=0.0.0.0\nMOSQUITTO_IMAGE=mosquitto:own\n")
    try:
        document = json.loads(stack.compose("config", "--format", "json", env=plain).stdout)["services"]
    finally:
        stack.edit(env, before)
    assert document["whatsapp-webhook"]["ports"][0]["host_ip"] == "0.0.0.0"  # noqa: S104 - as it was told to
    assert document["broker"]["image"] == "mosquitto:own"


def test_no_secret_is_in_what_docker_tells(stack: Stack, containers: dict[str, dict[str, Any]]) -> None:
    secrets = stack.secrets()
    assert len(secrets) >= 10
    told = json.dumps(containers) + stack.compose("--profile", "*", "config").stdout
    told += stack.compose("logs").stdout + stack.run("docker", "inspect", *images(stack).values()).stdout
    told += "".join(stack.compose("top", service).stdout for service in stack.services())
    assert [secret for secret in secrets if secret in told] == []


def test_no_secret_is_in_a_layer_even_when_built_beside_a_full_state_folder(stack: Stack, tmp_path: Path) -> None:
    stack.compose("build", "--quiet")
    names = images(stack).values()
    archive = tmp_path / "images.tar"
    stack.run("docker", "save", "--output", str(archive), *names)
    patterns = [secret.encode() for secret in stack.secrets()]
    marker = b"def password_file"  # of our own code: layers are searched, and not compressed ones
    seen = found = False
    for part in _overlapping(archive):
        seen = seen or marker in part
        found = found or any(pattern in part for pattern in patterns)
    assert seen
    assert not found


def _overlapping(path: Path) -> Iterator[bytes]:
    tail = b""
    with path.open("rb") as file:
        while part := file.read(CHUNK):
            yield tail + part
            tail = part[-256:]


def test_an_image_is_small_and_has_no_build_tools(stack: Stack, record_property: Any) -> None:
    def size(image: str) -> int:
        return int(json.loads(stack.run("docker", "image", "inspect", image).stdout)[0]["Size"])

    base = size(BASE)
    for name, image in images(stack).items():
        added = (size(image) - base) / 1e6
        record_property(f"MB added by {name}", added)
        sys.stdout.write(f"{image}: {added:.1f} MB more than {BASE}\n")
        assert added < (75 if name == "whatsapp-webhook" else 25), name  # the package twilio alone is 50 MB
        tools = "for tool in pip gcc cc make git; do command -v $tool; done; python -c 'import pip, flit_core'"
        done = stack.run("docker", "run", "--rm", "--entrypoint=sh", image, "-c", tools, check=False)
        assert done.stdout == "", name
        assert "ModuleNotFoundError" in done.stderr, name


def test_the_brokers_health_is_asked_without_a_password_on_a_command_line(containers: dict[str, Any]) -> None:
    assert containers["broker"]["Config"]["Healthcheck"]["Test"] == ["CMD", "mosquitto_sub"]


def test_the_broker_has_nothing_to_say_against_its_configuration(stack: Stack) -> None:
    assert complaints(stack.log("broker")) == []


def test_a_tunnel_gets_its_token_as_a_file_and_reaches_the_webhook_alone(stack: Stack) -> None:
    env = stack.state / ".env"
    before = env.read_text()
    tokens = {"NGROK_AUTHTOKEN": "ngrok-0123", "TUNNEL_TOKEN": "flare-0123", "TS_AUTHKEY": "scale-0123"}
    lines = "".join(f"{name}={token}\n" for name, token in tokens.items())
    stack.edit(env, before + lines + "COMPOSE_PROFILES=ngrok\n")
    try:
        said = stack.compose("run", "--rm", "--no-deps", "-T", "setup").stdout
        config = stack.compose("--profile", "*", "config", "--format", "json").stdout
    finally:
        stack.edit(env, before)
    assert "ngrok needs NGROK_DOMAIN" in said
    assert not any(token in config for token in tokens.values())
    services = json.loads(config)["services"]
    assert [set(services[name]["networks"]) for name in ("ngrok", "cloudflared", "tailscale")] == [{"front"}] * 3
    assert [name for name, service in services.items() if "front" in (service.get("networks") or ())] == [
        "cloudflared", "ngrok", "tailscale", "whatsapp-webhook",
    ]  # fmt: skip
    for name, file in {"ngrok": "ngrok.yml", "cloudflared": "token", "tailscale": "authkey"}.items():
        volume = f"--volume={stack.project}_{name}:/handed:ro"
        command = ("docker", "run", "--rm", volume, "--user=65532", "--entrypoint=cat")
        text = stack.run(*command, f"{stack.project}-command-line", f"/handed/{file}").stdout
        assert any(token in text for token in tokens.values()), name
        if name == "ngrok":
            assert json.loads(text)["agent"]["web_addr"] is False
    stack.compose("run", "--rm", "--no-deps", "-T", "setup")
