"""Writes down who did what, a line each, in ``state/data/my-observer.txt``.

Each event is a value with its fields by name; ``latchwire.kit.observer`` has all of them. The connection, the login,
the verification of signatures, reload, health and shutdown are not here: they come from there, too.
"""

import time

from latchwire.kit.observer import AlertSeen, Event, Here, ReceiptSeen, run


class MyObserver:
    """Writes what it sees."""

    def __init__(self, here: Here) -> None:
        """Reads what config.json says of it."""
        self._here = here
        self._file = here.data / here.settings.text("file", "my-observer.txt")

    def seen(self, event: Event) -> None:
        """Called for each event, one after the other; it may take its time."""
        match event:
            case ReceiptSeen(device=device, verified=True):
                person = self._here.who(event.who)
                self._write(f"{person.name if person else event.who}: {device} {event.action}, {event.outcome}")
            case AlertSeen(cause=cause, device=device):
                self._write(f"alert: {device} {cause.sentence}")
            case _:
                pass

    def _write(self, text: str) -> None:
        with self._file.open("a") as file:
            file.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')}  {text}\n")


def main() -> int:
    """Runs the service."""
    return run(MyObserver, name="my-observer")
