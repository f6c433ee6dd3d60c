"""From a delivery to a receipt: judge it, queue it for its device, do it, sign what came of it.

:class:`Commands` owns the agent's windows. It is called on the bus's thread (:meth:`Commands.heard`), on the workers'
and on the timers', and a lock of its own keeps the windows whole.
"""

import logging
import os
import threading
from collections.abc import Callable, Mapping
from typing import Final

from latchwire import topics
from latchwire.actuator.alerts import Alerts
from latchwire.actuator.device import Device, Result
from latchwire.actuator.strands import Strands
from latchwire.config.agent import AgentConfig
from latchwire.log import Seldom
from latchwire.model import Cause, Outcome, State
from latchwire.protocol.claims import Command, Receipt
from latchwire.protocol.keys import Key, Keyring
from latchwire.protocol.nonce import Answered, Nonce, Windows, whole_age
from latchwire.protocol.token import RECEIPT, encode_part, sign
from latchwire.protocol.verdict import Accepted, Alert, Delivery, Refused, Repeated, Rules, judge
from latchwire.waiting import Timers, now

QUEUE: Final = 8
"""Commands that may wait for one device; the next one is told ``busy``."""
DEADLINE_SECONDS: Final = 5.0
"""After so long an action that has not ended is answered ``failed: timeout``."""
STATE_SECONDS: Final = 0.1
"""While commands wait for a device, its state is published so often."""
LINES: Final = 30
"""Of one cause, or of what was done, so many are logged in ten seconds; the others are counted."""

_log = logging.getLogger("latchwire.command")


class Commands:
    """The acting half of the protocol.

    Args:
        config: the agent.
        keyring: its keys.
        devices: its devices at work.
        strands: where they work.
        timers: for deadlines.
        alerts: for what cannot be answered.
        publish: sends a receipt: topic, token, and whether it is a minor one; it is sent later if there is no
            connection now. Minor is what somebody who replays old commands can have as often as they like: it must not
            push out the receipt of what was done.
        on_done: told the device's name when its state may have changed.
        deadline: seconds an action may take before it is answered ``timeout``.
    """

    def __init__(
        self,
        *,
        config: AgentConfig,
        keyring: Keyring,
        devices: Mapping[str, Device],
        strands: Strands,
        timers: Timers,
        alerts: Alerts,
        publish: Callable[[str, str, bool], object],
        on_done: Callable[[str], None],
        deadline: float = DEADLINE_SECONDS,
    ) -> None:
        self._config, self._devices = config, devices
        self._strands, self._timers, self._alerts = strands, timers, alerts
        self._publish, self._on_done, self._deadline = publish, on_done, deadline
        self._lock = threading.Lock()
        self._seldom = Seldom(most=LINES)
        self._queued = dict.fromkeys(devices, 0)
        self._told: dict[str, float] = {}
        self._running: dict[str, tuple[float, Accepted]] = {}
        self._watched = False
        self._stopping = False
        kinds = {name: device.config.kind for name, device in devices.items()}
        self._rules = Rules(config.name, keyring, kinds, config.may, _Busy(self))
        self._windows = Windows(lifetime=config.lifetime, nonce=new_nonce(), now=now())

    @property
    def nonce(self) -> Nonce:
        """What the next command is to be signed over."""
        return self._windows.current

    def roll(self) -> bool:
        """Makes a new nonce if it is time for one; whether it did."""
        with self._lock:
            if not self._windows.due(now()):
                return False
            self._windows.roll(new_nonce(), now())
            return True

    def use(self, keyring: Keyring) -> None:
        """Judges by these keys from now on; what was begun by others is answered by them."""
        with self._lock:
            self._rules = self._rules._replace(keyring=keyring)

    @property
    def verifies(self) -> list[str]:
        """The ``kid`` of each key that commands may be signed with now."""
        rules = self._rules
        return sorted(key.kid for key in rules.keyring if key.agent == rules.agent)

    def stop(self) -> None:
        """Refuses all commands from now on; what is being done is done."""
        self._stopping = True

    def is_busy(self, device: str) -> bool:
        """Whether the device can take no further command now."""
        return self._stopping or self._queued.get(device, 0) >= QUEUE

    def heard(self, delivery: Delivery) -> bool:
        """Takes a delivery from the bus; whether a new nonce is due."""
        with self._lock:
            verdict = judge(delivery, self._rules, self._windows, now())
            due = self._windows.due(now())
            if isinstance(verdict, Accepted):
                self._queued[delivery.device] += 1
        match verdict:
            case Accepted():
                self._strands.submit(delivery.device, lambda: self._do(delivery.device, verdict))
            case Refused():
                self._refuse(delivery.device, verdict)
            case Repeated():
                self._repeat(delivery, verdict)
            case Alert():
                device = delivery.device if delivery.device in self._devices else ""
                self._alerts.raise_(verdict.cause, device=device, kid=verdict.kid, detail=verdict.detail)
        return due

    # --------------------------------------------------------------------------------- doing it

    def _do(self, name: str, accepted: Accepted) -> None:
        try:
            if now() > accepted.expires:
                late = Result(self._state(name), Cause.STALE_NONCE, "it waited too long behind others")
                self._finish_stale(name, accepted, late)
            elif self._stopping:
                self._finish(name, accepted, Result(self._state(name), Cause.BUSY))
            else:
                self._watch(name, accepted)
                command = accepted.command
                result = self._devices[name].perform(command.act, command.sub, lambda: now() <= accepted.expires)
                with self._lock:
                    in_time = self._running.pop(name, None) is not None
                if in_time and result.cause is Cause.STALE_NONCE:
                    self._finish_stale(name, accepted, result)
                elif in_time:
                    self._finish(name, accepted, result)
                else:  # it was answered at its deadline
                    self._devices[name].came_late(accepted.command.act, result, by=accepted.command.sub)
        finally:
            with self._lock:
                self._queued[name] -= 1
                is_last = self._queued[name] == 0
        # The last one always tells; of a burst the others do now and then, for each costs as much as a receipt.
        if is_last or now() - self._told.get(name, 0.0) >= STATE_SECONDS:
            self._told[name] = now()
            self._on_done(name)

    def _watch(self, name: str, accepted: Accepted) -> None:
        with self._lock:
            self._running[name] = (now(), accepted)
            if self._watched:
                return
            self._watched = True
        self._timers.after(self._deadline, self._look_at_deadlines)

    def _look_at_deadlines(self) -> None:
        with self._lock:
            latest = now() - self._deadline
            late = [(name, accepted) for name, (begun, accepted) in self._running.items() if begun <= latest]
            for name, _ in late:
                del self._running[name]
                self._devices[name].overdue()  # before the action's own end can be noted
            oldest = min((begun for begun, _ in self._running.values()), default=None)
            self._watched = oldest is not None
        if oldest is not None:
            self._timers.after(max(0.05, oldest - latest), self._look_at_deadlines)
        for name, accepted in late:
            self._finish(name, accepted, Result(State.UNKNOWN, Cause.TIMEOUT, "it takes too long"))
            self._on_done(name)

    def _finish(self, name: str, accepted: Accepted, result: Result) -> None:
        receipt = self._receipt(name, accepted.key, accepted.command, result)
        self._answer(name, accepted.key, receipt, result, remembered=True)

    def _finish_stale(self, name: str, accepted: Accepted, result: Result) -> None:
        """It waited too long and was never begun: as if it had come too late, so a second try can act."""
        with self._lock:
            self._windows.forget(accepted.key.issuer, accepted.command.jti)
        receipt = self._receipt(name, accepted.key, accepted.command, result)
        self._answer(name, accepted.key, receipt, result, remembered=False)

    # --------------------------------------------------------------------------------- answering

    def _refuse(self, name: str, refused: Refused) -> None:
        result = Result(self._state(name), refused.cause, refused.detail)
        receipt = self._receipt(name, refused.key, refused, result)
        self._answer(name, refused.key, receipt, result, remembered=refused.remembered)

    def _repeat(self, delivery: Delivery, repeated: Repeated) -> None:
        if repeated.answer is not None:
            topic = topics.receipt(self._config.name, repeated.answer.device, repeated.key.issuer)
            self._publish(topic, repeated.answer.token, True)
        if not delivery.duplicate:
            device = delivery.device if delivery.device in self._devices else ""
            self._alerts.raise_(Cause.REPLAYED, device=device, kid=repeated.key.kid)

    def _receipt(self, name: str, key: Key, said: Command | Refused, result: Result) -> Receipt:
        # Its iss is the topic's device, also where the command's aud is another one: signed over the command's aud, a
        # "wrong-address, nothing happened" could be carried to the topic where the same command is being done.
        cause, device, nonce, age, over = result.cause, self._devices.get(name), None, None, None
        if cause in {Cause.STALE_NONCE, Cause.UNKNOWN_NONCE}:
            over = said.nonce
            with self._lock:
                nonce, age = self._windows.current.value, whole_age(self._windows.current, now())
        return Receipt(
            iss=f"{self._config.name}/{name}",
            aud=key.issuer,
            re=said.jti,
            sub=said.sub,
            act=said.act,
            outcome=Outcome.DONE if cause is None else cause.outcome,
            state=result.state,
            changed=result.changed,
            locks_in=result.locks_in,
            cause=cause,
            nonce=nonce,
            age=age,
            over=over,
            simulated=device is not None and device.simulated,
        )

    def _answer(self, name: str, key: Key, receipt: Receipt, result: Result, *, remembered: bool) -> None:
        token = sign(receipt.to_claims(), typ=RECEIPT, kid=key.kid, secret=key.secret)
        if remembered:  # the others must not touch the answer of an honest command with the same jti
            with self._lock:
                self._windows.answered(key.issuer, receipt.re, Answered(name, token))
        self._publish(topics.receipt(self._config.name, name, key.issuer), token, not remembered)
        cause = result.cause
        sentence = "Done." if cause is None else cause.sentence
        self._seldom.event(
            _log, logging.INFO if cause is None else logging.WARNING, sentence, kind=cause,
            device=name, action=receipt.act, who=receipt.sub, command=receipt.re,
            outcome=receipt.outcome, state=receipt.state, cause=cause and cause.wire, detail=result.detail,
        )  # fmt: skip

    def _state(self, name: str) -> State:
        device = self._devices.get(name)
        return State.UNKNOWN if device is None else device.view.state


class _Busy:
    """The devices that can take no further command now, as the verdict asks for them."""

    def __init__(self, commands: Commands) -> None:
        self._commands = commands

    def __contains__(self, device: object) -> bool:
        return isinstance(device, str) and self._commands.is_busy(device)


def new_nonce() -> str:
    """128 random bits in base64url."""
    return encode_part(os.urandom(16)).decode("ascii")
