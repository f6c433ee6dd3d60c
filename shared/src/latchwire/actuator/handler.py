"""What an actuator service gives the kit: one handler for each device.

A handler has a method for each action of its kind (``lock`` and ``unlock``, or ``on`` and ``off``) and ``status``. Each
may block and returns the state *read back* from the hardware; one that could not do it raises
:class:`latchwire.errors.ActionError` with the cause. One device's calls come one after the other, never on the thread
that talks to the broker.

It may also have:

``settle()``      puts the output into its declared start state, before any network; returns the state
``toggle()``      a switch's own; otherwise the kit reads and sets. A lock's timed toggle is always the kit's
``poll()``        instead of ``status`` where nobody asked but it is time to look; ``None`` to leave it for now
``watch(look)``   given a function at the start: calling that, from any thread, makes the kit ``poll`` at once
``hold(pending)`` told before a timed unlock, and after it was locked again: to be remembered over a crash
``close()``       gives the hardware back
``simulated``     true if there is no hardware
``poll_seconds``  how often the kit reads the state by itself (default: :data:`POLL_SECONDS`)
``polls_in_turn`` true if reading takes milliseconds, so that one thread can read all such devices one after the other
"""

from collections.abc import Callable
from typing import Final, Protocol

from latchwire.errors import ActionError
from latchwire.model import STATUS, Cause, Kind, State

POLL_SECONDS: Final = 60.0
"""Each look wakes two threads, and whoever asks for ``status`` or an action is told what the hardware reads then."""


class Handler(Protocol):
    """The least that a device's handler has; the actions of its kind and the rest are looked up by name."""

    def status(self) -> State:
        """Reads the state from the hardware."""


def call(handler: Handler, action: str, kind: Kind) -> State:
    """Does ``action`` and returns the state that was read back.

    Raises:
        ActionError: the handler's own; or ``internal`` if it has no such method, or one that returns something else
            than a state that a device of this kind can have.
    """
    method = getattr(handler, action, None)
    if callable(method):
        return _checked(handler, action, kind, method())
    raise ActionError(Cause.INTERNAL, f"{_named(handler)} has no method {action}")


def settle(handler: Handler, kind: Kind) -> State:
    """Puts the device into its declared start state if it has one, and reads the state."""
    return call(handler, "settle" if callable(getattr(handler, "settle", None)) else STATUS, kind)


def poll(handler: Handler, kind: Kind) -> State | None:
    """Reads the state because it is time to; ``None`` if the handler leaves it for now."""
    method = getattr(handler, "poll", None)
    if not callable(method):
        return call(handler, STATUS, kind)
    state = method()
    return None if state is None else _checked(handler, "poll", kind, state)


def _checked(handler: Handler, action: str, kind: Kind, state: object) -> State:
    if isinstance(state, State) and state in kind.states:
        return state
    what = f"State.{state.name}" if isinstance(state, State) else type(state).__name__
    choices = ", ".join(f"State.{choice.name}" for choice in kind.states)
    raise ActionError(
        Cause.INTERNAL,
        f"{_named(handler)}.{action} returned {what}; for a {kind} return one of {choices}, as read back",
    )


def _named(handler: Handler) -> str:
    return str(getattr(handler, "named", type(handler).__name__))


def watch(handler: Handler, look: Callable[[], None]) -> None:
    """Gives the handler what to call when its state may have changed by itself, if it wants that."""
    method = getattr(handler, "watch", None)
    if callable(method):
        method(look)


def hold(handler: Handler, *, pending: bool) -> None:
    """Lets the hardware remember that a timed unlock is open, if it can."""
    method = getattr(handler, "hold", None)
    if callable(method):
        method(pending)


def close(handler: Handler) -> None:
    """Gives the hardware back, if there is something to give back."""
    method = getattr(handler, "close", None)
    if callable(method):
        method()


def is_simulated(handler: Handler) -> bool:
    """Whether there is no hardware behind it."""
    return getattr(handler, "simulated", False) is True


def poll_seconds(handler: Handler) -> float:
    """How often its state is read although nobody asked."""
    seconds = getattr(handler, "poll_seconds", POLL_SECONDS)
    return float(seconds) if isinstance(seconds, (int, float)) else POLL_SECONDS


def polls_in_turn(handler: Handler) -> bool:
    """Whether one thread reads all such devices, one after the other: one wake-up, however many they are."""
    return getattr(handler, "polls_in_turn", False) is True
