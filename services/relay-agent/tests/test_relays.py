"""The handlers on simulated boards: what a person sees of a door or a socket, and what clicks."""

import errno
import logging

import pytest

from latchwire.actuator import handler as of_handler
from latchwire.errors import ActionError
from latchwire.model import Cause, State
from latchwire_relay_agent.i2c import LIMIT
from latchwire_relay_agent.registers import DEFVAL, GPINTEN, GPPU, IODIR, IPOL, OLAT
from latchwire_relay_agent.relays import LockRelay
from support.relay_bench import DOOR, LAMP, Bench, Settings

BOARD = 0x27
KEEP: Settings = {**DOOR, "atStart": "keep"}


def look(lock: LockRelay) -> str:
    try:
        return lock.status()
    except ActionError as error:
        return error.cause.wire


def warm(bench: Bench, latch: int) -> None:
    """A chip that is set up already and holds this."""
    for register, value in ((OLAT, latch), (IODIR, 0)):
        bench.bus.write_byte_data(BOARD, register, value)
    bench.bus.transfers.clear()


@pytest.mark.parametrize(
    ("settings", "latch"),
    [(DOOR, 0), ({**DOOR, "locked": "energised"}, 1), ({**DOOR, "atStart": "unlock"}, 1), (KEEP, 0),
     ({**KEEP, "locked": "energised"}, 1)],
)  # fmt: skip
def test_a_cold_chip_gets_its_latch_before_its_pin_becomes_an_output(settings: Settings, latch: int) -> None:
    bench = Bench(door=settings)
    bench.lock().settle()
    assert bench.written() == [("OLAT", latch), ("GPPU", 0), ("IPOL", 0), ("IODIR", 0xFE)]


@pytest.mark.parametrize(
    ("settings", "held", "kept"),
    [
        (DOOR, 0, State.LOCKED),
        (KEEP, 0, State.LOCKED),
        (KEEP, 1, State.UNLOCKED),
        ({**DOOR, "atStart": "unlock"}, 1, State.UNLOCKED),
        ({**DOOR, "locked": "energised"}, 1, State.LOCKED),
    ],
)
def test_a_warm_chip_that_is_right_already_gets_no_write(settings: Settings, held: int, kept: State) -> None:
    bench = Bench(door=settings)
    warm(bench, held)
    assert bench.lock().settle() is kept
    assert bench.written() == []


def test_a_warm_chip_that_is_not_right_gets_the_one_write_that_locks() -> None:
    bench = Bench(door=DOOR)
    warm(bench, 0xF1)
    assert bench.lock().settle() is State.LOCKED
    assert bench.written() == [("OLAT", 0xF0)]


@pytest.mark.parametrize(
    ("settings", "cold", "on_level"),
    [
        (LAMP, State.OFF, 2),
        ({**LAMP, "on": "released"}, State.OFF, 0),
        ({**LAMP, "atStart": "on"}, State.ON, 2),
    ],
)
def test_a_switch_follows_its_polarity_and_start(settings: Settings, cold: State, on_level: int) -> None:
    bench = Bench(lamp=settings)
    assert bench.switch().settle() is cold
    assert bench.switch().on() is State.ON
    assert bench.bus.relays() == on_level
    assert bench.switch().off() is State.OFF
    assert bench.bus.relays() == 2 - on_level


def test_a_switch_keeps_what_a_warm_chip_holds() -> None:
    bench = Bench(lamp=LAMP)
    bench.switch().on()
    bench.open()
    assert bench.switch().settle() is State.ON


def test_settling_again_does_not_lock_a_door_that_was_opened_meanwhile() -> None:
    bench = Bench(door=DOOR)
    bench.lock().unlock()
    assert bench.lock().settle() is State.UNLOCKED


def test_eight_devices_on_one_board_move_only_themselves() -> None:
    bench = Bench(**{f"lamp{number}": {"channel": number} for number in range(8)})
    for number in range(8):
        bench.switch(f"lamp{number}").on()
        assert bench.bus.relays() == (2 << number) - 1
    bench.switch("lamp3").off()
    assert bench.bus.relays() == 0xF7


def test_devices_on_two_boards_move_only_their_own_board() -> None:
    bench = Bench(door=DOOR, gate={**DOOR, "address": "0x26"})
    bench.lock("gate").unlock()
    assert bench.lock("door").status() is State.LOCKED
    assert (bench.bus.relays(0x26), bench.bus.relays(0x27)) == (1, 0)


def test_pins_without_a_device_stay_as_another_program_set_them() -> None:
    bench = Bench(door=DOOR)
    warm(bench, 0x02)
    bench.lock().unlock()
    bench.bus.write_byte_data(BOARD, OLAT, 0x05)
    bench.lock().lock()
    assert bench.bus.registers()["OLAT"] == 0x04
    assert bench.bus.registers()["IODIR"] == 0


def test_a_state_is_what_the_chip_says_even_if_another_program_changed_it() -> None:
    bench = Bench(door=DOOR, lamp=LAMP)
    bench.lock().settle()
    bench.bus.write_byte_data(BOARD, OLAT, 0x01)
    assert bench.lock().status() is State.UNLOCKED
    bench.switch().on()
    assert bench.lock().status() is State.UNLOCKED


def test_a_chip_that_lost_its_power_is_set_up_again_and_that_is_told(
    caplog: pytest.LogCaptureFixture,
) -> None:
    bench = Bench(door={**DOOR, "locked": "energised"}, lamp=LAMP)
    bench.switch().on()
    bench.lock().unlock()
    bench.bus.lose_power()
    assert bench.lock().status() is State.LOCKED
    assert bench.switch().status() is State.OFF
    warnings = [entry.getMessage() for entry in caplog.records if entry.levelno == logging.WARNING]
    assert warnings == [
        "The relay chip lost power while running and was set up again; relay 0 is energised now. device=door",
        "The relay chip lost power while running and was set up again; relay 1 is released now. device=lamp",
    ]


@pytest.mark.parametrize("transfers", range(1, 14))
def test_power_lost_at_any_transfer_of_a_setup_still_ends_in_a_locked_door(transfers: int) -> None:
    bench = Bench(door={**DOOR, "locked": "energised"})
    bench.lock().settle()
    bench.bus.lose_power()
    bench.bus.lose_power(after=transfers)
    seen = [look(bench.lock()) for _ in range(4)]
    assert seen[-1] == "locked"
    assert bench.bus.relays() == 1


@pytest.mark.parametrize(("stuck", "command"), [(False, "unlock"), (True, "lock")])
def test_a_pin_that_does_not_follow_is_not_called_done(*, stuck: bool, command: str) -> None:
    bench = Bench(door=DOOR)
    bench.lock().settle()
    if command == "lock":
        bench.lock().unlock()
    bench.bus.stick(0, stuck)
    with pytest.raises(ActionError, match="relay 0 should be") as caught:
        getattr(bench.lock(), command)()
    assert caught.value.cause is Cause.NOT_CONFIRMED


@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize("before", range(8))
def test_a_pin_that_is_held_is_told_though_a_bit_of_the_read_back_is_flipped(before: int, times: int) -> None:
    """Two faults at once, as the ten thousand commands met them: the door is locked, and is not called unlocked."""
    bench = Bench(door=DOOR)
    door = bench.lock()
    door.settle()
    bench.bus.stick(0, level=False)
    bench.bus.garble(0, before)
    bench.bus.garble(0b1, times)
    with pytest.raises(ActionError):
        door.unlock()
    assert not bench.bus.relays() & 0b1


def test_an_unlock_that_was_not_confirmed_does_not_happen_hours_later() -> None:
    bench = Bench(door=DOOR)
    bench.lock().settle()
    bench.bus.stick(0, level=False)
    with pytest.raises(ActionError):
        bench.lock().unlock()
    bench.bus.stick(0, level=None)
    assert bench.bus.relays() == 0
    assert bench.lock().status() is State.LOCKED


@pytest.mark.parametrize("number", [errno.EAGAIN, errno.EIO, errno.ETIMEDOUT])
@pytest.mark.parametrize("delivered", [False, True])
@pytest.mark.parametrize("before", range(8))
def test_a_transient_error_at_any_transfer_goes_unnoticed(number: int, before: int, *, delivered: bool) -> None:
    bench = Bench(door=DOOR)
    bench.lock().settle()
    bench.bus.garble(0, before)
    bench.bus.fail(number, 2, delivered=delivered)
    assert bench.lock().unlock() is State.UNLOCKED
    assert bench.bus.relays() == 1


@pytest.mark.parametrize("ghost", [False, True])
def test_a_missing_chip_is_told_with_where_it_should_be_and_what_to_run(*, ghost: bool) -> None:
    bench = Bench(door=DOOR)
    bench.bus.unplug(ghost=ghost)
    for action in (bench.lock().settle, bench.lock().unlock, bench.lock().status):
        with pytest.raises(ActionError, match=r"0x27 on I2C bus 0 .*`i2cdetect -y 0`") as caught:
            action()
        assert caught.value.cause is Cause.HARDWARE
    assert bench.bus.relays() == 0


@pytest.mark.parametrize("ghost", [False, True])
def test_a_board_that_appears_late_is_settled_before_anything_else(*, ghost: bool) -> None:
    bench = Bench(door=DOOR)
    warm(bench, 1)
    bench.bus.unplug(ghost=ghost)
    with pytest.raises(ActionError):
        bench.lock().settle()
    bench.bus.plug()
    assert bench.lock().status() is State.LOCKED


def test_another_kind_of_chip_at_the_address_is_not_written_to() -> None:
    bench = Bench(door=DOOR)
    bench.bus.garble(0x80, 100)
    with pytest.raises(ActionError, match="is no MCP23008"):
        bench.lock().settle()
    assert bench.written() == []


def test_a_hanging_bus_is_given_up_after_the_time_limit() -> None:
    bench = Bench(door=DOOR)
    bench.lock().settle()
    bench.bus.hang(1.0, 100)
    before = bench.clock.now
    with pytest.raises(ActionError) as caught:
        bench.lock().unlock()
    assert caught.value.cause is Cause.TIMEOUT
    assert bench.clock.now - before <= LIMIT + 1.0
    bench.bus.work()
    assert bench.lock().status() is State.LOCKED


def test_one_wrong_read_of_the_latch_does_not_move_other_relays() -> None:
    bench = Bench(door=DOOR, lamp=LAMP)
    bench.lock().settle()
    bench.bus.garble(0, 1)
    bench.bus.garble(0x82, 1)
    bench.lock().unlock()
    assert all(value in (None, 0x01) for register, value in bench.written()[4:] if register == "OLAT")
    assert bench.bus.registers()["OLAT"] == 0x01


def test_noise_that_never_ends_is_refused_instead_of_written() -> None:
    bench = Bench(door=DOOR)
    bench.lock().settle()
    bench.bus.garble(0, 1)
    for noise in (0x02, 0x04, 0x08, 0x10):
        bench.bus.garble(noise)
    before = bench.written()
    with pytest.raises(ActionError, match="reads differently each time"):
        bench.lock().unlock()
    assert bench.written() == before


@pytest.mark.parametrize("settings", [KEEP, {**DOOR, "atStart": "unlock"}, {**KEEP, "locked": "energised"}, DOOR])
def test_a_door_opened_for_a_while_is_locked_after_a_crash(settings: Settings) -> None:
    bench = Bench(door=settings)
    bench.lock().lock()
    bench.lock().hold(pending=True)
    bench.lock().unlock()
    bench.open()
    assert bench.lock().settle() is State.LOCKED
    assert bench.bus.registers()["DEFVAL"] == 0


def test_a_door_opened_for_good_stays_open_where_the_user_wants_that() -> None:
    bench = Bench(door=KEEP)
    bench.lock().hold(pending=True)
    bench.lock().unlock()
    bench.lock().hold(pending=False)
    bench.open()
    assert bench.lock().settle() is State.UNLOCKED


def test_a_door_that_is_locked_at_every_start_needs_no_mark() -> None:
    bench = Bench(door=DOOR)
    bench.lock().settle()
    bench.bus.transfers.clear()
    bench.lock().hold(pending=True)
    assert not bench.bus.transfers


def test_a_door_whose_relock_cannot_be_remembered_is_not_to_be_opened() -> None:
    bench = Bench(door=KEEP)
    bench.lock().settle()
    bench.bus.unplug()
    with pytest.raises(ActionError):
        bench.lock().hold(pending=True)
    bench.bus.plug()
    bench.lock().status()
    assert bench.bus.registers()["DEFVAL"] == 0


def test_a_mark_that_could_not_be_cleared_is_cleared_at_the_next_look() -> None:
    bench = Bench(door=KEEP)
    bench.lock().hold(pending=True)
    bench.bus.unplug()
    bench.lock().hold(pending=False)
    bench.bus.plug()
    assert bench.bus.registers()["DEFVAL"] == 1
    bench.lock().status()
    assert bench.bus.registers()["DEFVAL"] == 0


def test_a_pending_relock_is_remembered_over_a_loss_of_power_too() -> None:
    bench = Bench(door={**DOOR, "atStart": "unlock"})
    bench.lock().hold(pending=True)
    bench.lock().unlock()
    bench.bus.lose_power()
    assert bench.lock().status() is State.LOCKED
    bench.lock().unlock()
    bench.open()
    assert bench.lock().settle() is State.LOCKED


def test_interrupts_that_another_program_set_up_are_not_taken_for_marks() -> None:
    bench = Bench(door=KEEP)
    warm(bench, 1)
    for register in (GPINTEN, DEFVAL):
        bench.bus.write_byte_data(BOARD, register, 0x81)
    assert bench.lock().settle() is State.UNLOCKED
    assert (bench.bus.registers()["GPINTEN"], bench.bus.registers()["DEFVAL"]) == (0x80, 0x80)


def test_inverted_inputs_and_pull_ups_of_another_program_do_not_confuse_the_start() -> None:
    bench = Bench(door=DOOR)
    for register in (IPOL, GPPU):
        bench.bus.write_byte_data(BOARD, register, 0xFF)
    warm(bench, 1)
    assert bench.lock().settle() is State.LOCKED
    assert bench.lock().unlock() is State.UNLOCKED


def test_a_closed_handler_works_again_when_called() -> None:
    bench = Bench(door=DOOR)
    bench.lock().close()
    assert bench.lock().unlock() is State.UNLOCKED


def test_a_chip_that_loses_power_while_it_is_read_back_is_not_believed() -> None:
    bench = Bench(door=DOOR)
    bench.lock().settle()
    bench.bus.lose_power(after=2)
    assert [look(bench.lock()), look(bench.lock())] == ["hardware", "locked"]


def test_a_mark_that_is_lost_at_once_keeps_the_door_shut() -> None:
    bench = Bench(door=KEEP)
    bench.lock().settle()
    bench.bus.lose_power(after=5)
    with pytest.raises(ActionError, match="does not keep the mark"):
        bench.lock().hold(pending=True)


def test_a_mark_stays_until_the_door_is_seen_to_be_locked() -> None:
    bench = Bench(door=KEEP)
    bench.lock().hold(pending=True)
    bench.lock().unlock()
    bench.bus.stick(0, level=True)
    bench.open()
    assert look(bench.lock()) == "not-confirmed"
    assert bench.bus.registers()["DEFVAL"] == 1
    bench.bus.stick(0, level=None)
    assert look(bench.lock()) == "locked"
    assert bench.bus.registers()["DEFVAL"] == 0


def test_one_wrong_read_of_the_marks_does_not_leave_a_door_open() -> None:
    bench = Bench(door=KEEP)
    bench.lock().hold(pending=True)
    bench.lock().unlock()
    bench.open()
    bench.bus.garble(0, 3)  # IODIR, IOCON and GPINTEN come first
    bench.bus.garble(0x01)
    assert bench.lock().settle() is State.LOCKED


def test_one_wrong_read_of_the_directions_is_not_taken_for_a_loss_of_power() -> None:
    bench = Bench(lamp=LAMP)
    bench.switch().on()
    bench.bus.transfers.clear()
    bench.bus.garble(0x02)
    assert bench.switch().status() is State.ON
    assert bench.written() == []


def test_one_pin_that_became_an_input_is_set_up_again_without_moving_the_others() -> None:
    bench = Bench(door={**DOOR, "locked": "energised"}, lamp=LAMP)
    bench.switch().on()
    bench.bus.write_byte_data(BOARD, IODIR, 0xFD)
    bench.bus.transfers.clear()
    assert bench.lock().status() is State.LOCKED
    assert bench.switch().status() is State.ON
    assert ("OLAT", 3) in bench.written()
    assert all(value == 3 for register, value in bench.written() if register == "OLAT")


def test_a_chip_that_lost_its_power_is_looked_at_within_fifteen_seconds() -> None:
    """A door that is locked by power stands open until then."""
    lock = Bench(door={**DOOR, "locked": "energised"}).lock()
    assert 0 < of_handler.poll_seconds(lock) <= 15
    assert of_handler.polls_in_turn(lock)
