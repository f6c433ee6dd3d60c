"""One agent as config.json describes it, and what works its devices.

Most actuators are one class for one device (:mod:`latchwire.kit.actuator`). Where the devices of an agent share
something, as the boards on one I2C bus or the budget of one cloud, a function makes the handlers of all of them:

    def open_devices(agent: Agent) -> dict[str, Handler]: ...

It runs on the Omega: nothing is imported here that such an agent has no use for.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from latchwire.actuator.handler import Handler
from latchwire.config.agent import AgentConfig, DeviceConfig
from latchwire.errors import ActionError
from latchwire.model import Cause, State

__all__ = ["Agent", "AgentConfig", "DeviceConfig", "Handler", "Idle", "OpenDevices"]


class Agent(NamedTuple):
    """One agent of config.json and what is around it.

    Attributes:
        config: what config.json says of it.
        variables: the environment, completed by ``state/.env``.
        run_folder: for what outlives the process but not the machine: sockets are there.
    """

    config: AgentConfig
    variables: Mapping[str, str]
    run_folder: Path

    @property
    def simulated(self) -> bool:
        """Whether config.json says so: then no hardware may be touched."""
        return self.config.runs == "simulated"


OpenDevices = Callable[[Agent], Mapping[str, Handler]]
"""Makes the handlers of all devices of an agent, by device name. It touches no hardware yet: the first call to do so is
a handler's ``settle`` or ``status``. It may raise :class:`latchwire.errors.ConfigurationError`: then the agent does not
start, or goes on as it was, and all that is wrong is told."""


class Idle:
    """A device that cannot be worked: every action is answered ``failed: not-configured``, with what to set and where.

    Args:
        reason: for a person: the place and the cure.
    """

    simulated = False
    poll_seconds = 60.0

    def __init__(self, *, reason: str) -> None:
        self.reason = reason

    def status(self) -> State:
        """Raises ActionError: not-configured."""
        raise ActionError(Cause.NOT_CONFIGURED, self.reason)

    on = off = lock = unlock = toggle = poll = status
