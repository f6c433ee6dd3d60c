"""Makes a running broker read its files again, or says what to type.

On SIGHUP Mosquitto reads logins, access list and certificates again and keeps every connection whose login still holds
(mosquitto(8), "Signals"); listeners it takes over at a restart only. `make run` starts it inside ``state/broker``, by
which its process is known here. In a container, or as somebody else, it cannot be seen.
"""

import os
import signal
from collections.abc import Collection
from pathlib import Path
from typing import Final

from latchwire.config.places import Places

_AT_START_ONLY: Final = {"mosquitto.conf", "ca.crt"}
BY_HAND: Final = (
    "If the broker runs in Compose, type:  docker compose run --rm setup && docker compose kill -s HUP broker",
)


def tell(places: Places, changed: Collection[str]) -> list[str]:
    """Has the changed files of ``state/broker`` read, if that can be done from here.

    Returns:
        What was done, or is to be done, a line each.
    """
    if not changed:
        return []
    names = ", ".join(f"broker/{name}" for name in changed)
    if _AT_START_ONLY.intersection(changed):
        return [f"Restart the broker, if it runs, for {names} changed."]
    if hang_up(places.broker):
        return [f"The running broker reads {names} again."]
    return [f"{names} changed, and no broker of this folder is seen running.", *BY_HAND]


def hang_up(folder: Path, proc: Path = Path("/proc")) -> bool:
    """Sends SIGHUP to the Mosquitto that was started in that folder; whether there is one."""
    found = [int(process.name) for process in proc.iterdir() if process.name.isdecimal() and _is_it(process, folder)]
    for process in found:
        os.kill(process, signal.SIGHUP)
    return bool(found)


def _is_it(process: Path, folder: Path) -> bool:
    try:
        return (process / "comm").read_text().strip() == "mosquitto" and (process / "cwd").samefile(folder)
    except OSError:  # it ended, or is somebody else's
        return False
