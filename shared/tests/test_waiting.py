"""Timers and strands: in time, in order, and nobody waits for a stranger."""

import threading

from latchwire.actuator.strands import Strands
from latchwire.waiting import Timers, Wake, now
from support.broker import wait_until


def fail(fault: Exception) -> None:
    raise AssertionError(fault)


def test_timers_call_in_the_order_of_their_times_and_not_what_was_cancelled() -> None:
    timers, called = Timers(on_fault=fail), list[str]()
    timers.start()
    begun = now()
    timers.after(0.2, lambda: called.append("second"))
    timers.after(0.1, lambda: called.append("cancelled")).cancel()
    timers.after(0.05, lambda: called.append("first"))
    wait_until(lambda: len(called) == 2, "both are called")
    assert now() - begun >= 0.2
    assert called == ["first", "second"]
    timers.stop()


def test_a_timer_that_raises_harms_no_other() -> None:
    faults, called = list[Exception](), list[str]()
    timers = Timers(on_fault=faults.append)
    timers.start()
    timers.after(0.0, lambda: called.remove("nothing there"))
    timers.after(0.01, lambda: called.append("the next one"))
    wait_until(lambda: bool(called), "the next one is called")
    assert isinstance(faults[0], ValueError)
    timers.stop()


def test_a_wake_stays_set_until_it_is_cleared() -> None:
    wake = Wake()
    assert not wake.wait(0)
    for _ in range(100_000):  # more than its socket holds
        wake.set()
    assert wake.wait(0)
    assert wake.wait()
    wake.clear()
    assert not wake.wait(0)
    wake.close()
    wake.set()  # somebody who comes late harms nobody


def test_two_jobs_that_come_at_once_are_for_two_threads() -> None:
    """One thread idles; it must not be counted for both of two jobs."""
    strands, gate, done = Strands(workers=4, on_fault=fail), threading.Event(), list[str]()
    for _ in range(20):
        strands.submit("warm-up", lambda: done.append("warm-up"))
        wait_until(lambda: len(strands._parked) == strands._threads, "all idle")
        gate.clear()
        strands.submit("slow", lambda: gate.wait(20) and done.append("slow"))  # type: ignore[arg-type, func-returns-value]
        strands.submit("quick", lambda: done.append("quick"))
        wait_until(lambda: done[-1] == "quick", "the quick one is done meanwhile", 2)
        gate.set()
        wait_until(lambda: done[-1] == "slow", "the slow one is done")
    strands.stop()


def test_a_strand_does_its_jobs_in_order_one_at_a_time_on_few_threads() -> None:
    strands, done = Strands(workers=4, on_fault=fail), list[int]()
    for number in range(500):
        strands.submit("door", lambda number=number: done.append(number))  # type: ignore[misc]
    wait_until(lambda: len(done) == 500, "all are done")
    assert done == list(range(500))
    assert strands._threads == 1
    strands.stop()


def test_a_job_that_raises_is_told_and_the_strand_goes_on() -> None:
    faults, done = list[Exception](), list[str]()
    strands = Strands(workers=1, on_fault=faults.append)
    strands.submit("door", lambda: done.remove("nothing there"))
    strands.submit("door", lambda: done.append("next"))
    wait_until(lambda: bool(done), "the next one is done")
    assert isinstance(faults[0], ValueError)
    strands.stop()


def test_a_job_done_on_the_callers_thread_keeps_its_strand_in_order() -> None:
    strands, gate, done = Strands(workers=2, on_fault=fail), threading.Event(), list[str]()

    def look() -> None:
        assert gate.wait(20)
        done.append(threading.current_thread().name)

    caller = threading.Thread(target=lambda: strands.here("door", look), name="looks")
    caller.start()
    wait_until(lambda: strands.waiting("door") == 1, "the look has begun")
    strands.submit("door", lambda: done.append("command"))
    assert not strands.here("door", lambda: done.append("another look"))
    strands.submit("lamp", lambda: done.append("lamp"))
    wait_until(lambda: done == ["lamp"], "another device does not wait")
    assert strands.longest()[0] == "door"
    gate.set()
    wait_until(lambda: done == ["lamp", "looks", "command"], "the command follows the look")
    assert strands.waiting("door") == 0
    caller.join()
    strands.stop()


def test_a_job_on_the_callers_thread_that_raises_leaves_its_strand_at_work() -> None:
    faults, done = list[Exception](), list[str]()
    strands = Strands(workers=1, on_fault=faults.append)
    assert strands.here("door", lambda: done.remove("nothing there"))
    assert isinstance(faults[0], ValueError)
    strands.submit("door", lambda: done.append("command"))
    wait_until(lambda: done == ["command"], "it goes on")
    strands.stop()


def test_timers_can_be_left_while_what_they_call_hangs() -> None:
    timers, gate, called = Timers(on_fault=fail), threading.Event(), list[str]()

    def hang() -> None:
        assert gate.wait(20)
        called.append("hangs")

    timers.start()
    timers.after(0.0, hang)
    timers.after(0.3, lambda: called.append("never"))
    wait_until(lambda: timers._called, "it is being called")
    stopped_at = now()
    timers.stop(wait=False)
    assert now() - stopped_at < 1.0
    gate.set()
    wait_until(lambda: not timers._thread.is_alive(), "its thread ends by itself")
    assert called == ["hangs"]
    assert timers._wake.fileno() == -1, "its descriptors are given back"
