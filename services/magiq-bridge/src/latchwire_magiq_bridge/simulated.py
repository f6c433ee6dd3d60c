"""A cloud inside the process, for an agent whose configuration says that it ``runs`` ``simulated``.

It keeps what each socket was set to, and tells every switch in a line for people. Nothing leaves the process.
"""

import logging
import threading
from collections.abc import Iterable

from latchwire.errors import ActionError
from latchwire.model import Cause
from latchwire_magiq_bridge.cloud import Reading

log = logging.getLogger("latchwire.magiq")


class SimulatedCloud:
    """Sockets that are always connected, and off at the start.

    Args:
        sockets: their ids; the devices' names serve.
    """

    simulated = True

    def __init__(self, *, sockets: Iterable[str]) -> None:
        self._on = dict.fromkeys(sockets, False)
        self._lock = threading.Lock()

    def get(self, device_id: str, *, deadline: float) -> Reading:  # noqa: ARG002 - the seam's; it never waits
        """What the socket was set to."""
        with self._lock:
            return Reading(self._known(device_id), connected=True)

    def set(self, device_id: str, *, on: bool, deadline: float) -> Reading:  # noqa: ARG002 - as above
        """Sets it, and says so in the log."""
        with self._lock:
            self._known(device_id)
            self._on[device_id] = on
        log.info("%s is %s (simulated) device=%s", device_id, "ON" if on else "OFF", device_id)
        return Reading(on, connected=True)

    def may_poll(self) -> bool:
        """Always: it costs nothing."""
        return True

    def close(self) -> None:
        """There is nothing to let go of."""

    def _known(self, device_id: str) -> bool:
        if device_id not in self._on:
            raise ActionError(Cause.REJECTED, f"code 404: Device not found: {device_id}")
        return self._on[device_id]
