"""One handler a device, in the words that the kit calls: lock and unlock, on and off, status, settle.

Each returns the state that was read back from the chip, or raises ``latchwire.errors.ActionError``. They
block for as long as the bus takes (``latchwire_relay_agent.i2c.LIMIT``), and may be called from several
threads: devices on one bus take turns.

``toggle`` is not here. A lock's is the kit's, timer and all; a switch's is a read and a write, which the kit
does too.
"""

from collections.abc import Callable
from typing import Final

from latchwire.model import State
from latchwire_relay_agent.mcp23008 import Board, Channel

POLL_SECONDS: Final = 15.0
"""A chip that lost its power lets go of its relays: so long may a door that is locked by power stand open."""


class _Relay:
    """What both kinds of device share.

    Attributes:
        simulated: whether its board is simulated; told in every state and receipt.
        poll_seconds: how often the kit reads it, though nobody asks.
        polls_in_turn: tells the kit that a read takes milliseconds.
    """

    poll_seconds = POLL_SECONDS
    polls_in_turn = True

    _states: tuple[State, State]
    """When safe, and when not."""

    def __init__(self, *, board: Board, channel: Channel, release: Callable[[], None], simulated: bool) -> None:
        self.simulated: Final = simulated
        self._board = board
        self._channel = channel
        self._release = release

    def settle(self) -> State:
        """Puts the relay into its declared start state, once in this object's life; later it only reads.

        Every other method does so first where it was not possible before, so a board that appears late is
        settled as soon as it is there.

        Raises:
            ActionError: ``hardware``, ``timeout``, ``not-configured`` or ``not-confirmed``; the detail says
                what to do.
        """
        return self._state(self._board.settle(self._channel.number))

    def status(self) -> State:
        """What the relay is; also notices a chip that lost its power, and sets it up again.

        Raises:
            ActionError: see :meth:`settle`.
        """
        return self._state(self._board.read(self._channel.number))

    def close(self) -> None:
        """Gives the bus back. The relays stay as they are, and a later call opens the bus again."""
        self._release()

    def _set(self, *, safe: bool) -> State:
        energised = self._channel.safe is safe
        return self._state(self._board.write(self._channel.number, energised=energised))

    def _state(self, level: bool) -> State:  # noqa: FBT001 - a relay's level
        return self._states[0] if level is self._channel.safe else self._states[1]


class LockRelay(_Relay):
    """A door lock on a relay."""

    _states = (State.LOCKED, State.UNLOCKED)

    def lock(self) -> State:
        """Locks the door; see :meth:`settle` for the errors."""
        return self._set(safe=True)

    def unlock(self) -> State:
        """Unlocks the door; see :meth:`settle` for the errors.

        When the chip does not confirm it, the latch is put back to locked first.
        """
        return self._set(safe=False)

    def hold(self, pending: bool) -> None:  # noqa: FBT001 - the kit's interface
        """Remembers across a crash of the process that a timed unlock is pending, or forgets it.

        Called with true before a timed unlock, and with false once the door was locked again or was unlocked
        for good. Does nothing where the start policy locks the door in any case. Forgetting never raises.

        Raises:
            ActionError: it cannot be remembered, so the door must not be opened; see :meth:`settle`.
        """
        self._board.hold(self._channel.number, pending=pending)


class SwitchRelay(_Relay):
    """A socket, or any other load, on a relay."""

    _states = (State.OFF, State.ON)

    def on(self) -> State:
        """Switches the load on; see :meth:`settle` for the errors."""
        return self._set(safe=False)

    def off(self) -> State:
        """Switches the load off; see :meth:`settle` for the errors."""
        return self._set(safe=True)
