"""From an agent's configuration to its handlers; what is missing makes idle, never simulated."""

import logging
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from latchwire.config.agent import AgentConfig, parse_agent
from latchwire.errors import ActionError
from latchwire.model import Cause, State
from latchwire_magiq_bridge.devices import open_devices
from support.magiq_cloud import MagiqCloudServer

AC, LIGHT = "16612385", "11715506"


def agent(
    *,
    runs: str = "here",
    devices: Mapping[str, object] | None = None,
    settings: Mapping[str, object] | None = None,
) -> AgentConfig:
    return parse_agent(
        {
            "name": "magiq",
            "type": "magiq",
            "runs": runs,
            "devices": devices
            or {"ac": {"kind": "switch", "deviceId": AC}, "light": {"kind": "switch", "deviceId": LIGHT}},
            **(settings or {}),
        }
    )


def reason(act: Callable[[], object]) -> str:
    with pytest.raises(ActionError) as caught:
        act()
    assert caught.value.cause is Cause.NOT_CONFIGURED
    return caught.value.detail


def test_each_device_works_its_own_socket(server: MagiqCloudServer) -> None:
    devices = open_devices(agent(), environ=server.environ)
    assert devices["ac"].on() is State.ON
    assert devices["light"].status() is State.OFF
    assert server.sockets[AC].on
    assert not server.sockets[LIGHT].on
    assert not devices["ac"].simulated


def test_credentials_may_come_from_files(server: MagiqCloudServer, tmp_path: Path) -> None:
    environ = server.environ
    for name in ("MAGIQ_API_KEY", "MAGIQ_API_SECRET"):
        (tmp_path / name).write_text(environ.pop(name) + "\n")
        environ[f"{name}_FILE"] = str(tmp_path / name)
    assert open_devices(agent(), environ=environ)["ac"].status() is State.OFF


def test_without_credentials_each_action_says_what_to_set_and_where(caplog: pytest.LogCaptureFixture) -> None:
    devices = open_devices(agent(), environ={})
    for name in ("ac", "light"):
        device = devices[name]
        assert not device.simulated
        for act in (device.on, device.off, device.toggle, device.status, device.poll):
            told = reason(act)
            assert "MAGIQ_API_KEY is not set" in told
            assert "MAGIQ_API_SECRET is not set" in told
            assert "state/.env" in told
    assert "MAGIQ_API_KEY" in caplog.text


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"MAGIQ_API_KEY": ""}, "MAGIQ_API_KEY is not set"),
        ({"MAGIQ_API_KEY": "  "}, "MAGIQ_API_KEY is not set"),
        ({"MAGIQ_API_KEY": "sup3r\nX-Header: sup3r"}, "MAGIQ_API_KEY: there is"),
        ({"MAGIQ_API_SECRET": "sup3r sup3r"}, "MAGIQ_API_SECRET: there is"),
        ({"MAGIQ_API_SECRET_FILE": "/nowhere/sup3r"}, "both set"),
        (
            {"MAGIQ_API_SECRET": "", "MAGIQ_API_SECRET_FILE": "/nowhere"},
            "MAGIQ_API_SECRET_FILE: /nowhere",
        ),
        ({"MAGIQ_URL": "http://127.0.0.1/"}, "MAGIQ_URL"),
        ({"MAGIQ_URL": "https://sup3r:word@127.0.0.1/"}, "MAGIQ_URL"),
        ({"MAGIQ_URL": "https://[::1/"}, "MAGIQ_URL"),
        ({"MAGIQ_CA": "/nowhere/ca.pem"}, "MAGIQ_CA: /nowhere/ca.pem"),
    ],
)
def test_what_is_wrong_in_the_environment_is_told_without_the_value(change: dict[str, str], told: str) -> None:
    environ = {"MAGIQ_API_KEY": "key-key-key", "MAGIQ_API_SECRET": "secret-secret", **change}
    text = reason(open_devices(agent(), environ=environ)["ac"].on)
    assert told in text
    assert "sup3r" not in text.replace("/nowhere/sup3r", "")


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"pollSeconds": 0}, "agents.magiq.pollSeconds: 0"),
        ({"pollSeconds": "60"}, "agents.magiq.pollSeconds: '60'"),
        ({"requestsPerMinute": True}, "agents.magiq.requestsPerMinute: True"),
        ({"pollJitterSeconds": -1}, "agents.magiq.pollJitterSeconds: -1"),
    ],
)
def test_a_setting_that_is_wrong_is_told_with_its_place(settings: dict[str, object], told: str) -> None:
    environ = {"MAGIQ_API_KEY": "key-key-key", "MAGIQ_API_SECRET": "secret-secret"}
    assert told in reason(open_devices(agent(settings=settings), environ=environ)["ac"].on)


def test_a_device_that_is_wrong_is_idle_and_the_others_work(
    server: MagiqCloudServer, caplog: pytest.LogCaptureFixture
) -> None:
    devices = open_devices(
        agent(
            devices={
                "ac": {"kind": "switch", "deviceId": AC},
                "twin": {"kind": "switch", "deviceId": AC},
                "nameless": {"kind": "switch"},
                "example": {"kind": "switch", "deviceId": "…"},
                "door": {"kind": "lock", "deviceId": LIGHT},
            }
        ),
        environ=server.environ,
    )
    assert devices["ac"].on() is State.ON
    assert "ac has the same" in reason(devices["twin"].on)
    assert "devices.nameless.deviceId" in reason(devices["nameless"].on)
    assert "devices.example.deviceId" in reason(devices["example"].on)
    assert "devices.door.kind" in reason(devices["door"].status)
    assert "device=twin cause=not-configured" in caplog.text


@pytest.mark.parametrize(
    ("settings", "fraction", "seconds"),
    [
        ({"pollSeconds": 7, "pollJitterSeconds": 3}, 0.0, 7),
        ({"pollSeconds": 7, "pollJitterSeconds": 3}, 1.0, 10),
        ({"pollSeconds": 7, "pollJitterSeconds": 0, "requestsPerMinute": 2}, 0.5, 120),
    ],
)
def test_how_often_sockets_are_looked_at_is_what_the_configuration_says(
    settings: dict[str, object], fraction: float, seconds: float, server: MagiqCloudServer
) -> None:
    devices = open_devices(agent(settings=settings), environ=server.environ, fraction=lambda: fraction)
    assert [device.poll_seconds for device in devices.values()] == [seconds] * 2


def test_looks_stop_when_the_minute_is_used_up_and_commands_go_on(server: MagiqCloudServer) -> None:
    device = open_devices(agent(settings={"requestsPerMinute": 3}), environ=server.environ)["ac"]
    looks = [device.poll() for _ in range(4)]
    assert looks == [State.OFF, State.OFF, State.OFF, None]
    assert device.on() is State.ON


def test_a_simulated_agent_switches_nothing_real_and_says_so(
    server: MagiqCloudServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "latchwire.magiq")
    devices = open_devices(agent(runs="simulated"), environ=server.environ)
    assert "magiq is simulated" in caplog.text
    assert devices["ac"].simulated
    assert devices["ac"].on() is State.ON
    assert devices["light"].toggle() is State.ON
    assert devices["ac"].off() is State.OFF
    assert [devices["ac"].status(), devices["light"].poll()] == [State.OFF, State.ON]
    assert "ac is ON (simulated)" in caplog.text
    assert "light is ON (simulated)" in caplog.text
    assert "ac is OFF (simulated)" in caplog.text
    assert server.connections == 0


def test_simulation_needs_no_credentials_and_no_ids() -> None:
    devices = open_devices(agent(runs="simulated", devices={"ac": {"kind": "switch"}}), environ={})
    assert devices["ac"].status() is State.OFF
