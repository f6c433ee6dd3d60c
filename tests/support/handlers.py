"""A door lock for tests of the kit, that counts, hangs, fails and lies on demand.

What the relay agent does with a chip is tested with its own simulated chip; this stands where only the kit's own
behaviour matters.
"""

import threading
from collections.abc import Callable
from typing import Final

from latchwire.errors import ActionError
from latchwire.model import Cause, State


class Bolt:
    """A lock in memory.

    Attributes:
        calls: what was called, in order.
        state: what the hardware is.
        faults: by action: an exception to raise instead of doing it.
        stuck: an action that is taken but changes nothing.
        gate: closed while it is cleared: every action but ``status`` hangs there.
        held: what ``hold`` was last told.
        reading: what reading the state does first.
        remembering: what ``hold`` does first.
    """

    poll_seconds = 0.0
    simulated = False

    def __init__(self, state: State = State.LOCKED) -> None:
        self.calls: Final[list[str]] = []
        self.state = state
        self.faults: Final[dict[str, Exception]] = {}
        self.stuck = ""
        self.gate: Final = threading.Event()
        self.gate.set()
        self.held: bool | None = None
        self.before: Callable[[str], None] = lambda _: None
        self.reading: Callable[[], object] = lambda: None
        self.remembering: Callable[[], object] = lambda: None

    def count(self, action: str) -> int:
        """How often that was called."""
        return self.calls.count(action)

    def lock(self) -> State:
        return self._do("lock", State.LOCKED)

    def unlock(self) -> State:
        return self._do("unlock", State.UNLOCKED)

    def settle(self) -> State:
        return self._do("settle", State.LOCKED)

    def status(self) -> State:
        self.calls.append("status")
        self.reading()
        self._fail("status")
        return self.state

    def hold(self, pending: bool) -> None:  # noqa: FBT001  # the kit's interface
        self.remembering()
        self._fail("hold")
        self.held = pending

    def close(self) -> None:
        self.calls.append("close")

    def _do(self, action: str, state: State) -> State:
        self.calls.append(action)
        self.before(action)
        self.gate.wait(30)
        self._fail(action)
        if action != self.stuck:
            self.state = state
        return self.state

    def _fail(self, action: str) -> None:
        if fault := self.faults.get(action):
            raise fault


class Lamp:
    """A switch in memory without a toggle of its own; ``reading`` is what reading its state does first."""

    poll_seconds = 0.0

    def __init__(self) -> None:
        self.state = State.OFF
        self.reading: Callable[[], object] = lambda: None

    def on(self) -> State:
        self.state = State.ON
        return self.state

    def off(self) -> State:
        self.state = State.OFF
        return self.state

    def status(self) -> State:
        self.reading()
        return self.state


def fault(cause: Cause, detail: str = "") -> ActionError:
    """What a handler raises."""
    return ActionError(cause, detail)
