"""An observer: sees what passes at the broker, as typed values, and marks what is signed by whom.

``events``    what can be seen
``reading``   a message, as one of them
``observer``  :class:`Observer`: the connection
"""

from latchwire.observer.events import (
    AlertSeen,
    AvailabilitySeen,
    CommandSeen,
    Event,
    NonceSeen,
    ReceiptSeen,
    StateSeen,
    StatusSeen,
    Unreadable,
)
from latchwire.observer.observer import Observer
from latchwire.observer.reading import read

__all__ = [
    "AlertSeen",
    "AvailabilitySeen",
    "CommandSeen",
    "Event",
    "NonceSeen",
    "Observer",
    "ReceiptSeen",
    "StateSeen",
    "StatusSeen",
    "Unreadable",
    "read",
]
