"""Alerts about what could not be answered: at most one for each cause in ten seconds, with a count.

Whoever can publish can cause alerts, so they are few whatever comes, and they repeat nothing that came: a device or a
key id is named only where it is one that the agent knows.
"""

import json
import logging
import threading
from collections.abc import Callable
from typing import Final

from latchwire.model import Cause
from latchwire.waiting import Timers

QUIET_SECONDS: Final = 10.0

_log = logging.getLogger("latchwire.alert")


class Alerts:
    """Counts, and publishes now and then.

    Args:
        timers: for the end of a quiet time.
        publish: sends the JSON text of an alert.
    """

    def __init__(self, *, timers: Timers, publish: Callable[[str], object]) -> None:
        self._timers, self._publish = timers, publish
        self._counts: dict[Cause, int] = {}
        self._lock = threading.Lock()

    def raise_(self, cause: Cause, *, device: str = "", kid: str = "", detail: str = "") -> None:
        """Tells it now, or counts it if the same cause was told in the last ten seconds."""
        with self._lock:
            if cause in self._counts:
                self._counts[cause] += 1
                return
            self._counts[cause] = 0
        self._tell(cause, 1, device=device, kid=kid, detail=detail)
        self._timers.after(QUIET_SECONDS, lambda: self._end_of_quiet(cause))

    def _end_of_quiet(self, cause: Cause) -> None:
        with self._lock:
            count = self._counts.pop(cause)
            if not count:
                return
            self._counts[cause] = 0
        self._tell(cause, count)
        self._timers.after(QUIET_SECONDS, lambda: self._end_of_quiet(cause))

    def _tell(self, cause: Cause, count: int, *, device: str = "", kid: str = "", detail: str = "") -> None:
        alert: dict[str, str | int] = {"cause": cause.wire}
        if device:
            alert["device"] = device
        if kid:
            alert["kid"] = kid
        alert["count"] = count
        fields = " ".join(f"{name}={value}" for name, value in alert.items())
        _log.warning("%s%s %s", cause.sentence, f" ({detail})" if detail else "", fields)
        self._publish(json.dumps(alert, separators=(",", ":")))
