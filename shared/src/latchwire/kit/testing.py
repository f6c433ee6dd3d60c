"""For the tests of your own device: what the kit would make it with, without config.json and a broker.

switch = MySwitch(device("lamp", folder=tmp_path, settings={"pin": 4}))
assert switch.on() is State.ON
"""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

from latchwire.config.agent import AgentConfig, DeviceConfig
from latchwire.kit.agent import Agent
from latchwire.kit.device import Device
from latchwire.model import Kind

__all__ = ["device"]

_NOTHING: Final[Mapping[str, object]] = MappingProxyType({})
_NO_VARIABLES: Final[Mapping[str, str]] = MappingProxyType({})


def device(
    name: str,
    *,
    folder: Path,
    kind: Kind = Kind.SWITCH,
    settings: Mapping[str, object] = _NOTHING,
    agent_settings: Mapping[str, object] = _NOTHING,
    variables: Mapping[str, str] = _NO_VARIABLES,
) -> Device:
    """A device as config.json would describe it.

    Args:
        name: as in ``devices``.
        folder: the agent's ``run_folder``.
        kind: ``lock`` or ``switch``.
        settings: what stands beside ``kind`` and only the device's own code understands.
        agent_settings: the same of its agent.
        variables: the environment.
    """
    config = DeviceConfig(name, kind, 5, 0, settings)
    agent = AgentConfig("test", "test", "here", 30, None, {name: config}, agent_settings)
    return Device(config, Agent(agent, variables, folder))
