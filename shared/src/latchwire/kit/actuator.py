"""An actuator: a class that works one device, and one line that runs it.

    class Garage:
        def __init__(self, device: Device) -> None:
            self._pin = Pin(device.settings.whole_number("pin", 0, 40))

        def on(self) -> State:
            self._pin.write(True)
            return self.status()

        def off(self) -> State: ...

        def status(self) -> State:
            return State.ON if self._pin.read() else State.OFF


    if __name__ == "__main__":
        sys.exit(run(Garage, name="garage"))

config.json says which devices there are; each gets an object of its own. A ``switch`` needs ``on``, ``off`` and
``status``, a ``lock`` needs ``lock``, ``unlock`` and ``status``. Each returns the :class:`latchwire.model.State` that
was **read back**, never what was asked for. What it raises becomes a ``failed`` receipt: an
:class:`latchwire.errors.ActionError` with its cause, all else as ``internal``, which may have happened.

Methods may block, or be ``async`` (those of an agent share one event loop). The commands of one device are done one
after the other, and a slow device delays no other. It may also have:

``settle()``       puts the device into its start state before the network comes up, and returns the state
``toggle()``       a switch's own; otherwise the kit reads and sets. A lock's timed toggle is always the kit's
``close()``        gives the hardware back
``watch(look)``    given a function to call, from any thread, when the state changed by itself: the kit polls at once
``hold(pending)``  told before a timed unlock, and after it was locked again: to be remembered over a crash
``poll()``         instead of ``status`` where nobody asked but it is time to look; ``None`` to leave it for now
``poll_seconds``   how often the kit looks by itself (60; 0 for never)

``__init__`` touches no hardware. It may raise :class:`latchwire.errors.ConfigurationError` for what is missing: then
this device is idle, says so, and answers ``failed: not-configured``; the others work.
"""

import logging
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final, Protocol

from latchwire import __version__
from latchwire.actuator.handler import Handler
from latchwire.errors import ConfigurationError
from latchwire.kit import bundled
from latchwire.kit.agent import Agent, Idle, OpenDevices
from latchwire.kit.device import Device
from latchwire.kit.settings import REQUIRED, Settings
from latchwire.model import Cause, State

__all__ = [
    "REQUIRED",
    "Agent",
    "AsyncHandler",
    "Device",
    "Handler",
    "Idle",
    "Settings",
    "open_each",
    "run",
    "run_together",
]

_log: Final = logging.getLogger("latchwire.agent")

_IS_COROUTINE: Final = 0x80
"""CO_COROUTINE, the flag of an ``async def`` (Python reference, "inspect": which is not imported for this)."""


class AsyncHandler(Protocol):
    """A device's object whose methods are ``async``."""

    async def status(self) -> State:
        """Reads the state from the hardware."""


def run(
    device: Callable[[Device], Handler | AsyncHandler],
    *,
    name: str,
    agent_type: str = "",
    simulated: Callable[[Device], Handler | AsyncHandler] | None = None,
    purpose: str = "",
    version: str = "",
    variables: Sequence[str] = (),
    workers: int | None = None,
    arguments: Sequence[str] | None = None,
) -> int:
    """Runs a service that works each device by an object of its own, until SIGTERM or SIGINT.

    Args:
        device: the class: it is called with each :class:`Device`.
        name: the program's name: for its socket, its status and its usage.
        agent_type: it runs the agents of config.json that have this ``type``; ``name``, if it is left out.
        simulated: the class for agents that config.json calls ``simulated``; if it is left out, a device in memory, so
            that ``device`` never touches hardware for such an agent.
        purpose: a sentence for ``--help``; the first line of the class's docstring, if it is left out.
        version: what ``--version`` says; Latchwire's, if it is left out.
        variables: beginnings of the names of environment variables that it reads: when one changes in ``state/.env``,
            its agents are made anew. ``("GARAGE_",)`` for the agent type ``garage``, if it is left out.
        workers: how many devices can be slow at the same time; as many as there are, if it is left out.
        arguments: those of the command line, if they are left out.

    Returns:
        The exit status: 0 after an orderly end.
    """
    return run_together(
        partial(open_each, device=device, simulated=simulated),
        name=name,
        agent_type=agent_type,
        purpose=purpose or (getattr(device, "__doc__", None) or "").partition("\n")[0],
        version=version,
        variables=variables,
        workers=workers,
        arguments=arguments,
    )


def run_together(
    open_devices: OpenDevices,
    *,
    name: str,
    agent_type: str = "",
    purpose: str = "",
    version: str = "",
    variables: Sequence[str] = (),
    workers: int | None = None,
    arguments: Sequence[str] | None = None,
) -> int:
    """The same for devices that share something: one function makes the handlers of all devices of an agent.

    It also decides what a ``simulated`` agent's handlers do; :func:`open_each` does so as :func:`run` does. Its
    handlers block, unless :func:`open_each` made them.

    Args:
        open_devices: called with each :class:`Agent`; gives the handlers by device name.
        name: as for :func:`run`, and so are all others.
        agent_type: see there.
        purpose: see there.
        version: see there.
        variables: see there.
        workers: see there.
        arguments: see there.

    Returns:
        The exit status.
    """
    agent_type, version = agent_type or name, version or __version__
    given = sys.argv[1:] if arguments is None else arguments
    folder, left = bundled.asked_for(given, os.environ)
    if folder is not None:
        return bundled.run(
            open_devices, name=name, folder=folder, purpose=purpose, version=version, workers=workers, arguments=left
        )
    from latchwire.config.environment import prefix  # noqa: PLC0415
    from latchwire.config.places import find  # noqa: PLC0415  # what is beside config.json: not for a bundle
    from latchwire.kit.making import Making  # noqa: PLC0415
    from latchwire.service.frame import Program, main  # noqa: PLC0415
    from latchwire.service.home import AgentsHere, variables_at_start  # noqa: PLC0415

    places = find()
    agents = AgentsHere(
        places=places,
        agent_type=agent_type,
        variables=tuple(variables) or (prefix(agent_type),),
        make=Making(service=name, open_devices=open_devices, run_folder=places.run, workers=workers),
    )
    program = Program(
        name=name,
        purpose=purpose,
        version=version,
        run_folder=places.run,
        find=agents.find,
        variables=variables_at_start(places),
        watched=places.watched,
        acts=True,
    )
    return main(program, left)


Make = Callable[[Device], Handler | AsyncHandler]


def open_each(agent: Agent, device: Make, simulated: Make | None = None) -> Mapping[str, Handler]:
    """A handler for each device of the agent; those that cannot be made are idle, and told.

    For a function that :func:`run_together` is given, once it has what the devices share.

    Args:
        agent: whose devices.
        device: called with each :class:`Device`.
        simulated: the same where config.json calls the agent ``simulated``; a device in memory, if it is left out.
    """
    make = device
    if agent.simulated:
        from latchwire.kit.simulated import Simulated  # noqa: PLC0415  # only the demo needs it

        make = simulated or Simulated
    handlers: dict[str, Any] = {}
    for name, config in agent.config.devices.items():
        try:
            handlers[name] = make(Device(config, agent))
        except ConfigurationError as error:
            reason = "; ".join(error.problems)
            _log.warning("It is idle: %s device=%s cause=%s", reason, name, Cause.NOT_CONFIGURED.wire)
            handlers[name] = Idle(reason=reason)
    if any(_is_async(type(handler)) for handler in handlers.values()):
        from latchwire.kit.awaiting import Awaited, EventLoop  # noqa: PLC0415  # asyncio only for who uses it

        loop = EventLoop()
        return {
            name: handler if isinstance(handler, Idle) else Awaited(handler, loop) for name, handler in handlers.items()
        }
    return handlers


def _is_async(of: type) -> bool:
    found = (getattr(of, name, None) for name in dir(of))
    return any(getattr(getattr(item, "__code__", None), "co_flags", 0) & _IS_COROUTINE for item in found)
