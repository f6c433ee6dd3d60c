"""Puts the bridge together for one agent's configuration: a handler for each of its devices.

Only ``"runs": "simulated"`` makes a simulation. What is missing or wrong makes the devices that need it
idle, says so once in the log, and leaves the others alone.
"""

import logging
import os
import random
from collections.abc import Callable, Mapping
from typing import Final

from latchwire.errors import ConfigurationError
from latchwire.kit.agent import AgentConfig, DeviceConfig, Idle
from latchwire.model import Kind
from latchwire_magiq_bridge import credentials, settings
from latchwire_magiq_bridge.budget import Budget, poll_interval, with_jitter
from latchwire_magiq_bridge.client import MagiqCloud
from latchwire_magiq_bridge.cloud import Cloud
from latchwire_magiq_bridge.simulated import SimulatedCloud
from latchwire_magiq_bridge.smart_socket import SmartSocket

log = logging.getLogger("latchwire.magiq")

TYPE: Final = "magiq"
"""What such an agent is called in the configuration."""
MOST_WORKERS: Final = 128

_RANDOM: Final = random.SystemRandom()

Handler = SmartSocket | Idle


def open_devices(
    agent: AgentConfig,
    *,
    environ: Mapping[str, str] = os.environ,
    fraction: Callable[[], float] = _RANDOM.random,
) -> dict[str, Handler]:
    """A handler for each device of the agent, by name. Nothing is sent yet.

    Args:
        agent: what the configuration says.
        environ: where credentials, ``MAGIQ_URL`` and ``MAGIQ_CA`` are.
        fraction: random numbers from 0 to 1, for jitter.
    """
    if agent.runs == "simulated":
        log.info("%s is simulated: no socket is switched. Sockets: %s", agent.name, ", ".join(agent.devices))
        cloud = SimulatedCloud(sockets=agent.devices)
        return {
            name: _unfit(device) or SmartSocket(name=name, device_id=name, cloud=cloud)
            for name, device in agent.devices.items()
        }
    try:
        found = settings.read(agent, environ)
        real = _cloud(found, environ, len(agent.devices))
    except ConfigurationError as error:
        reason = "; ".join(error.problems)
        log.warning("%s is idle: %s cause=not-configured", agent.name, reason)
        return {name: Idle(reason=reason) for name in agent.devices}
    return _sockets(agent, found, real, fraction)


def workers(sockets: int) -> int:
    """How many threads the sockets need, so that a slow one does not delay another; and as many connections."""
    return max(1, min(sockets, MOST_WORKERS))


def _cloud(found: settings.Settings, environ: Mapping[str, str], sockets: int) -> MagiqCloud:
    return MagiqCloud(
        url=found.url,
        credentials=credentials.load(environ),
        ca=found.ca,
        connections=workers(sockets),
        budget=Budget(per_minute=found.requests_per_minute),
    )


def _sockets(
    agent: AgentConfig, found: settings.Settings, cloud: Cloud, fraction: Callable[[], float]
) -> dict[str, Handler]:
    interval = poll_interval(
        wanted=found.poll_seconds, sockets=len(agent.devices), per_minute=found.requests_per_minute
    )
    handlers: dict[str, Handler] = {}
    whose: dict[object, str] = {}
    for name, device in agent.devices.items():
        device_id = device.settings.get("deviceId")
        idle = _unfit(device) or _unknown(device, whose)
        if idle is not None:
            log.warning("%s is idle: %s device=%s cause=not-configured", name, idle.reason, name)
        handlers[name] = idle or SmartSocket(
            name=name,
            device_id=str(device_id),
            cloud=cloud,
            # A period of its own for each socket: they drift apart, and stay apart.
            poll_seconds=with_jitter(interval, jitter=found.poll_jitter_seconds, fraction=fraction()),
        )
        whose.setdefault(device_id, name)
    return handlers


def _unfit(device: DeviceConfig) -> Idle | None:
    if device.kind is Kind.SWITCH:
        return None
    return Idle(reason=f'devices.{device.name}.kind: a MagIQ socket is a "switch", not a "{device.kind}"')


def _unknown(device: DeviceConfig, whose: Mapping[object, str]) -> Idle | None:
    place = f"devices.{device.name}.deviceId"
    device_id = device.settings.get("deviceId")
    if not settings.is_device_id(device_id):
        return Idle(reason=f"{place}: it is missing or no id; docs/magiq.md says where to find it")
    if device_id in whose:  # two handlers would not know of each other's commands
        return Idle(reason=f"{place}: {whose[device_id]} has the same; one socket is one device")
    return None
