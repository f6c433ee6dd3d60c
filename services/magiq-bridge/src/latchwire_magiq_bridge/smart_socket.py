"""One handler a socket, in the words of the kit: on, off, toggle, status.

``done`` means that the socket said so: its cloud's answer holds the state that was asked for, and that the
socket is connected. Where the answer to a SET does not say it, a GET has to. The cause of a failure says
whether it may have happened, so it depends on how far this had come: before the SET was sent, nothing has;
afterwards it may have, even where the cloud calls the socket offline, for it may switch when it is back.
"""

import logging
import threading
import time
from collections.abc import Callable
from typing import Final, TypeVar

from latchwire.errors import ActionError
from latchwire.model import Cause, Happened, State
from latchwire_magiq_bridge.circuit import Circuit
from latchwire_magiq_bridge.cloud import Cloud, Reading

log = logging.getLogger("latchwire.magiq")

ACTION_SECONDS: Final = 8.0
"""What one action may take in all, its GETs and second tries included. Twilio waits 15 s for a webhook."""
_CONFIRM_AFTER: Final = (0.0, 0.3, 1.0)
"""Seconds before each GET that looks whether a SET has come through."""
_CLOUD_FAILED: Final = frozenset((Cause.UNREACHABLE, Cause.TIMEOUT, Cause.BAD_ANSWER, Cause.CREDENTIALS))
"""What opens the circuit; a socket that is offline or unknown was answered for."""
_T = TypeVar("_T")


class SmartSocket:
    """One socket. Its calls are done one after the other, whoever makes them.

    Args:
        name: the device's name in the configuration, for the log.
        device_id: its id at the cloud.
        cloud: where it hangs.
        poll_seconds: how often the kit looks at it.
        circuit: this socket's own.
        clock: seconds; the deadlines are on it.
        pause: waits so many seconds.
    """

    def __init__(
        self,
        *,
        name: str,
        device_id: str,
        cloud: Cloud,
        poll_seconds: float = 60.0,
        circuit: Circuit | None = None,
        clock: Callable[[], float] = time.monotonic,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self.poll_seconds = poll_seconds
        self._name = name
        self._device_id = device_id
        self._cloud = cloud
        self._circuit = circuit or Circuit()
        self._clock = clock
        self._pause = pause
        self._lock = threading.Lock()
        self._connected = False
        self._last_failure = ActionError(Cause.UNREACHABLE)

    @property
    def simulated(self) -> bool:
        """Whether nothing real is switched."""
        return self._cloud.simulated

    def on(self) -> State:
        """Switches it on, and returns what the socket says then.

        Raises:
            ActionError: as :meth:`toggle`.
        """
        with self._lock:
            return self._switch(on=True, deadline=self._clock() + ACTION_SECONDS)

    def off(self) -> State:
        """Switches it off, and returns what the socket says then.

        Raises:
            ActionError: as :meth:`toggle`.
        """
        with self._lock:
            return self._switch(on=False, deadline=self._clock() + ACTION_SECONDS)

    def toggle(self) -> State:
        """Reads it, and sets it to the other.

        Raises:
            ActionError: unreachable, offline, rejected, credentials: nothing happened. Timeout, bad-answer,
                not-confirmed: it may have.
        """
        with self._lock:
            deadline = self._clock() + ACTION_SECONDS
            return self._switch(on=not self._read(deadline).on, deadline=deadline)

    def status(self) -> State:
        """Asks the socket's cloud for its state.

        Raises:
            ActionError: why it cannot be known; ``offline`` if the socket is not connected.
        """
        with self._lock:
            return _state(self._read(self._clock() + ACTION_SECONDS))

    def poll(self) -> State | None:
        """Like :meth:`status`, for the kit's own looks: ``None`` while commands need all the requests.

        Raises:
            ActionError: as :meth:`status`.
        """
        return self.status() if self._cloud.may_poll() else None

    def close(self) -> None:
        """Lets go of the connections to the cloud, which all sockets share; for the end of the process."""
        self._cloud.close()

    def _switch(self, *, on: bool, deadline: float) -> State:
        if not self._connected:
            # Not known to be connected: looking first costs a round trip, and lets an offline socket be told
            # as what it is. After a SET that could no longer be said to have done nothing.
            self._read(deadline)
        reading = self._ask(lambda: self._cloud.set(self._device_id, on=on, deadline=deadline))
        if reading is not None:
            self._connected = reading.connected
            if reading == Reading(on, connected=True):
                return _state(reading)
            if not reading.connected:
                raise ActionError(
                    Cause.NOT_CONFIRMED,
                    "the cloud took the command, but the socket is offline; it may switch when it is back",
                )
        return self._confirm(on=on, deadline=deadline)

    def _confirm(self, *, on: bool, deadline: float) -> State:
        """Looks whether the socket has become what it was set to."""
        for seconds in _CONFIRM_AFTER:
            self._pause(seconds)
            try:
                reading = self._read(deadline)
            except ActionError as error:
                if error.cause.happened is Happened.NO:  # true of the GET, but the SET was taken
                    raise ActionError(Cause.NOT_CONFIRMED, f"the cloud took the command; then: {error}") from error
                raise
            if reading.on == on:
                return _state(reading)
        raise ActionError(Cause.NOT_CONFIRMED, f"set to {'on' if on else 'off'}, and the socket says {_state(reading)}")

    def _read(self, deadline: float) -> Reading:
        reading = self._ask(lambda: self._cloud.get(self._device_id, deadline=deadline))
        self._connected = reading.connected
        if not reading.connected:
            raise ActionError(Cause.OFFLINE, "the cloud says that the socket is not connected")
        return reading

    def _ask(self, call: Callable[[], _T]) -> _T:
        """Asks the cloud, unless it failed so often that it is left alone for a while."""
        seconds = self._circuit.seconds_left(self._clock())
        if seconds > 0:
            last = self._last_failure
            cause = last.cause if last.cause.happened is Happened.NO else Cause.UNREACHABLE
            raise ActionError(cause, f"not tried again for {seconds:.0f} s, after: {last}")
        try:
            answer = call()
        except ActionError as error:
            if error.cause in _CLOUD_FAILED:
                self._note_failure(error)
            else:
                self._note_answer()
            raise
        self._note_answer()
        return answer

    def _note_failure(self, error: ActionError) -> None:
        self._last_failure = error
        if self._circuit.failed(self._clock()):
            log.warning(
                "The MagIQ cloud keeps failing for %s and is left alone for %.0f s, then tried again: %s "
                "device=%s cause=%s",
                self._name,
                self._circuit.seconds_left(self._clock()),
                error.detail,
                self._name,
                error.cause.wire,
            )

    def _note_answer(self) -> None:
        if self._circuit.succeeded():
            log.info("The MagIQ cloud answers again for %s. device=%s", self._name, self._name)


def _state(reading: Reading) -> State:
    return State.ON if reading.on else State.OFF
