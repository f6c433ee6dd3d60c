"""A device behind the kit: relocks, faulty hardware, slow hardware, the end and the beginning.

The relay agent's own handlers on its simulated chip where the chip matters, a lock in memory where the kit does.
"""

import errno
import json
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from latchwire import topics
from latchwire.actuator import device as of_device
from latchwire.model import Cause, Happened, State
from latchwire.sender import Answer, Ending, Sender
from latchwire.waiting import now
from latchwire_relay_agent.hardware import open_devices
from latchwire_relay_agent.simulated import SimulatedBus
from support.broker import wait_until
from support.handlers import Bolt, Lamp, fault
from support.home import DOOR, Home, config

STATE = topics.state("omega", DOOR)
ENERGISED = 0b01


def ask(sender: Sender, action: str, device: str = DOOR) -> Answer:
    return sender.ask(agent="omega", device=device, action=action, sub="manual:test")


def relays(memory: Path) -> int:
    """Which relays of the simulated board are closed, as its file says."""
    return SimulatedBus(addresses=(0x27,), memory=memory).relays()


def opened_for(seconds: int, **more: object) -> dict[str, object]:
    document = config()
    document["devices"][DOOR] |= {"toggleSeconds": seconds, **more}
    return document


# ------------------------------------------------------------------------------------ relocking


def test_a_toggle_opens_the_door_and_locks_it_with_the_broker_gone(home: Home, tmp_path: Path) -> None:
    memory = tmp_path / "board"
    home.actuator(open_devices(home.agent_config(), memory=memory))
    answer = ask(home.sender(), "toggle")
    begun = now()
    assert (answer.ending, answer.state, answer.changed, answer.locks_in) == (
        Ending.DONE, State.UNLOCKED, True, 1,
    )  # fmt: skip
    home.broker.kill()
    assert relays(memory) & ENERGISED
    wait_until(lambda: not relays(memory) & ENERGISED, "the door is locked", 3)
    assert now() - begun < 2


def test_a_plain_unlock_locks_itself_where_the_configuration_says_so(make_home: Callable[..., Home]) -> None:
    home = make_home(document=opened_for(5, relockAfterSeconds=1))
    bolt = Bolt()
    home.actuator({DOOR: bolt, "lamp": Lamp()})
    observer = home.wire()
    assert ask(home.sender(), "unlock").locks_in == 1
    observer.wait_for(STATE, lambda heard: json.loads(heard.payload).get("locksIn") == 1)
    wait_until(lambda: bolt.state is State.LOCKED, "it locks", 3)
    last = observer.wait_for(STATE, lambda heard: b'"locked"' in heard.payload and b"relock" in heard.payload)
    assert json.loads(last.payload) == {"state": "locked", "by": "relock"}
    assert bolt.held is False


@pytest.mark.parametrize(("explicit", "stays"), [("lock", State.LOCKED), ("unlock", State.UNLOCKED)])
def test_an_explicit_command_ends_a_pending_relock(home: Home, explicit: str, stays: State) -> None:
    bolt = Bolt()
    home.actuator({DOOR: bolt, "lamp": Lamp()})
    observer, sender = home.wire(), home.sender()
    ask(sender, "toggle")
    opened = now()
    answer = ask(sender, explicit)
    assert (answer.ending, answer.locks_in) == (Ending.DONE, None)
    assert bolt.held is False
    observer.wait_for(STATE, lambda heard: json.loads(heard.payload) == {"state": stays.value, "by": "manual:test"})
    wait_until(lambda: now() > opened + 1.3, "the toggle's time is over")
    assert (bolt.state, bolt.count("lock")) == (stays, 1 if explicit == "lock" else 0)
    assert b"locksIn" not in observer.on(STATE)[-1].payload


def test_a_lock_that_failed_does_not_end_a_pending_relock(home: Home) -> None:
    bolt = Bolt()
    home.actuator({DOOR: bolt, "lamp": Lamp()})
    sender = home.sender()
    ask(sender, "toggle")
    bolt.faults["lock"] = fault(Cause.HARDWARE)
    assert ask(sender, "lock").cause is Cause.HARDWARE
    bolt.faults.clear()
    wait_until(lambda: bolt.state is State.LOCKED, "it locks by itself", 4)


def test_a_relock_that_fails_is_tried_until_it_holds(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(of_device, "RELOCK_RETRY_SECONDS", (0.1, 0.1))
    bolt = Bolt()
    home.actuator({DOOR: bolt, "lamp": Lamp()})
    observer = home.wire()
    ask(home.sender(), "toggle")
    bolt.stuck = "lock"
    wait_until(lambda: bolt.count("lock") >= 4, "it is tried again", 4)
    assert json.loads(observer.on(STATE)[-1].payload)["state"] == "unlocked"
    bolt.stuck = ""
    observer.wait_for(STATE, lambda heard: b'"locked"' in heard.payload and b"relock" in heard.payload)
    tries = bolt.count("lock")
    assert bolt.state is State.LOCKED
    assert (bolt.held, bolt.count("lock")) == (False, tries)


@pytest.mark.parametrize(("cause", "remembered"), [(Cause.NOT_CONFIGURED, False), (Cause.HARDWARE, True)])
def test_a_mark_of_a_pending_relock_stays_only_where_the_door_may_be_open(
    home: Home, cause: Cause, *, remembered: bool
) -> None:
    bolt = Bolt()
    home.actuator({DOOR: bolt, "lamp": Lamp()})
    bolt.faults["unlock"] = fault(cause)
    assert ask(home.sender(), "toggle").cause is cause
    assert bolt.held is remembered


@pytest.mark.parametrize(("device", "slow"), [(DOOR, "reading"), (DOOR, "remembering"), ("lamp", "reading")])
def test_a_toggle_is_not_begun_when_what_comes_first_took_until_after_its_time(
    home: Home, device: str, slow: str
) -> None:
    """The one who asked was told how long it may still happen; hardware that hangs must not make that untrue."""
    bolt, lamp, late, let = Bolt(), Lamp(), list[Answer](), threading.Event()
    home.actuator({DOOR: bolt, "lamp": lamp})
    sender = home.sender()
    assert ask(sender, "status", device).ending is Ending.DONE  # what is read at the start has been read
    hardware: Bolt | Lamp = bolt if device == DOOR else lamp
    setattr(hardware, slow, lambda: let.wait(20))
    answer = sender.ask(
        agent="omega", device=device, action="toggle", sub="manual:test", wait=0.3, patience=0.3, on_late=late.append
    )
    assert answer.ending is Ending.NO_ANSWER
    assert answer.until is not None
    end = now() + answer.until
    wait_until(lambda: now() > end, "it may not happen any more", 5)
    let.set()
    wait_until(lambda: bool(late), "the truth follows")
    assert (late[0].ending, late[0].cause, late[0].happened) == (Ending.REFUSED, Cause.STALE_NONCE, Happened.NO)
    assert (bolt.count("unlock"), bolt.held or False, lamp.state) == (0, False, State.OFF)
    setattr(hardware, slow, lambda: None)
    assert ask(sender, "toggle", device).ending is Ending.DONE


def test_a_toggle_that_cannot_be_remembered_opens_nothing(home: Home) -> None:
    bolt = Bolt()
    home.actuator({DOOR: bolt, "lamp": Lamp()})
    bolt.faults["hold"] = fault(Cause.HARDWARE)
    assert ask(home.sender(), "toggle").ending is Ending.FAILED
    assert bolt.count("unlock") == 0


# ------------------------------------------------------------------------------- faulty hardware


def test_a_faulty_bus_fails_the_command_makes_the_state_unknown_and_heals(home: Home) -> None:
    chip = SimulatedBus(addresses=(0x27,))
    devices = open_devices(home.agent_config(), wire=chip)
    for handler in devices.values():
        handler.poll_seconds = 0.2
    home.actuator(devices)
    observer, sender = home.wire(), home.sender()
    chip.unplug()
    answer = ask(sender, "unlock")
    assert (answer.ending, answer.cause) == (Ending.FAILED, Cause.HARDWARE)
    unknown = json.loads(observer.wait_for(STATE, lambda heard: b"unknown" in heard.payload).payload)
    assert (unknown["state"], unknown["cause"], unknown["simulated"]) == ("unknown", "hardware", True)
    chip.plug()
    observer.wait_for(STATE, lambda heard: b'"locked"' in heard.payload and heard.payload != b"")
    wait_until(lambda: json.loads(observer.on(STATE)[-1].payload)["state"] == "locked", "it heals by itself")
    assert ask(sender, "unlock").ending is Ending.DONE


def test_a_transient_error_of_the_bus_is_not_told_to_anybody(home: Home) -> None:
    chip = SimulatedBus(addresses=(0x27,))
    home.actuator(open_devices(home.agent_config(), wire=chip))
    chip.fail(errno.EIO)
    assert ask(home.sender(), "unlock").ending is Ending.DONE


def test_a_slow_device_delays_no_other(home: Home) -> None:
    bolt = Bolt()
    home.actuator({DOOR: bolt, "lamp": Lamp()}, deadline=30.0)
    sender = home.sender()
    bolt.gate.clear()
    slow: list[Answer] = []
    thread = threading.Thread(target=lambda: slow.append(ask(sender, "unlock")))
    thread.start()
    wait_until(lambda: bolt.count("unlock") == 1, "the door is at it")
    assert [ask(sender, action, "lamp").ending for action in ("on", "toggle", "off")] == [Ending.DONE] * 3
    assert not slow
    bolt.gate.set()
    thread.join(10)
    assert slow[0].ending is Ending.DONE


# ------------------------------------------------------------------------- beginning and the end


def test_a_door_that_was_opened_for_a_time_is_locked_before_the_end(home: Home) -> None:
    bolt = Bolt()
    actuator = home.actuator({DOOR: bolt, "lamp": Lamp()})
    observer = home.wire()
    ask(home.sender(), "toggle")
    begun = now()
    actuator.stop()
    assert now() - begun < 0.9  # it did not wait for the toggle's own time
    assert (bolt.state, bolt.calls[-1]) == (State.LOCKED, "close")
    assert observer.wait_for(topics.availability("omega"), lambda heard: heard.payload == b"offline")
    assert json.loads(observer.on(STATE)[-1].payload) == {"state": "locked", "by": "stop"}


def test_what_waits_at_the_end_is_refused_and_not_done(home: Home) -> None:
    bolt = Bolt()
    actuator = home.actuator({DOOR: bolt, "lamp": Lamp()}, deadline=30.0)
    sender = home.sender()
    bolt.gate.clear()
    answers: dict[str, Answer] = {}
    threads = [
        threading.Thread(target=lambda action=action: answers.update({action: ask(sender, action)}))
        for action in ("lock", "unlock")
    ]
    threads[0].start()
    wait_until(lambda: bolt.count("lock") == 1, "one is being done")
    threads[1].start()
    wait_until(lambda: actuator._commands._queued[DOOR] == 2, "one waits")
    stopping = threading.Thread(target=actuator.stop)
    stopping.start()
    wait_until(lambda: actuator._stopping, "it stops")
    bolt.gate.set()
    for thread in (*threads, stopping):
        thread.join(10)
    assert answers["lock"].ending is Ending.DONE
    assert (answers["unlock"].ending, answers["unlock"].cause) == (Ending.REFUSED, Cause.BUSY)
    assert bolt.count("unlock") == 0


def test_the_door_is_settled_before_there_is_any_network(home: Home, tmp_path: Path) -> None:
    home.broker.stop()
    memory = tmp_path / "board"
    chip = SimulatedBus(addresses=(0x27,), memory=memory)
    for register, value in ((0x0A, ENERGISED), (0x00, 0x00)):  # OLAT and IODIR: a process before it left it open
        chip.write_byte_data(0x27, register, value)
    assert relays(memory) & ENERGISED
    home.actuator(open_devices(home.agent_config(), memory=memory), wait=False)
    assert not relays(memory) & ENERGISED


def test_hardware_that_hangs_at_the_start_does_not_keep_the_agent_silent(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("latchwire.actuator.agent.SETTLE_SECONDS", 0.3)
    bolt = Bolt()
    bolt.gate.clear()
    home.actuator({DOOR: bolt, "lamp": Lamp()})
    assert ask(home.sender(), "on", "lamp").ending is Ending.DONE
    bolt.gate.set()
