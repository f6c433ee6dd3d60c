"""What there is to see at the broker now: services, states and their health, gathered within a moment."""

import threading
from collections.abc import Callable, Mapping
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


def look(here: Place, *, enough: Callable[[Survey], bool], seconds: float) -> Survey:
    """Listens until it is enough, at most so long; what is retained is heard at once after the connect."""
    survey, changed, ready = Survey(), threading.Condition(), threading.Event()

    def event(seen: Event) -> None:
        with changed:
            survey.note(seen)
            changed.notify_all()

    def connection(trouble: str) -> None:
        with changed:
            survey.trouble = trouble
            ready.set()
            changed.notify_all()

    observer = Observer(
        keyring=Keyring(), endpoint=here.endpoint, login=login(here.places, OBSERVER),
        on_event=event, on_connection=connection,
    )  # fmt: skip
    observer.start()
    try:
        with changed:
            changed.wait_for(lambda: ready.is_set() and enough(survey), seconds)
    finally:
        observer.stop()
    return survey
