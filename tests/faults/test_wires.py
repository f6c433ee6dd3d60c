"""Each kind of fault of a network at each end and in each direction, while a command or its receipt passes.

The kits in this process, a real Mosquitto, and a wire of its own for sender and agent. Whatever the wire does: the door
opens at most once, its sender is not misled, and both are connected again by themselves.
"""

import itertools
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Final, NamedTuple

import pytest

from latchwire.actuator import Actuator
from latchwire.bus import Endpoint, Login
from latchwire.model import Happened
from latchwire.sender import Answer, Ending, Sender
from support.broker import wait_until
from support.faulty_wire import Fault, FaultyWires, Kind
from support.handlers import Bolt, Lamp
from support.home import DOOR, Home

AFTER: Final = (0, 1, 40, 300)
"""Bytes: at once, in the fixed header, in the topic, in the token."""
SECONDS: Final = 0.4
WAIT: Final = 1.0
LANES: Final = 4
CASES: Final = list(itertools.product(("sender", "agent"), (True, False), Kind, AFTER))


class Lane(NamedTuple):
    """A home of its own, so that several cases run at the same time."""

    wires: FaultyWires
    bolt: Bolt
    actuator: Actuator
    sender: Sender

    def ask(self, action: str, late: list[Answer]) -> Answer:
        return self.sender.ask(
            agent="omega", device=DOOR, action=action, sub="manual:test", wait=WAIT, patience=WAIT, on_late=late.append
        )


@pytest.fixture
def lanes(make_home: Callable[..., Home]) -> Iterator[list[Lane]]:
    with ExitStack() as running:
        made = []
        for _ in range(LANES):
            home = make_home()
            wires = running.enter_context(FaultyWires(to=home.broker.port))
            ends = [Endpoint("127.0.0.1", wires.add(name)) for name in ("agent", "sender")]
            bolt = Bolt()
            actuator = home.actuator({DOOR: bolt, "lamp": Lamp()}, endpoint=ends[0])
            running.callback(actuator.stop)
            made.append(Lane(wires, bolt, actuator, home.sender(endpoint=ends[1], connect_seconds=0.5)))
        yield made


def heals(lane: Lane) -> bool:
    return lane.actuator._bus.is_ready and lane.ask("status", []).ending is Ending.DONE


def one(lane: Lane, case: tuple[str, bool, Kind, int]) -> str:
    """One command with one fault of the wire; how it ended."""
    who, up, kind, after = case
    wait_until(lambda: heals(lane), f"all is well before {case}", 20)
    lane.ask("lock", [])
    late: list[Answer] = []
    before = lane.bolt.count("unlock")
    lane.wires.strike(who, Fault(kind, up, after, SECONDS))
    answer = lane.ask("unlock", late)
    wait_until(lambda: heals(lane), f"all is well after {case}, {lane.wires.story[-3:]}", 20)
    done = lane.bolt.count("unlock") - before
    told = f"{case}: told {answer.ending}, opened {done} times, later {late}"
    assert done <= 1, told
    assert not (answer.happened is Happened.NO and done), told
    assert not (answer.ending is Ending.DONE and not done), told
    assert answer.ending in {Ending.DONE, Ending.NO_ANSWER, Ending.NOBODY_LISTENING}, told
    for truth in late:
        assert (truth.ending is Ending.DONE) == bool(done), told
    return answer.ending.value


def test_each_fault_of_a_wire_opens_a_door_once_at_most_misleads_nobody_and_heals(lanes: list[Lane]) -> None:
    with ThreadPoolExecutor(LANES) as pool:
        runs = [pool.submit(lambda lane, cases: [one(lane, case) for case in cases], lane, CASES[number::LANES])
                for number, lane in enumerate(lanes)]  # fmt: skip
        endings = [ending for run in runs for ending in run.result()]
    assert len(endings) == len(CASES)
    assert sum(len(lane.wires.story) for lane in lanes) >= len(CASES), "each fault was met"
    assert {"done", "no-answer"} <= set(endings)


def test_a_receipt_that_is_delayed_beyond_the_wait_is_the_truth_that_follows(lanes: list[Lane]) -> None:
    lane, late = lanes[0], list[Answer]()
    wait_until(lambda: heals(lane), "all is well")
    lane.wires.strike("sender", Fault(Kind.DELAY, up=False, at=0, seconds=WAIT + 0.5))
    assert lane.ask("unlock", late).ending is Ending.NO_ANSWER
    wait_until(lambda: bool(late), "the truth follows")
    assert [truth.ending for truth in late] == [Ending.DONE]
    assert lane.bolt.count("unlock") == 1


def test_a_subscription_that_was_damaged_on_the_way_is_made_again(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("latchwire.bus.proofs.PROOF_SECONDS", 0.3)
    monkeypatch.setattr("latchwire.bus.proofs.AGAIN_SECONDS", 0.5)
    at = in_first_filter(home.login("manual"))
    bolt = Bolt()
    home.actuator({DOOR: bolt, "lamp": Lamp()})
    with FaultyWires(to=home.broker.port) as wires:
        port = wires.add("sender", lambda number: [Fault(Kind.FLIP, up=True, at=at)] if number == 1 else [])
        sender = home.sender(endpoint=Endpoint("127.0.0.1", port))  # waits until every subscription is proved
        assert len(wires.story) == 1, "one letter of a topic was another one"
        assert wires.made["sender"] == 1
        assert sender.ask(agent="omega", device=DOOR, action="unlock", sub="manual:test").ending is Ending.DONE
        sender.stop()


def in_first_filter(login: Login) -> int:
    """A byte of the first filter in the SUBSCRIBE that follows a sender's CONNECT (MQTT 5.0 sections 3.1 and 3.8)."""
    body = 10 + 11 + (2 + len(login.name) + 33) + (2 + len(login.name)) + (2 + len(login.password))
    connect = body + (2 if body < 128 else 3)
    return next(at for at in range(connect + 9, connect + 17) if at % 8 == 1)  # a bit that leaves it a letter
