"""What a switch says and hears over MQTT, in Tasmota's words and in ESPHome's. No connection here, and no waiting.

Both answer a command by their new state. Tasmota answers each command and can be asked; ESPHome speaks when its state
changes and at each connect, keeps that retained, and is silent when it is told to be what it is.
"""

import json
from typing import Final, NamedTuple, Protocol

from latchwire.model import State

_STATES: Final = {"ON": State.ON, "OFF": State.OFF}
_LONGEST: Final = 40


class Report(NamedTuple):
    """What a message says.

    Attributes:
        online: whether the switch is connected, if it says that.
        state: its state, if it says that.
        answers: whether it may be the answer to a command or a question.
        odd: what it says where that is no state that is known here.
    """

    online: bool | None = None
    state: State | None = None
    answers: bool = False
    odd: str = ""


class Dialect(Protocol):
    """How to talk to one switch."""

    @property
    def command(self) -> str:
        """The topic that it obeys; the payloads are ``ON`` and ``OFF``."""

    @property
    def hears(self) -> tuple[str, ...]:
        """The topics on which it speaks."""

    @property
    def question(self) -> str | None:
        """The payload on :attr:`command` that makes it say its state; ``None`` if it cannot be asked."""

    def read(self, topic: str, payload: bytes, *, retained: bool) -> Report | None:
        """What a message on one of :attr:`hears` says; ``None`` if that is nothing of interest.

        Args:
            topic: where it came.
            payload: its bytes.
            retained: whether it is one that the broker kept from before.
        """


class Tasmota:
    """One relay of a Tasmota device, with the ``FullTopic`` that it comes with: ``%prefix%/%topic%/``.

    https://tasmota.github.io/docs/MQTT/ : ``cmnd/TOPIC/POWER<x>`` with ``ON`` or ``OFF`` is answered on
    ``stat/TOPIC/RESULT`` in JSON and on ``stat/TOPIC/POWER<x>`` in plain; an empty payload asks; a press on the
    button is told in the same way; ``tele/TOPIC/LWT`` is ``Online`` or ``Offline``, retained. A device with one relay
    calls it ``POWER``, and ``POWER1`` too in commands (https://tasmota.github.io/docs/Commands/, "Power").
    ``SetOption26`` makes it say ``POWER1``, ``SetOption90`` leaves only the JSON; both are understood here.
    ``tele/TOPIC/STATE`` comes every ``TelePeriod`` and mends what was lost.

    Args:
        topic: what ``Topic`` says on its console.
        relay: counted from 1.
    """

    question = ""

    def __init__(self, topic: str, relay: int) -> None:
        self._names = (f"POWER{relay}", "POWER") if relay == 1 else (f"POWER{relay}",)
        self.command = f"cmnd/{topic}/POWER{relay}"
        self._availability, self._telemetry = f"tele/{topic}/LWT", f"tele/{topic}/STATE"
        results = (f"stat/{topic}/RESULT", *(f"stat/{topic}/{name}" for name in self._names))
        self.hears = (self._availability, self._telemetry, *results)

    def read(self, topic: str, payload: bytes, *, retained: bool) -> Report | None:
        """See :class:`Dialect`."""
        if topic == self._availability:
            return Report(online=payload == b"Online")
        if retained:
            return None  # ``PowerRetain``: how it was once; it is asked how it is
        said = self._power(payload)
        return None if said is None else _report(said, answers=topic != self._telemetry)

    def _power(self, payload: bytes) -> object:
        """What it says of this relay; ``None`` for all else, as the JSON of other commands."""
        if not payload.startswith(b"{"):
            return payload.decode(errors="replace")
        try:
            document = json.loads(payload)
        except ValueError:
            return None
        return next((document[name] for name in self._names if name in document), None)


class ESPHome:
    """One ``switch`` of an ESPHome device.

    https://esphome.io/components/mqtt/ : ``PREFIX/switch/ID/command`` takes ``ON`` and ``OFF``,
    ``PREFIX/switch/ID/state`` says them, retained; ``PREFIX/status`` is ``online`` or ``offline``, retained. Its code
    (``Switch::publish_state``) says nothing when the state stays as it is.

    Args:
        prefix: ``topic_prefix`` of its configuration; its name, where that is left out.
        switch: the switch's own name, in lower case and with ``_`` in place of spaces.
    """

    question = None

    def __init__(self, prefix: str, switch: str) -> None:
        self.command = f"{prefix}/switch/{switch}/command"
        self._availability = f"{prefix}/status"
        self.hears = (self._availability, f"{prefix}/switch/{switch}/state")

    def read(self, topic: str, payload: bytes, *, retained: bool) -> Report | None:  # noqa: ARG002  # all of it counts
        """See :class:`Dialect`."""
        if topic == self._availability:
            return Report(online=payload == b"online")
        return _report(payload.decode(errors="replace"), answers=True)


def _report(said: object, *, answers: bool) -> Report:
    state = _STATES.get(said) if isinstance(said, str) else None
    return Report(state=state, answers=answers, odd="" if state else str(said)[:_LONGEST])
