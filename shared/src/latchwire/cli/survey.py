"""What there is to see at the broker now: services, states and their health, gathered within a moment."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from latchwire.cli.place import OBSERVER, Place
from latchwire.observer import AvailabilitySeen, Event, Observer, StateSeen, StatusSeen
from latchwire.protocol.keys import Keyring
from latchwire.service.home import login


@dataclass
class Survey:
    """What was heard; ``trouble`` is "" if the broker let us hear it."""

    trouble: str = "it does not answer"
    online: dict[str, bool] = field(default_factory=dict)
    states: dict[str, StateSeen] = field(default_factory=dict)
    statuses: dict[str, Mapping[str, object]] = field(default_factory=dict)

    def note(self, event: Event) -> None:
        """Takes over one event."""
        match event:
            case AvailabilitySeen(name, online):
                self.online[name] = online
            case StateSeen():
                self.states[event.device] = event
            case StatusSeen(name, status):
                self.statuses[name] = status
            case _:
                pass


class Look:
    """A survey that goes on, and the wait until it shows something."""

    def __init__(self) -> None:
        self.survey = Survey()
        self._changed, self._told = threading.Condition(), False

    def wait_for(self, enough: Callable[[Survey], bool], seconds: float) -> bool:
        """Waits until it is enough, at most so long; what is retained is heard at once after the connect."""
        with self._changed:
            return self._changed.wait_for(lambda: self._told and enough(self.survey), seconds)

    def event(self, seen: Event) -> None:
        """For the observer."""
        with self._changed:
            self.survey.note(seen)
            self._changed.notify_all()

    def connection(self, trouble: str) -> None:
        """For the observer."""
        with self._changed:
            self.survey.trouble, self._told = trouble, True
            self._changed.notify_all()


@contextmanager
def looking(here: Place) -> Iterator[Look]:
    """Looks for as long as the block lasts."""
    look = Look()
    observer = Observer(
        keyring=Keyring(), endpoint=here.endpoint, login=login(here.places, OBSERVER),
        on_event=look.event, on_connection=look.connection,
    )  # fmt: skip
    observer.start()
    try:
        yield look
    finally:
        observer.stop()


def look(here: Place, *, enough: Callable[[Survey], bool], seconds: float) -> Survey:
    """Listens until it is enough, at most so long."""
    with looking(here) as found:
        found.wait_for(enough, seconds)
    return found.survey
