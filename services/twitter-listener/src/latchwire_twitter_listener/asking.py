"""The seam to the signing half of Latchwire: what the listener asks of it, and what it gets to know."""

from typing import NamedTuple, Protocol


class Answer(NamedTuple):
    """What became of a command: whether it was done, and a sentence for the person, "" to say nothing."""

    done: bool
    sentence: str


class Ask(Protocol):
    """The signing half: may they? → sign → publish → wait for the receipt. May raise LatchwireError."""

    def __call__(self, *, identity: str, device: str, action: str, message_id: str) -> Answer:
        """Asks and waits for the outcome.

        Args:
            identity: ``twitter:<numeric id>``.
            device: the device's name.
            action: one of its actions.
            message_id: becomes the command's ``jti``.
        """
