"""Whatever is said and whatever fails: a handler never reports a state that the relay is not in.

Random commands, faults of the bus, stuck pins, losses of power and crashes, on a board with two locks and two
switches of every polarity and start policy.
"""

import contextlib
import errno

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from latchwire.errors import ActionError
from latchwire.model import State
from support.relay_bench import Bench

LEVELS = st.sampled_from(["released", "energised"])
LOCKS = st.fixed_dictionaries({"locked": LEVELS, "atStart": st.sampled_from(["lock", "unlock", "keep"])})
SWITCHES = st.fixed_dictionaries({"on": LEVELS, "atStart": st.sampled_from(["off", "on", "keep"])})
NAMES = ("door", "gate", "lamp", "fan")
ERRORS = st.sampled_from([errno.EAGAIN, errno.EIO, errno.ETIMEDOUT, errno.ENXIO, errno.EBADF])


class Relays(RuleBasedStateMachine):
    @initialize(door=LOCKS, gate=LOCKS, lamp=SWITCHES, fan=SWITCHES)
    def power_on(self, **devices: dict[str, object]) -> None:
        self.settings = {name: {**devices[name], "channel": n} for n, name in enumerate(NAMES)}
        self.bench = Bench(**self.settings)
        self.held = dict.fromkeys(NAMES, False)
        self.settled: set[str] = set()
        self.calm = True  # no fault was made since all was last seen to be well

    @rule(name=st.sampled_from(NAMES), which=st.sampled_from(["status", "settle", "safe", "unsafe"]))
    def command(self, name: str, which: str) -> None:
        words = ("lock", "unlock") if name in {"door", "gate"} else ("off", "on")
        action = {"safe": words[0], "unsafe": words[1]}.get(which, which)
        quiet = self.calm and set(NAMES) == self.settled
        before = self.bench.bus.relays()
        state = None
        with contextlib.suppress(ActionError):
            state = getattr(self.bench.handlers[name], action)()
        assert state is not None or not self.calm, "it failed without a reason"
        if state is not None:
            self.settled.add(name)
            assert state is self.is_really(name)
            if action in words:
                wanted = {"lock": "locked", "unlock": "unlocked"}.get(action, action)
                assert state == wanted
        if quiet:
            others = ~(1 << NAMES.index(name))
            assert before & others == self.bench.bus.relays() & others

    @rule(name=st.sampled_from(["door", "gate"]))
    def timed_unlock(self, name: str) -> None:
        lock = self.bench.lock(name)
        try:
            lock.hold(pending=True)
        except ActionError:
            return
        self.held[name] = True
        try:
            lock.unlock()
        except ActionError:
            assert not self.calm

    @rule(name=st.sampled_from(["door", "gate"]))
    def relock(self, name: str) -> None:
        lock = self.bench.lock(name)
        try:
            lock.lock()
        except ActionError:
            return
        lock.hold(pending=False)
        self.held[name] = False

    @rule(number=ERRORS, times=st.integers(1, 6), before=st.integers(0, 12), delivered=st.booleans())
    def fail(self, number: int, times: int, before: int, *, delivered: bool) -> None:
        self.bench.bus.garble(0, before)
        self.bench.bus.fail(number, times, delivered=delivered)
        self.calm = False

    @rule(seconds=st.floats(0.1, 5), times=st.integers(1, 4))
    def hang(self, seconds: float, times: int) -> None:
        self.bench.bus.hang(seconds, times)
        self.calm = False

    @rule(after=st.integers(0, 15))
    def lose_power(self, after: int) -> None:
        self.bench.bus.lose_power(after=after)
        self.calm = False

    @rule(channel=st.integers(0, 3), level=st.sampled_from([True, False, None]))
    def stick(self, channel: int, *, level: bool | None) -> None:
        self.bench.bus.stick(channel, level)
        self.calm = False

    @rule(ghost=st.booleans())
    def unplug(self, *, ghost: bool) -> None:
        self.bench.bus.unplug(ghost=ghost)
        self.calm = False

    @rule()
    def plug(self) -> None:
        self.bench.bus.plug()

    @precondition(lambda self: not self.calm)
    @rule(crash=st.booleans())
    def repair(self, *, crash: bool) -> None:
        self.bench.bus.work()
        self.bench.bus.plug()
        for channel in range(4):
            self.bench.bus.stick(channel, None)
        if crash:
            self.crash()
        for name in NAMES:
            assert self.bench.handlers[name].status() is self.is_really(name)
        self.settled = set(NAMES)
        self.calm = True

    @rule()
    def crash(self) -> None:
        was_on = self.bench.bus.registers()["IODIR"] & 0x0F == 0
        self.bench.open()
        self.settled = set()
        for name in NAMES:
            try:
                state = self.bench.handlers[name].settle()
            except ActionError:
                assert not self.calm
                continue
            self.settled.add(name)
            assert state is self.is_really(name)
            policy = self.settings[name]["atStart"]
            if self.calm and was_on and name in {"door", "gate"} and (policy == "lock" or self.held[name]):
                assert state is State.LOCKED
        self.held = dict.fromkeys(NAMES, False)

    def is_really(self, name: str) -> State:
        closed = bool(self.bench.bus.relays() >> NAMES.index(name) & 1)
        setting = self.settings[name]
        if "locked" in setting:
            return State.LOCKED if closed is (setting["locked"] == "energised") else State.UNLOCKED
        return State.ON if closed is (setting["on"] == "energised") else State.OFF


Relays.TestCase.settings = settings(max_examples=200, stateful_step_count=30, deadline=None)
TestRelays = Relays.TestCase
