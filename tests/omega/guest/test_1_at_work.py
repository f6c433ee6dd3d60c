"""The very package on a virtual Omega: start, memory, commands, faults, crashes, a broker that is away, wrong clocks.

One guest, in the order of this file: each test leaves a running agent and a locked door.
"""

import statistics
import time

from omega.device import RUNS, Omega
from omega.household import Household
from support.publisher import Publisher

OPEN, CLOSED = 1, 0  # relay 0; the door is locked while it is released
TOGGLE_SECONDS = 5.0


def test_it_compiles_itself_once_and_takes_less_than_400_kb(omega: Omega, measured: list[str]) -> None:
    begun = time.monotonic()
    omega.sh("LATCHWIRE_RUN=/run/relay-agent /usr/bin/relay-agent --compile")
    seconds = time.monotonic() - begun
    listed = omega.sh("cd /usr/lib/relay-agent; wc -c *")
    compiled = next(int(line.split()[0]) for line in listed.splitlines() if line.endswith(".zip"))
    ours = sum(map(len, omega.installed.values())) + compiled
    measured.append(
        f"on flash: {ours / 1000:.0f} KB, {compiled / 1000:.0f} of it compiled on arrival in {seconds:.0f} s"
    )
    assert ours < 400_000
    omega.sh("LATCHWIRE_RUN=/run/relay-agent /usr/bin/relay-agent --compile; touch /tmp/before")
    assert not omega.sh("find /usr/lib/relay-agent -newer /tmp/before")


def test_it_starts_within_its_budget_and_settles_the_door_before_the_network(omega: Omega, measured: list[str]) -> None:
    omega.go()
    writes = [(item.register, item.value) for item in omega.expansion.transfers if item.operation == "write"]
    assert writes.index(("OLAT", 0)) < writes.index(("IODIR", 0xFE)), "locked before the pin becomes an output"
    bares, starts = zip(*((omega.bare_import(), omega.start()) for _ in range(RUNS)), strict=True)
    bare, start = min(bares), min(starts)
    times = start.work / bare
    measured.append(
        f"start to connected: {times:.2f} times a bare import of paho ({start.work:.2f} s of QEMU to {bare:.2f}; "
        f"{start.clock:.1f} s by the clock)"
    )
    assert times < 1.3


def test_it_keeps_within_its_memory(omega: Omega, measured: list[str]) -> None:
    memory = omega.memory()
    measured.append(f"memory without TLS: {memory.resident:.1f} MB resident, {memory.private:.1f} private")
    assert memory.resident < 15
    assert memory.private < 6.5


def test_a_signed_command_works_the_relay_and_is_answered_from_what_it_reads(
    omega: Omega, household: Household
) -> None:
    assert "UNLOCKED" in household.say("send", "front-door", "unlock")
    assert omega.expansion.chip.by_name()["OLAT"] == OPEN
    assert "LOCKED" in household.say("send", "front-door", "lock")
    written = [item for item in omega.expansion.transfers if item.operation == "write"]
    after = omega.expansion.transfers[omega.expansion.transfers.index(written[-1]) + 1 :]
    assert (written[-1].register, written[-1].value) == ("OLAT", CLOSED)
    assert [item.register for item in after][:4] == ["GPIO", "IODIR", "OLAT", "GPIO"], "it is read back"


def test_it_is_quick(omega: Omega, household: Household, measured: list[str]) -> None:
    taken = []
    with Publisher(household) as publisher:
        for number in range(20):
            action, relays = ("unlock", OPEN) if number % 2 == 0 else ("lock", CLOSED)
            token = household.sign("front-door", action)
            begun = time.monotonic()
            publisher.publish("latchwire/omega/front-door/command", token)
            taken.append(omega.expansion.wait_for_relays(relays).at - begun)
    measured.append(
        f"from publish to register: {1000 * statistics.median(taken):.0f} ms "
        f"(median of 20, longest {1000 * max(taken):.0f})"
    )
    assert statistics.median(taken) < 1


def test_work_writes_nothing_to_the_flash(omega: Omega, household: Household) -> None:
    omega.sh("sync; touch /tmp/before")
    for action in ("unlock", "lock", "status"):
        household.say("send", "front-door", action)
    omega.sh("sync")
    assert omega.sh("find / -xdev -newer /tmp/before -type f; find / -xdev -newer /tmp/before -type d") == ""


def test_a_chip_that_fails_is_told_and_heals(omega: Omega, household: Household) -> None:
    for fault in ("nak", "silent"):
        omega.expansion.fault = fault
        assert "Failed" in household.say("send", "front-door", "unlock", status=4)
        assert omega.expansion.chip.relays() == CLOSED
        omega.expansion.fault = "none"
        assert "UNLOCKED" in household.say("send", "front-door", "unlock")
        assert "LOCKED" in household.say("send", "front-door", "lock")


def test_a_kill_in_the_middle_of_a_toggle_leaves_a_locked_door(
    omega: Omega, household: Household, measured: list[str]
) -> None:
    ready = omega.count("ready for commands")
    household.say("send", "front-door", "toggle")
    omega.sh("kill -9 $(cat /run/agent.pid)")
    begun = time.monotonic()
    assert omega.expansion.chip.relays() == OPEN
    closed = omega.expansion.wait_for_relays(CLOSED, 60)
    measured.append(f"from a kill while open to locked again: {closed.at - begun:.1f} s (one of them procd's)")
    omega.wait_for_log("ready for commands", ready + 1)


def test_a_door_closes_in_time_without_its_broker_and_is_back_with_it(omega: Omega, household: Household) -> None:
    ready = omega.count("ready for commands")
    household.say("send", "front-door", "toggle")
    opened = omega.expansion.wait_for_relays(OPEN).at
    household.stop_broker()
    closed = omega.expansion.wait_for_relays(CLOSED).at
    assert abs(closed - opened - TOGGLE_SECONDS) < 2
    omega.wait_for_log("The broker is away", 1)
    household.start_broker()
    omega.wait_for_log("ready for commands", ready + 1, 90)
    assert "LOCKED" in household.say("send", "front-door", "status")


def test_a_start_without_a_broker_locks_the_door_and_waits(omega: Omega, household: Household) -> None:
    household.say("send", "front-door", "unlock")
    ready, away = omega.count("ready for commands"), omega.count("The broker is away")
    household.stop_broker()
    omega.sh("kill -9 $(cat /run/agent.pid)")
    omega.expansion.wait_for_relays(CLOSED, 60)
    omega.wait_for_log("The broker is away", away + 2)
    household.start_broker()
    omega.wait_for_log("ready for commands", ready + 1, 90)


def test_a_clock_that_jumps_by_years_moves_no_lock_by_a_second(omega: Omega, household: Household) -> None:
    for year in (2038, 2001):
        household.say("send", "front-door", "toggle")
        opened = omega.expansion.wait_for_relays(OPEN).at
        omega.sh(f"date -u -s '{year}-01-01 00:00:00'")
        closed = omega.expansion.wait_for_relays(CLOSED).at
        assert abs(closed - opened - TOGGLE_SECONDS) < 2
        assert "LOCKED" in household.say("send", "front-door", "status")
    omega.sh(f"date -u -s @{int(time.time())}")


def test_it_stops_within_procds_time_and_locks_what_it_opened(omega: Omega, household: Household) -> None:
    household.say("send", "front-door", "toggle")
    begun = time.monotonic()
    omega.hold()
    assert time.monotonic() - begun < 10
    assert omega.expansion.chip.relays() == CLOSED
    assert "Locked before the end" in omega.log()
    omega.go()
