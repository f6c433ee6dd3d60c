"""A device in memory, for agents that config.json calls ``simulated``: it does what it is told and says so in the log.

So a new service answers from its first start, and no code that touches hardware runs before config.json says ``here``.
"""

import logging
from typing import Final

from latchwire.kit.device import Device
from latchwire.model import STATE_AFTER, Kind, State

_log: Final = logging.getLogger("latchwire.simulated")


class Simulated:
    """A lock or a switch in memory; locked or off at its start.

    Args:
        device: what it stands for.
    """

    simulated = True
    poll_seconds = 0.0

    def __init__(self, device: Device) -> None:
        self._name = device.name
        self._state = State.LOCKED if device.kind is Kind.LOCK else State.OFF

    def lock(self) -> State:
        """Locks it."""
        return self._now("lock")

    def unlock(self) -> State:
        """Unlocks it."""
        return self._now("unlock")

    def on(self) -> State:
        """Switches it on."""
        return self._now("on")

    def off(self) -> State:
        """Switches it off."""
        return self._now("off")

    def status(self) -> State:
        """How it is."""
        return self._state

    def _now(self, action: str) -> State:
        if self._state is not STATE_AFTER[action]:
            self._state = STATE_AFTER[action]
            _log.info("%s is %s (simulated) device=%s", self._name, self._state.upper(), self._name)
        return self._state
