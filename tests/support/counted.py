"""An actuator service that writes down each actuation at its hardware, by command: ``python -m support.counted NAME``.

``COUNTED_FILE`` gets a line when a handler is called for a command and one when it returns or raises, each with the
command's id, so that what was done can be counted after any number of kills. With ``I2C_SEED`` the simulated relay
board's bus fails now and then, in every way that a bus fails, until the file ``I2C_CALM`` is there. The real classes
are wrapped from outside; nothing in the services knows of it.
"""

import errno
import importlib
import json
import os
import random
import sys
import threading
import time
from pathlib import Path
from typing import Any, Final

from latchwire.actuator import handler as of_handler
from latchwire.actuator.commands import Commands
from latchwire.errors import ActionError
from latchwire.model import STATUS, Kind
from latchwire.waiting import now
from latchwire_relay_agent import hardware
from latchwire_relay_agent.simulated import SimulatedBus

ERRORS: Final = (errno.ENXIO, errno.EREMOTEIO, errno.EAGAIN, errno.EIO, errno.EPROTO, errno.ETIMEDOUT)
"""No acknowledgement in two drivers' words, lost arbitration, and what else drivers say."""


class FaultyBus(SimulatedBus):
    """A simulated bus that fails at random, about once in so many transfers.

    Attributes:
        made: the one of this process.
    """

    made: "FaultyBus | None" = None

    def __init__(self, **options: Any) -> None:
        seed = os.environ.get("I2C_SEED", "")
        self._dice = random.Random(f"{seed}/{now()}")  # noqa: S311  # a plan, no secret
        self._mean = int(os.environ.get("I2C_MEAN", "60")) if seed else 0
        self._calm = Path(os.environ.get("I2C_CALM", "/nowhere"))
        # What an earlier process unplugged before it was killed comes back, too: the board outlives it.
        self._back_at = now() + 0.3 if seed else 0.0
        self.meddled = 0
        super().__init__(**options)
        FaultyBus.made = self

    def lose_power(self, address: int = 0x27, *, after: int = 0) -> None:
        """Counts it, too: a meter that looks a moment after the read-back shows something else then."""
        self.meddled += not after
        super().lose_power(address, after=after)

    def stick(self, channel: int, level: bool | None, address: int = 0x27) -> None:  # noqa: FBT001  # a pin's level
        """Counts it, too."""
        self.meddled += 1
        super().stick(channel, level, address)

    def _meet_fault(self, operation: str, address: int, register: int, value: int | None = None) -> Any:
        if self._back_at and (now() >= self._back_at or self._calm.exists()):
            self._back_at = 0.0
            self.plug()
            self.stick(0, None)
            self.stick(3, None)
        if self._mean and not self._faults and self._dice.randrange(self._mean) == 0 and not self._calm.exists():
            self._begin()
        return super()._meet_fault(operation, address, register, value)

    def _begin(self) -> None:
        dice = self._dice
        match dice.randrange(10):
            case 0 | 1 | 2:
                self.fail(dice.choice(ERRORS), dice.choice((1, 1, 2, 4, 9)), delivered=dice.random() < 0.5)
            case 3 | 4:
                self.garble(1 << dice.randrange(8), dice.choice((1, 1, 2)))
            case 5:
                self.lose_power(after=dice.choice((1, 2, 5)))
            case 6:
                self.hang(dice.uniform(0.01, 0.4), dice.choice((1, 2, 3)))
            case 7:
                self.unplug(ghost=dice.random() < 0.5)
                self._back_at = now() + dice.uniform(0.05, 0.6)
            case 8:
                self.stick(dice.choice((0, 3)), dice.random() < 0.5)
                self._back_at = now() + dice.uniform(0.05, 0.6)
            case _:
                self.fail(errno.EIO, 40)  # beyond all tries


class Ledger:
    """Where each actuation is written; a line is whole even if the process is killed after it."""

    def __init__(self, path: str) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._local = threading.local()

    def write(self, handler: Any, **fields: object) -> None:
        name = getattr(handler, "_name", "") or handler._channel.device
        line = {"at": now(), "jti": self._local.jti, "device": name, **fields}
        os.write(self._file, (json.dumps(line) + "\n").encode())

    def wrap(self) -> None:
        """Wraps the kit."""
        do, call = Commands._do, of_handler.call

        def counted_do(commands: Commands, name: str, accepted: Any) -> None:
            self._local.jti = accepted.command.jti
            try:
                do(commands, name, accepted)
            finally:
                self._local.jti = ""

        def counted_call(handler: Any, action: str, kind: Kind) -> Any:
            jti = getattr(self._local, "jti", "")
            if not jti or action == STATUS or not callable(getattr(handler, action, None)):
                return call(handler, action, kind)
            self.write(handler, step="begin", act=action)
            meddled = _meddled()
            try:
                state = call(handler, action, kind)
            except ActionError as error:
                self.write(handler, step="failed", act=action, cause=error.cause.wire)
                raise
            real = _meter(handler)
            self.write(handler, step="end", act=action, state=state.value, real=real if meddled == _meddled() else None)
            return state

        Commands._do = counted_do  # type: ignore[method-assign, assignment]
        of_handler.call = counted_call


def _meddled() -> int:
    """How often somebody changed a pin behind the chip's back."""
    return FaultyBus.made.meddled if FaultyBus.made else 0


def _meter(handler: Any) -> str | None:
    """What a meter at the relay's pin shows, in the handler's own words; ``None`` where there is no relay."""
    channel = getattr(handler, "_channel", None)
    if channel is None or FaultyBus.made is None:
        return None
    closed = bool(FaultyBus.made.relays() & channel.bit)
    return str(handler._states[0 if closed is channel.safe else 1])


if __name__ == "__main__":
    Ledger(os.environ["COUNTED_FILE"]).wrap()
    hardware.SimulatedBus = FaultyBus  # type: ignore[attr-defined]
    time.sleep(float(os.environ.get("START_AFTER", "0")))
    module = importlib.import_module(f"latchwire_{sys.argv.pop(1).replace('-', '_')}.main")
    sys.exit(module.main())
