"""PINs: only the right one counts, wrong ones are few, and nothing that ends the program gives more of them."""

import json
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from latchwire.config.places import Places
from latchwire.confirmation import Pins, hashes
from latchwire.confirmation.tries import TriesError
from latchwire.errors import ConfigurationError

CHEAP = (2, 8, 1)
MINUTE = 60


class Machine:
    """A machine with a clock since boot and a state folder; programs start and end on it."""

    def __init__(self, folder: Path) -> None:
        self.places = Places(folder)
        self.time = 1000.0
        self.boot = "first boot"

    def program(self) -> Pins:
        return Pins(self.places, clock=lambda: self.time, boot=lambda: self.boot)

    def set(self, **pins: str) -> None:
        written = hashes.written({person: hashes.hashed(pin, cost=CHEAP) for person, pin in pins.items()})
        new = self.places.state / "new"
        new.touch(0o600)
        new.write_text(written)
        new.replace(self.places.pins)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def wrong(pins: Pins, times: int, person: str = "john") -> None:
    for _ in range(times):
        assert not pins.judge(person, "0815").right


def test_the_right_pin_is_right_and_no_other_is(machine: Machine) -> None:
    machine.set(john="4711", jane="0815")
    pins = machine.program()
    assert pins.has("john")
    assert not pins.has("jim")
    assert pins.judge("john", "4711").right
    assert pins.judge("john", "0815") == (False, 2, 0)
    assert pins.judge("john", "") == (False, 1, 0)
    assert pins.judge("john", "4711").right
    assert pins.judge("john", "47110") == (False, 2, 0), "the right one ended the count"


def test_the_hash_is_salted_scrypt_of_the_shipped_cost_and_says_nothing_of_the_pin() -> None:
    written = hashes.hashed("4711")
    assert written.startswith("scrypt$16384$8$5$")
    assert "4711" not in written
    assert written != hashes.hashed("4711")
    assert hashes.fits("4711", written)
    assert not hashes.fits("4712", written)


def test_after_three_wrong_ones_even_the_right_one_does_not_count_for_a_quarter_of_an_hour(machine: Machine) -> None:
    machine.set(john="4711", jane="0815")
    pins = machine.program()
    wrong(pins, 2)
    assert pins.judge("john", "1111") == (False, 0, 15 * MINUTE)
    machine.time += 15 * MINUTE - 1
    assert pins.judge("john", "4711") == (False, 0, 1)
    assert pins.judge("jane", "0815").right, "nobody else is locked out"
    machine.time += 1
    assert pins.judge("john", "4711").right
    assert pins.locked_seconds("john") == 0


def test_each_lock_out_is_twice_as_long_as_the_one_before_and_a_day_at_most(machine: Machine) -> None:
    machine.set(john="4711")
    pins = machine.program()
    lasted = []
    for _ in range(10):
        wrong(pins, 3)
        lasted.append(pins.locked_seconds("john") // MINUTE)
        machine.time += lasted[-1] * MINUTE
    assert lasted == [15, 30, 60, 120, 240, 480, 960, 1440, 1440, 1440]


def test_a_restart_gives_no_new_tries_and_ends_no_lock_out(machine: Machine) -> None:
    machine.set(john="4711")
    wrong(machine.program(), 1)
    wrong(machine.program(), 1)
    assert machine.program().judge("john", "0815").locked_seconds == 15 * MINUTE
    machine.time += 10
    assert machine.program().judge("john", "4711") == (False, 0, 15 * MINUTE - 10)


def test_a_reboot_begins_the_lock_out_anew_for_the_clock_of_the_last_boot_is_gone(machine: Machine) -> None:
    machine.set(john="4711")
    wrong(machine.program(), 3)
    machine.time, machine.boot = 5.0, "second boot"
    assert machine.program().locked_seconds("john") == 15 * MINUTE
    machine.time += 15 * MINUTE
    assert machine.program().judge("john", "4711").right


def test_a_try_counts_although_the_program_is_killed_while_it_is_judged(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.set(john="4711")

    def killed(_pin: str, _written: str) -> bool:
        raise SystemExit

    with monkeypatch.context() as patched:
        patched.setattr(hashes, "fits", killed)
        for _ in range(3):
            with pytest.raises(SystemExit):
                machine.program().judge("john", "0815")
    assert machine.program().judge("john", "4711").locked_seconds == 15 * MINUTE


def test_a_hundred_guesses_at_once_from_two_programs_are_three_guesses(machine: Machine) -> None:
    machine.set(john="4711")
    programs = [machine.program(), machine.program()]
    with ThreadPoolExecutor(16) as pool:
        judged = list(pool.map(lambda n: programs[n % 2].judge("john", f"{n:04d}"), range(100)))
    assert sorted(found.tries for found in judged)[-3:] == [0, 1, 2]
    assert {found.locked_seconds for found in judged if not found.tries} == {15 * MINUTE}
    assert not programs[0].judge("john", "4711").right
    assert machine.program().health().notes == (
        "john is locked out of confirmations by too many wrong PINs; a new PIN ends it: latchwire pin john",
    )


def test_a_new_pin_counts_at_once_and_ends_the_lock_out(machine: Machine) -> None:
    machine.set(john="4711")
    pins = machine.program()
    wrong(pins, 3)
    assert pins.health().notes
    machine.set(john="2580")
    assert pins.health().notes == ()
    assert not pins.judge("john", "4711").right
    assert pins.judge("john", "2580").right


def test_a_file_that_others_can_read_is_not_used_but_told(machine: Machine) -> None:
    machine.set(john="4711")
    machine.places.pins.chmod(0o644)
    with pytest.raises(ConfigurationError, match=r"pins\.json: others can read it .*chmod 600"):
        machine.program().has("john")
    assert "chmod 600" in machine.program().health().troubles[0]


@pytest.mark.parametrize("text", ["[]", "{", '{"john": 5}', '{"john": "x", "john": "y"}'])
def test_a_damaged_file_is_told_with_its_cure_and_nobody_passes_for_somebody_without_a_pin(
    machine: Machine, text: str
) -> None:
    machine.set(john="4711")
    machine.places.pins.write_text(text)
    with pytest.raises(ConfigurationError, match=r"pins\.json: .*backup"):
        machine.program().has("john")


@pytest.mark.parametrize("text", ["4711", "scrypt$16384$8$5$AAAA$AAAA", f"scrypt$9999999$99$99${'A' * 22}${'A' * 43}"])
def test_what_is_no_hash_fits_nothing(machine: Machine, text: str) -> None:
    machine.set(john="4711")
    machine.places.pins.write_text(json.dumps({"john": text}))
    with pytest.raises(ConfigurationError, match="set the PIN again"):
        machine.program().judge("john", "4711")


def test_where_no_try_can_be_written_down_no_pin_is_judged(machine: Machine) -> None:
    machine.set(john="4711")
    machine.places.data.mkdir()
    (machine.places.data / "pins.sqlite3").mkdir()
    pins = machine.program()
    with pytest.raises(TriesError, match="cannot be used"):
        pins.judge("john", "4711")
    assert "pins.sqlite3 cannot be used" in pins.health().troubles[0]


def test_the_count_of_tries_is_its_owners_alone_and_holds_no_pin(machine: Machine) -> None:
    machine.set(john="4711")
    wrong(machine.program(), 1)
    count = machine.places.data / "pins.sqlite3"
    assert stat.S_IMODE(count.stat().st_mode) == 0o600
    assert b"0815" not in count.read_bytes()
    assert b"4711" not in count.read_bytes()


@pytest.mark.parametrize("pin", ["0000", "1234", "4321", "7890", "987654", "111111"])
def test_a_pin_that_everybody_tries_first_is_known_as_such(pin: str) -> None:
    assert hashes.is_guessed_first(pin)


@pytest.mark.parametrize("pin", ["4711", "1235", "1122", "2580"])
def test_other_pins_are_not(pin: str) -> None:
    assert not hashes.is_guessed_first(pin)
