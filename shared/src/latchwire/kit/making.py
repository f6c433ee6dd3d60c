"""Makes an agent at work of what was read and of a function that opens its devices.

A device whose handler is missing, or lacks a method that its kind needs, is idle and told; the others work. It runs on
the Omega.
"""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from latchwire import __version__
from latchwire.actuator import About, Actuator
from latchwire.actuator.handler import Handler, is_simulated
from latchwire.kit.agent import Agent, Idle, OpenDevices
from latchwire.model import TOGGLE, Cause
from latchwire.service.setup import Setup

MOST_WORKERS: Final = 128
"""As many devices can be slow at the same time; a thread that waits costs some ten kilobytes."""

_log: Final = logging.getLogger("latchwire.agent")


class Making:
    """Makes agents at work.

    Args:
        service: the program's name.
        open_devices: makes the handlers.
        run_folder: where sockets are.
        workers: how many devices can be slow at the same time; as many as there are, if it is ``None``.
    """

    def __init__(
        self, *, service: str, open_devices: OpenDevices, run_folder: Path, workers: int | None = None
    ) -> None:
        self._service, self._open_devices = service, open_devices
        self._run_folder, self._workers = run_folder, workers

    def __call__(self, setup: Setup) -> Actuator:
        """One agent.

        Raises:
            ConfigurationError: what the function that opens the devices found.
        """
        handlers = self._open_devices(Agent(setup.config, setup.variables, self._run_folder))
        devices = setup.config.devices
        return Actuator(
            config=setup.config,
            keyring=setup.keyring,
            endpoint=setup.endpoint,
            login=setup.login,
            handlers={name: _fit(setup, name, handlers) for name in devices},
            about=About(self._service, __version__, setup.digest),
            workers=self._workers or max(1, min(len(devices), MOST_WORKERS)),
        )


def _fit(setup: Setup, name: str, handlers: Mapping[str, Handler]) -> Handler:
    handler, kind = handlers.get(name), setup.config.devices[name].kind
    lacks = [action for action in kind.actions if action != TOGGLE and not callable(getattr(handler, action, None))]
    if handler is not None and not lacks:
        if isinstance(handler, Idle) or is_simulated(handler) is (setup.config.runs == "simulated"):
            return handler
        # Only a line in the configuration makes anything simulated, and what it calls so touches no hardware.
        what = "is not" if setup.config.runs == "simulated" else "is"
        reason = f'devices.{name}: its agent runs "{setup.config.runs}", but {_named(handler)} {what} `simulated`'
    elif handler is None:
        reason = f"devices.{name}: {setup.config.type} has nothing that works it; take it from the configuration"
    else:
        reason = (
            f"devices.{name}.kind: {_named(handler)} has no method {' and no method '.join(lacks)}, "
            f"which a {kind} needs; write it, or correct the kind"
        )
    _log.error("It is idle: %s device=%s cause=%s", reason, name, Cause.NOT_CONFIGURED.wire)
    return Idle(reason=reason)


def _named(handler: Handler) -> str:
    return str(getattr(handler, "named", type(handler).__name__))
