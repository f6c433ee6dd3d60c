"""One device: does an action through its handler, and locks again what was opened for a time.

A lock's ``toggle`` unlocks, waits and locks; ``relockAfterSeconds`` locks after a plain ``unlock``. The waiting is done
on this machine's own clock, with the broker or without it, and a relock that fails is tried again until it holds. An
explicit ``lock`` or ``unlock`` meanwhile ends it, once that was really done.

Everything runs on the device's strand, but for :meth:`Device.settle`, which runs before there is one.
"""

import logging
import math
from collections.abc import Callable
from typing import Final, NamedTuple

from latchwire.actuator import handler as of_handler
from latchwire.actuator.handler import Handler
from latchwire.actuator.strands import Job
from latchwire.config.agent import DeviceConfig
from latchwire.errors import ActionError
from latchwire.model import STATE_AFTER, STATUS, TOGGLE, Cause, Happened, Kind, State
from latchwire.waiting import Timer, Timers, now

RELOCK_RETRY_SECONDS: Final = (0.5, 1.0, 2.0, 5.0)
"""Pauses after a relock that failed; the last one is repeated for ever."""

CLOSE_TRIES: Final = 3
"""How often a pending relock is tried at the end."""

_log = logging.getLogger("latchwire.device")


class Result(NamedTuple):
    """What came of an action: ``cause`` is ``None`` if it was done."""

    state: State
    cause: Cause | None = None
    detail: str = ""
    changed: bool | None = None
    locks_in: int | None = None


class View(NamedTuple):
    """What is known of the device now, for its retained state.

    Attributes:
        by: who made it so; "" if that was nobody who asked, as a press on the socket itself.
        lacks: where it is not configured: what to set.
    """

    state: State
    cause: Cause | None
    by: str
    lacks: str = ""


_TURN: Final = {State.ON: "off", State.OFF: "on"}
_LATE: Final = "the hardware took too long, so it was not begun"


class Device:
    """A device at work.

    Args:
        config: what the user wrote.
        handler: how it is worked.
        timers: where a relock waits.
        submit: hands a job to the device's strand, before all that wait there.
        on_change: told, on the strand, that it locked by itself or could not.
    """

    def __init__(
        self,
        *,
        config: DeviceConfig,
        handler: Handler,
        timers: Timers,
        submit: Callable[[Job], None],
        on_change: Callable[[], None],
    ) -> None:
        self.config, self.handler = config, handler
        self.simulated = of_handler.is_simulated(handler)
        self.view = View(State.UNKNOWN, None, "")
        self._timers, self._submit, self._on_change = timers, submit, on_change
        self._relock: Timer | None = None
        self._relock_tries = 0

    def settle(self) -> None:
        """Puts it into its declared start state; a fault is kept in the view and told in the log."""
        self._note(self._attempt(lambda: of_handler.settle(self.handler, self.config.kind)), by="start")

    def perform(self, action: str, by: str, in_time: Callable[[], bool] = lambda: True) -> Result:
        """Does an action; never raises.

        Args:
            action: which.
            by: who asked.
            in_time: whether it may still be begun: looked at again where the state was read or something was remembered
                first, for hardware may take its time. The cause is ``stale-nonce`` then, and nothing was done.
        """
        if action == STATUS:
            result = self._attempt(lambda: self._call(STATUS))._replace(locks_in=self.locks_in())
            by = ""
        elif action == TOGGLE and self.config.kind is Kind.LOCK:
            result = self._toggle_lock(in_time)
        elif action == TOGGLE and not callable(getattr(self.handler, TOGGLE, None)):
            result = self._toggle_switch(in_time)
        elif action == "unlock":
            result = self._unlock_for(self.config.relock_after_seconds, in_time)
        else:
            result = self._set(action)
        self._note(result, by="" if result.cause is Cause.STALE_NONCE else by)
        return result

    def poll(self) -> None:
        """Reads the state because it is time to; if it is another one, nobody who asked has changed it."""
        self._note(self._attempt(lambda: of_handler.poll(self.handler, self.config.kind)), by="")

    def came_late(self, action: str, result: Result, by: str) -> None:
        """Notes what came of an action that had been called overdue; on the strand."""
        changed_nothing = action == STATUS or result.cause is Cause.STALE_NONCE
        self._note(result, by=self.view.by if changed_nothing else by)

    def overdue(self) -> None:
        """Notes that an action has taken too long: until it ends nobody knows the state."""
        self._note(Result(State.UNKNOWN, Cause.TIMEOUT, "the hardware does not answer"), by=self.view.by)

    def locks_in(self) -> int | None:
        """Whole seconds until it locks by itself, rounded up; ``None`` if it will not."""
        timer = self._relock
        return None if timer is None else max(0, math.ceil(timer.at - now()))

    def close(self) -> None:
        """Locks first if it is to be locked by itself, then gives the hardware back."""
        for _ in range(CLOSE_TRIES):
            if self._relock is None:
                break
            result = self._attempt(lambda: self._call("lock"), State.LOCKED)
            self._note(result, by="stop")
            self._end_relock(result)
            if result.cause is None:
                _log.info("Locked before the end, as a relock was pending. device=%s", self.config.name)
        if self._relock is not None:
            self._relock.cancel()
            _log.error("Could not be locked before the end: look at the door. device=%s", self.config.name)
        of_handler.close(self.handler)

    # ------------------------------------------------------------------------------- on the strand

    def _toggle_lock(self, in_time: Callable[[], bool]) -> Result:
        before = self._attempt(lambda: self._call(STATUS))
        if before.cause is not None:
            return before
        if before.state is State.UNLOCKED:
            return before._replace(changed=False, locks_in=self.locks_in())
        result = self._unlock_for(self.config.toggle_seconds, in_time)
        is_late = result.cause is Cause.STALE_NONCE
        return result._replace(state=before.state) if is_late else result._replace(changed=True)

    def _toggle_switch(self, in_time: Callable[[], bool]) -> Result:
        before = self._attempt(lambda: self._call(STATUS))
        if before.cause is not None:
            return before
        if before.state not in _TURN:
            return before._replace(cause=Cause.HARDWARE, detail=f"cannot toggle from {before.state}")
        if not in_time():
            return before._replace(cause=Cause.STALE_NONCE, detail=_LATE)
        result = self._set(_TURN[before.state])
        return result._replace(changed=result.state is not before.state) if result.cause is None else result

    def _set(self, action: str) -> Result:
        before = self.view.state
        result = self._attempt(lambda: self._call(action), STATE_AFTER.get(action))
        if action == "lock":
            self._end_relock(result)
        if action == TOGGLE and result.cause is None:
            return result._replace(changed=result.state is not before)
        return result

    def _unlock_for(self, seconds: int, in_time: Callable[[], bool]) -> Result:
        """Unlocks; ``seconds`` after it was told to, it locks by itself (0: never)."""
        if seconds:
            remembered = self._attempt(lambda: self._hold(pending=True))
            if remembered.cause is not None:
                return remembered
            if not in_time():
                if self._relock is None:
                    self._attempt(lambda: self._hold(pending=False))
                return Result(self.view.state, Cause.STALE_NONCE, _LATE)
        result = self._attempt(lambda: self._call("unlock"), State.UNLOCKED)
        if seconds and (result.cause is None or result.cause.happened is Happened.MAYBE):
            self._lock_after(seconds)  # also where it only may have unlocked
        elif result.cause is None:
            self._end_relock(result)
        elif seconds and self._relock is None:
            self._attempt(lambda: self._hold(pending=False))  # nothing was opened: nothing is to be remembered
        return result._replace(locks_in=self.locks_in()) if result.cause is None else result

    def _call(self, action: str) -> State:
        return of_handler.call(self.handler, action, self.config.kind)

    def _hold(self, *, pending: bool) -> State:
        of_handler.hold(self.handler, pending=pending)
        return self.view.state

    def _end_relock(self, result: Result) -> None:
        """After an explicit lock or unlock that was really done, nothing is left to be locked later."""
        if result.cause is not None:
            return
        if self._relock is not None:
            self._relock.cancel()
            self._relock = None
            self._attempt(lambda: self._hold(pending=False))

    def _lock_after(self, seconds: float) -> None:
        if self._relock is not None:
            self._relock.cancel()
        self._relock_tries = 0
        self._relock = timer = self._timers.after(seconds, lambda: self._submit(lambda: self._lock_by_itself(timer)))

    def _lock_by_itself(self, timer: Timer) -> None:
        if self._relock is not timer:
            return  # an explicit command ended it meanwhile
        result = self._attempt(lambda: self._call("lock"), State.LOCKED)
        self._note(result, by="relock")
        if result.cause is None:
            self._end_relock(result)
            _log.info("Locked by itself. device=%s action=lock outcome=done", self.config.name)
        else:
            tries = self._relock_tries
            self._lock_after(RELOCK_RETRY_SECONDS[min(tries, len(RELOCK_RETRY_SECONDS) - 1)])
            self._relock_tries = tries + 1
        self._on_change()

    # -------------------------------------------------------------------------------- what came of it

    def _attempt(self, action: Callable[[], State | None], wanted: State | None = None) -> Result:
        try:
            state = action()
        except ActionError as error:
            return Result(State.UNKNOWN, error.cause, error.detail)
        except Exception as fault:  # noqa: BLE001  # a handler's own fault becomes a receipt, whatever it is
            _log.debug("Where a handler failed:", exc_info=True)
            return Result(State.UNKNOWN, Cause.INTERNAL, f"{fault!r}{_where(fault)}")
        if state is None:  # it was left for now
            return Result(self.view.state, self.view.cause)
        if wanted is not None and state is not wanted:
            return Result(state, Cause.NOT_CONFIRMED, f"it reads {state}")
        return Result(state)

    def _note(self, result: Result, *, by: str) -> None:
        old = self.view
        cause = result.cause if result.state is State.UNKNOWN else None
        if result.state is old.state and cause is old.cause:
            by = old.by  # nothing changed: who made it so stays
        self.view = View(result.state, cause, by, result.detail if cause is Cause.NOT_CONFIGURED else "")
        if self.view != old and cause is not None:
            detail = result.detail or cause.sentence
            _log.warning("Its state is not known: %s device=%s cause=%s", detail, self.config.name, cause.wire)


def _where(fault: Exception) -> str:
    """The line that raised it, for the log; "" if that is not known."""
    trace, place = fault.__traceback__, ""
    while trace is not None:
        code = trace.tb_frame.f_code
        place = f" in {code.co_qualname}, line {trace.tb_lineno} of {code.co_filename}"
        trace = trace.tb_next
    return place
