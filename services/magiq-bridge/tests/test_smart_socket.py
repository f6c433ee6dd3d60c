"""A socket's handler: what it calls done, what it says otherwise, and that it troubles no other socket."""

import logging
import threading
import time
from collections.abc import Callable

import pytest

from latchwire.errors import ActionError
from latchwire.model import Cause, Happened, State
from latchwire_magiq_bridge.circuit import Circuit
from latchwire_magiq_bridge.client import MagiqCloud
from latchwire_magiq_bridge.cloud import Cloud, Reading
from latchwire_magiq_bridge.smart_socket import SmartSocket
from support.magiq_cloud import MagiqCloudServer, Rude

AC, LIGHT = "16612385", "11715506"
ON, OFF = Reading(on=True, connected=True), Reading(on=False, connected=True)


def failure(act: Callable[[], object]) -> ActionError:
    with pytest.raises(ActionError) as caught:
        act()
    return caught.value


class ScriptedCloud:
    """Answers what a test wrote down, in that order; an exception is raised."""

    simulated = False

    def __init__(self, *answers: Reading | ActionError | None) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []
        self.room = True

    def get(self, device_id: str, *, deadline: float) -> Reading:  # noqa: ARG002 - the seam's
        answer = self._next("get")
        assert answer is not None
        return answer

    def set(self, device_id: str, *, on: bool, deadline: float) -> Reading | None:  # noqa: ARG002 - the seam's
        return self._next("on" if on else "off")

    def may_poll(self) -> bool:
        return self.room

    def close(self) -> None:
        """Nothing."""

    def _next(self, what: str) -> Reading | None:
        self.asked.append(what)
        answer = self.answers.pop(0)
        if isinstance(answer, ActionError):
            raise answer
        return answer


def handler(cloud: Cloud, *, clock: Callable[[], float] = time.monotonic, failures: int = 3) -> SmartSocket:
    return SmartSocket(
        name="ac",
        device_id=AC,
        cloud=cloud,
        circuit=Circuit(failures=failures, first_wait=5),
        clock=clock,
        pause=lambda _: None,
    )


# ---- against the cloud over HTTPS -------------------------------------------------------------------------


@pytest.fixture
def ac(client: MagiqCloud) -> SmartSocket:
    return handler(client)


def test_on_off_and_status_say_what_the_socket_says(server: MagiqCloudServer, ac: SmartSocket) -> None:
    assert ac.status() is State.OFF
    assert ac.on() is State.ON
    assert server.sockets[AC].on
    assert ac.status() is State.ON
    assert ac.off() is State.OFF
    assert not server.sockets[AC].on


def test_toggle_reads_and_then_sets_the_other(server: MagiqCloudServer, ac: SmartSocket) -> None:
    assert ac.toggle() is State.ON
    assert ac.toggle() is State.OFF
    assert server.actions() == ["GET", "SET", "GET", "SET"]


def test_a_press_on_the_socket_itself_shows_at_the_next_look(server: MagiqCloudServer, ac: SmartSocket) -> None:
    assert ac.poll() is State.OFF
    server.sockets[AC].on = True
    assert ac.poll() is State.ON


def test_a_socket_that_was_just_seen_is_switched_in_one_round_trip(server: MagiqCloudServer, ac: SmartSocket) -> None:
    ac.status()
    ac.on()
    ac.off()
    assert server.actions() == ["GET", "SET", "SET"]


def test_a_socket_that_is_offline_is_not_switched_and_nothing_is_sent(
    server: MagiqCloudServer, ac: SmartSocket
) -> None:
    server.sockets[AC].connected = False
    for act in (ac.on, ac.off, ac.toggle, ac.status):
        assert failure(act).cause is Cause.OFFLINE
    assert "SET" not in server.actions()
    server.sockets[AC].connected = True
    assert ac.on() is State.ON


def test_a_socket_that_went_offline_under_a_command_may_still_switch_when_it_is_back(
    server: MagiqCloudServer, ac: SmartSocket
) -> None:
    ac.status()
    server.sockets[AC].connected = False
    error = failure(ac.on)
    assert (error.cause, error.cause.happened) == (Cause.NOT_CONFIRMED, Happened.MAYBE)
    assert "offline" in error.detail
    assert failure(ac.on).cause is Cause.OFFLINE, "from now on it is known beforehand"


@pytest.mark.parametrize("rude", [Rude.NO_DEVICE, Rude.OLD_STATE, Rude.WRONG_DEVICE])
def test_an_answer_that_does_not_show_the_state_is_followed_by_a_look(
    rude: Rude, server: MagiqCloudServer, ac: SmartSocket
) -> None:
    ac.status()
    server.behave(rude, action="SET")
    assert ac.on() is State.ON
    assert server.actions() == ["GET", "SET", "GET"]


@pytest.mark.parametrize("rude", [Rude.DEAF])
def test_a_cloud_that_says_yes_and_does_nothing_is_not_believed(
    rude: Rude, server: MagiqCloudServer, ac: SmartSocket
) -> None:
    ac.status()
    server.behave(rude, action="SET")
    error = failure(ac.on)
    assert (error.cause, error.cause.happened) == (Cause.NOT_CONFIRMED, Happened.MAYBE)
    assert not server.sockets[AC].on


def test_a_socket_that_the_cloud_does_not_know_is_rejected(client: MagiqCloud) -> None:
    stranger = SmartSocket(name="stranger", device_id="1", cloud=client)
    assert failure(stranger.on).cause is Cause.REJECTED


def test_two_sockets_work_at_the_same_time_and_a_hanging_one_delays_only_itself(
    server: MagiqCloudServer, client: MagiqCloud
) -> None:
    ac = SmartSocket(name="ac", device_id=AC, cloud=client)
    light = SmartSocket(name="light", device_id=LIGHT, cloud=client)
    ac.status()
    light.status()
    server.behave(Rude.HANG, device_id=AC)
    errors: list[ActionError] = []
    waiting = threading.Thread(target=lambda: errors.append(failure(ac.on)))
    waiting.start()
    while len(server.actions(AC)) < 2:
        assert waiting.is_alive()
        time.sleep(0.01)
    begun = time.monotonic()
    for _ in range(5):
        assert light.toggle() in (State.ON, State.OFF)
    assert time.monotonic() - begun < 3
    assert waiting.is_alive(), "the hanging one is still hanging"
    server.closing.set()  # the server hangs up
    waiting.join(15)
    assert errors[0].cause is Cause.TIMEOUT


def test_one_sockets_commands_are_done_one_after_the_other(server: MagiqCloudServer, ac: SmartSocket) -> None:
    server.delay = 0.02
    threads = [threading.Thread(target=ac.toggle) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert server.actions() == ["GET", "SET"] * 6
    assert server.most_at_once == 1
    assert not server.sockets[AC].on, "six toggles end where they began"


# ---- what is honest to say once a command was taken -------------------------------------------------------


@pytest.mark.parametrize("cause", [Cause.UNREACHABLE, Cause.REJECTED, Cause.CREDENTIALS])
def test_after_the_cloud_took_a_command_no_failure_says_that_nothing_happened(cause: Cause) -> None:
    socket = handler(ScriptedCloud(OFF, None, ActionError(cause, "no")))
    error = failure(socket.on)
    assert (error.cause, error.cause.happened) == (Cause.NOT_CONFIRMED, Happened.MAYBE)
    assert cause.wire in error.detail


def test_a_socket_found_offline_after_the_cloud_took_a_command_may_have_switched() -> None:
    socket = handler(ScriptedCloud(OFF, None, Reading(on=False, connected=False)))
    assert failure(socket.on).cause is Cause.NOT_CONFIRMED


@pytest.mark.parametrize("cause", [Cause.TIMEOUT, Cause.BAD_ANSWER])
def test_a_look_that_tells_nothing_keeps_its_own_cause(cause: Cause) -> None:
    assert failure(handler(ScriptedCloud(OFF, None, ActionError(cause))).on).cause is cause


def test_a_socket_that_takes_a_moment_is_looked_at_again() -> None:
    cloud = ScriptedCloud(OFF, OFF, OFF, ON)
    assert handler(cloud).on() is State.ON
    assert cloud.asked == ["get", "on", "get", "get"]


def test_a_toggle_whose_look_failed_sets_nothing() -> None:
    cloud = ScriptedCloud(ActionError(Cause.UNREACHABLE))
    assert failure(handler(cloud).toggle).cause is Cause.UNREACHABLE
    assert cloud.asked == ["get"]


# ---- a cloud that keeps failing ---------------------------------------------------------------------------


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_failing_cloud_is_left_alone_told_and_tried_again_by_itself(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "latchwire.magiq")
    clock = Clock()
    cloud = ScriptedCloud(ActionError(Cause.TIMEOUT, "late"), ActionError(Cause.TIMEOUT, "late"), ON)
    socket = handler(cloud, clock=clock, failures=2)
    failure(socket.status)
    failure(socket.status)
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "device=ac cause=timeout" in caplog.text
    left_alone = failure(socket.on)
    assert left_alone.cause is Cause.UNREACHABLE, "nothing was sent, so nothing happened"
    assert "late" in left_alone.detail
    assert cloud.asked == ["get", "get"]
    clock.now += 5
    assert socket.poll() is State.ON
    assert "answers again" in caplog.text


def test_wrong_credentials_stay_the_reason_while_the_cloud_is_left_alone() -> None:
    wrong = ActionError(Cause.CREDENTIALS, "no")
    socket = handler(ScriptedCloud(wrong), failures=1)
    assert [failure(socket.status).cause, failure(socket.on).cause] == [Cause.CREDENTIALS] * 2


@pytest.mark.parametrize("answer", [Reading(on=False, connected=False), ActionError(Cause.REJECTED)])
def test_a_socket_that_is_offline_or_unknown_does_not_open_the_circuit(answer: Reading | ActionError) -> None:
    cloud = ScriptedCloud(answer, answer, answer)
    socket = handler(cloud, failures=1)
    for _ in range(3):
        failure(socket.status)
    assert cloud.asked == ["get"] * 3


def test_a_look_that_nobody_waits_for_gives_way_when_requests_are_short() -> None:
    cloud = ScriptedCloud(ON)
    cloud.room = False
    socket = handler(cloud)
    assert socket.poll() is None
    assert cloud.asked == []
    assert socket.status() is State.ON, "a person's question is asked all the same"
