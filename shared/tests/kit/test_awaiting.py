"""The event loop of an agent whose devices are ``async``: what is awaited for too long ends, and so does the loop."""

import asyncio
import threading
from collections.abc import Iterator

import pytest

from latchwire.errors import ActionError
from latchwire.kit.awaiting import Awaited, EventLoop
from latchwire.model import Cause, State
from support.broker import wait_until


class Lamp:
    """Remembers in which thread it was called."""

    simulated = True

    def __init__(self) -> None:
        self.threads: list[str] = []
        self.closed = False

    async def on(self) -> State:
        await asyncio.sleep(0)
        self.threads.append(threading.current_thread().name)
        return State.ON

    def off(self) -> State:
        self.threads.append(threading.current_thread().name)
        return State.OFF

    async def hang(self) -> State:
        await asyncio.sleep(60)
        return State.ON

    async def give_up(self) -> State:
        raise TimeoutError("its own")

    async def close(self) -> None:
        self.closed = True


def running() -> int:
    return sum(thread.name == "asyncio" for thread in threading.enumerate())


@pytest.fixture
def loop() -> Iterator[EventLoop]:
    before = running()
    yield EventLoop(limit_seconds=0.2)
    wait_until(lambda: running() == before, "its thread has ended")


def test_what_is_async_runs_on_the_loop_and_what_blocks_runs_where_it_is_called(loop: EventLoop) -> None:
    lamp = Lamp()
    awaited = Awaited(lamp, loop)
    assert (awaited.on(), awaited.off(), awaited.simulated) == (State.ON, State.OFF, True)
    assert lamp.threads == ["asyncio", threading.current_thread().name]
    awaited.close()
    assert lamp.closed


def test_what_is_awaited_for_too_long_is_cancelled_and_told_as_a_timeout(loop: EventLoop) -> None:
    awaited = Awaited(Lamp(), loop)
    with pytest.raises(ActionError) as error:
        awaited.hang()
    assert error.value.cause is Cause.TIMEOUT
    assert "Lamp.hang" in error.value.detail
    awaited.close()


def test_a_timeout_of_its_own_stays_its_own(loop: EventLoop) -> None:
    awaited = Awaited(Lamp(), loop)
    with pytest.raises(TimeoutError, match="its own"):
        awaited.give_up()
    awaited.close()


def test_the_loop_ends_with_the_last_of_its_devices_and_not_before(loop: EventLoop) -> None:
    first, second = Awaited(Lamp(), loop), Awaited(Lamp(), loop)
    first.on()
    second.on()
    before = running()
    first.close()
    assert second.on() is State.ON
    assert running() == before
    second.close()


def test_a_device_that_was_never_called_starts_no_loop() -> None:
    before = running()
    awaited = Awaited(object(), EventLoop())
    awaited.close()
    assert running() == before
    with pytest.raises(AttributeError):
        awaited.on()
