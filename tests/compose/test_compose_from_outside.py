"""The demo in containers does what a user expects of it, tried from outside."""

import functools
import json
import shutil
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from support.broker import wait_until
from support.compose import Stack


def answer_or_nothing(ask: Callable[[], str]) -> str:
    try:
        return ask()
    except OSError:
        return ""


def told(stack: Stack) -> str:
    """What somebody is told who asks for the door to be unlocked."""
    return stack.latchwire("send", "front-door", "unlock", check=False).stdout


def test_every_service_of_the_repository_is_in_the_compose_file(stack: Stack) -> None:
    folders = {path.parent.name for path in (stack.folder / "services").glob("*/pyproject.toml")}
    assert folders | {"broker"} == set(stack.services())


def test_all_services_come_up_healthy_with_nothing_configured(stack: Stack) -> None:
    assert {stack.health(service) for service in stack.services()} == {"healthy"}
    assert json.loads(stack.latchwire("status", "--json").stdout)["ok"] is True
    assert "All is well" in stack.latchwire("check").stdout


def test_a_service_without_credentials_is_idle_and_says_so_in_one_line(stack: Stack) -> None:
    assert stack.health("twitter-listener") == "healthy"
    log = stack.log("twitter-listener")
    assert log.count("X_BEARER_TOKEN") == log.count("Starting. posts on X, idle") > 0


def test_the_webhook_without_its_token_is_idle_and_healthy_and_obeys_nobody(stack: Stack) -> None:
    said, token = stack.log("whatsapp-webhook").count("TWILIO_AUTH_TOKEN"), stack.setting("TWILIO_AUTH_TOKEN")
    with stack.settings(TWILIO_AUTH_TOKEN=""):
        wait_until(lambda: stack.log("whatsapp-webhook").count("TWILIO_AUTH_TOKEN") > said, "it says so", 15.0)
        assert stack.check("whatsapp-webhook").returncode == 0
        assert stack.log("whatsapp-webhook").count("TWILIO_AUTH_TOKEN") == said + 1
        asked = functools.partial(stack.whatsapp, "unlock the front door", number="+15555550100", token=token)
        assert "<Message" not in answer_or_nothing(asked)
    wait_until(lambda: "<Message" in answer_or_nothing(asked), "it obeys again", 15.0)


def test_a_health_check_asks_the_running_process(stack: Stack) -> None:
    assert stack.check("relay-agent").returncode == 0
    stack.signal(signal.SIGSTOP, "relay-agent")
    try:
        assert stack.check("relay-agent").returncode
    finally:
        stack.signal(signal.SIGCONT, "relay-agent")
    wait_until(lambda: stack.check("relay-agent").returncode == 0, "it answers again", 15.0)


def test_the_relay_agent_steps_aside_for_hardware_elsewhere(stack: Stack) -> None:
    with stack.agent("omega", runs="elsewhere"):
        wait_until(lambda: "Agent omega runs elsewhere" in stack.log("relay-agent"), "it says so", 10.0)
        assert stack.check("relay-agent").returncode == 0
        assert "Nobody is listening" in stack.latchwire("send", "front-door", "unlock", check=False).stdout


def test_relays_here_need_their_bus_handed_in_and_are_never_simulated(stack: Stack) -> None:
    with stack.agent("omega", runs="here"):
        wait_until(lambda: "agent omega: here" in stack.log("relay-agent"), "it takes over", 10.0)
        answer = functools.partial(told, stack)
        wait_until(lambda: "lacks credentials or hardware" in answer(), "it says what is missing", 15.0)
        assert "/dev/i2c-0" in stack.latchwire("status", check=False).stdout
    with stack.settings(I2C_DEVICE="/dev/i2c-1", I2C_GID="998"):
        document = json.loads(stack.compose("config", "--format", "json").stdout)["services"]
    handed = [(device["source"], device["target"]) for device in document["relay-agent"]["devices"]]
    assert handed == [("/dev/i2c-1", "/dev/i2c-1")]
    assert document["relay-agent"]["group_add"] == ["998"]
    assert [name for name, service in document.items() if service.get("devices")] == ["relay-agent"]
    wait_until(lambda: "UNLOCKED" in answer(), "the simulated door obeys again", 15.0)


def test_the_command_line_works_with_nothing_but_docker_on_the_machine(stack: Stack, tmp_path: Path) -> None:
    for program in ("sh", "dirname", "readlink", "id", "docker"):
        (tmp_path / program).symlink_to(str(shutil.which(program)))
    alone: dict[str, Any] = {"env": {**stack.environment, "PATH": str(tmp_path), "LATCHWIRE_USER": "ada"}}
    stack.latchwire("send", "front-door", "lock")
    assert "UNLOCKED" in stack.latchwire("send", "front-door", "unlock", **alone).stdout
    assert "manual:ada" in stack.latchwire("status", **alone).stdout
    assert "Nothing was missing" in stack.latchwire("init", **alone).stdout
    signed = stack.latchwire("sign", "front-door", "lock", **alone).stdout
    assert signed.count("\n") == 1
    assert signed.count(".") == 2


def test_an_exit_status_comes_through(stack: Stack) -> None:
    assert stack.latchwire("send", "front-door", "dance", check=False).returncode == 1
    assert stack.latchwire("send", check=False).returncode == 2


def test_a_signed_command_is_obeyed_from_the_published_port(stack: Stack) -> None:
    stack.latchwire("send", "front-door", "unlock")
    signed = stack.latchwire("sign", "front-door", "lock").stdout
    environment = {**stack.environment, "XDG_CONFIG_HOME": "state/mosquitto"}
    words = ("mosquitto_pub", "-t", "latchwire/omega/front-door/command", "-s")
    stack.run(*words, env=environment, stdin=None, input=signed)
    wait_until(lambda: stack.state_of("front-door") == "locked", "the door is locked", 20.0)


def test_nothing_is_left_of_a_watch_whose_reader_went_away(stack: Stack) -> None:
    with subprocess.Popen(
        ["./latchwire", "watch"], cwd=stack.folder, env=stack.environment, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    ) as watch:  # fmt: skip
        assert watch.stdout is not None
        assert watch.stdout.readline()
        watch.terminate()
        watch.wait(30)
    mine = f"label=com.docker.compose.project={stack.project}"
    words = ("docker", "ps", "--all", "--quiet", "--filter", mine, "--filter", "name=latchwire-command")
    wait_until(lambda: not stack.run(*words).stdout, "its container is removed", 20.0)


def test_an_edited_config_file_takes_effect_within_seconds(stack: Stack) -> None:
    config = json.loads((stack.state / "config" / "config.json").read_text())
    devices = {("lamp" if name == "light" else name): device for name, device in config["devices"].items()}
    people = {"owner": {"manual": True, "may": "*"}}
    stack.edit_config({"devices": devices, "people": people})
    try:
        wait_until(lambda: "agent magiq: simulated, devices: ac, lamp" in stack.log("magiq-bridge"), "it is read", 10.0)
        assert "lamp is ON" in stack.latchwire("send", "lamp", "on").stdout
    finally:
        stack.edit_config({"devices": config["devices"], "people": config["people"]})


def test_an_invalid_config_file_is_told_and_the_old_one_stays_in_force(stack: Stack) -> None:
    path = stack.state / "config" / "config.json"
    valid = path.read_text()
    stack.edit(path, valid.replace('"agent": "omega"', '"agent": "omeag"'))
    try:
        wait_until(lambda: "omeag" in stack.log("relay-agent"), "the mistake is told", 10.0)
        assert stack.inspect("relay-agent")["State"]["Running"]
        assert "omeag" in stack.latchwire("check", check=False).stdout
    finally:
        stack.edit(path, valid)
    assert "UNLOCKED" in stack.latchwire("send", "front-door", "unlock").stdout


def test_a_signed_whatsapp_message_opens_the_door_and_a_forged_one_does_not(stack: Stack) -> None:
    token, john, jane = stack.setting("TWILIO_AUTH_TOKEN"), "+15555550100", "+15555550101"
    stack.latchwire("send", "front-door", "lock")
    assert stack.whatsapp("unlock the front door", number=john, token="another") == "403"
    assert "<Message" in stack.whatsapp("unlock the front door", number=jane, token=token)
    assert stack.state_of("front-door") == "locked"
    assert "UNLOCKED" in stack.whatsapp("unlock the front door", number=john, token=token).upper()
    assert stack.state_of("front-door") == "unlocked"


def test_a_setting_in_env_takes_effect_within_seconds(stack: Stack) -> None:
    env = stack.state / ".env"
    before = env.read_text()
    token = stack.setting("TWILIO_AUTH_TOKEN")
    assert stack.whatsapp("status", number="+15555550100", token=token) != "403"
    stack.edit(env, before.replace(token, "demo-another"))
    try:
        # It starts its listener anew with what changed.
        asked = functools.partial(stack.whatsapp, "status", number="+15555550100", token="demo-another")
        wait_until(lambda: "<Message" in answer_or_nothing(asked), "the token is taken over", 15.0)
        assert stack.whatsapp("status", number="+15555550100", token=token) == "403"
    finally:
        stack.edit(env, before)
    wait_until(lambda: stack.health("whatsapp-webhook") == "healthy", "it is healthy", 15.0)


@pytest.mark.parametrize("killed", [("relay-agent",), ("broker",), ("broker", "relay-agent", "whatsapp-webhook")])
def test_what_is_killed_comes_back_and_the_door_obeys_again(stack: Stack, killed: tuple[str, ...]) -> None:
    stack.latchwire("send", "front-door", "unlock")
    stack.crash(killed)
    wait_until(lambda: {stack.health(service) for service in killed} == {"healthy"}, "they are healthy", 60.0)
    if "relay-agent" in killed:
        assert stack.state_of("front-door") == "locked"  # what its configuration says for a start
    wait_until(lambda: "UNLOCKED" in told(stack), "the door is unlocked", 30.0)
