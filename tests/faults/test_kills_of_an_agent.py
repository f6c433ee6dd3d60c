"""SIGKILL of the agent, of the sender and of the broker, at each named point and at two hundred random ones.

The agent is the real program with its simulated board, whose registers outlive it, started again as ``scripts/keep``
does. Whoever was killed: once the agent is back no toggle is open, nothing was done twice, and nobody was told
"nothing was done" of something that was.
"""

import json
import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import pytest

from latchwire.model import Happened
from latchwire.sender import Answer, Ending
from latchwire_relay_agent.simulated import SimulatedBus
from support.broker import Broker, wait_until
from support.home import DOOR, Home
from support.striking import AGENT, order

TOP: Final = Path(__file__).parents[2]
HOMES: Final = 8
KILLS: Final = 200
VICTIMS: Final = ("agent", "sender", "broker")


class Door:
    """A home whose agent is a process of its own, and what a person at the door would notice."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self.board = home.places.run / "omega.simulated-board"
        self._log = home.places.state / "agent.log"
        self._agent: subprocess.Popen[str] | None = None
        self.sender = home.sender(connect_seconds=5.0)

    def start_agent(self, *module: str, **environment: str) -> subprocess.Popen[str]:
        before = self._nonce()
        with self._log.open("a") as log:
            self._agent = subprocess.Popen(
                [sys.executable, "-m", *(module or ("latchwire_relay_agent",))], stdin=subprocess.DEVNULL, stdout=log,
                stderr=log, text=True,
                env={**self.home.environment(), "PYTHONPATH": str(TOP / "tests"), **environment},
            )  # fmt: skip
        self.home._running.callback(self.end)
        self.wait_for_agent(before)
        return self._agent

    def end(self) -> None:
        if self._agent is not None and self._agent.poll() is None:
            self._agent.kill()
            self._agent.wait(10)

    def wait_for_agent(self, before: str = "") -> None:
        """Until the sender would ask it, over a nonce that the agent did not have before."""
        wait_until(
            lambda: self.sender._bus.is_ready and self.sender._agents.is_online("omega") and self._nonce() != before,
            f"the agent is there, see {self._log}",
            20,
        )

    def _nonce(self) -> str:
        heard = self.sender._agents.nonce("omega")
        return heard.value if heard else ""

    @property
    def is_open(self) -> bool:
        return bool(SimulatedBus(addresses=(0x27,), memory=self.board).relays() & 1)

    @property
    def openings(self) -> int:
        """How often the relay of the door was heard to click open, over all of the agent's lives."""
        return self._log.read_text().count("is UNLOCKED (simulated)")

    def revive(self) -> None:
        """Does what a supervisor does, and waits until all are there again."""
        if not self.home.broker.is_running:
            self.home.broker._signal_and_wait(9)  # type: ignore[arg-type]  # reaps it
            self.home.broker.start()
        if self._agent is not None and self._agent.poll() is not None:
            self.start_agent()
        else:
            self.wait_for_agent()
        # What was on its way is done before this is answered.
        answer = self.sender.ask(agent="omega", device=DOOR, action="status", sub="manual:test")
        assert answer.ending is Ending.DONE
        wait_until(lambda: not self.is_open, "no toggle is open once the agent is back", 4)


def says_nothing_was_done(answer: Answer) -> bool:
    return answer.happened is Happened.NO


def ask_by_hand(door: Door) -> subprocess.Popen[str]:
    return door.home.run(
        "-m", "latchwire.cli.main", "send", DOOR, "toggle", "--wait", "2", "--json", stderr=subprocess.DEVNULL
    )


def told_by_hand(text: str) -> bool:
    """Whether a program that came to its end said that nothing was done."""
    return bool(text) and json.loads(text).get("happened") == "no"


# ---------------------------------------------------------------------------------- named points


@pytest.mark.parametrize("point", AGENT)
@pytest.mark.parametrize("victim", VICTIMS)
def test_a_kill_at_a_named_point_opens_no_door_for_good_or_twice_and_nobody_is_misled(
    home: Home, point: str, victim: str
) -> None:
    door = Door(home)
    strike = home.places.state / "strike"
    door.start_agent("support.striking", "relay-agent", STRIKE_AT=point, STRIKE_FILE=str(strike))
    if victim == "sender":
        asking = ask_by_hand(door)
        whole = strike.with_suffix(".new")
        whole.write_text(str(asking.pid))
        whole.rename(strike)  # at once, for the agent may look just now
        misled = told_by_hand(asking.communicate(timeout=20)[0])
        assert asking.returncode == -9
    else:
        broker = home.broker._process
        assert broker is not None
        order(strike, "self" if victim == "agent" else str(broker.pid))
        answer = door.sender.ask(agent="omega", device=DOOR, action="toggle", sub="manual:test", wait=2, patience=2)
        misled = says_nothing_was_done(answer)
        assert answer.ending is not Ending.DONE or victim == "broker"
    assert not strike.exists()
    door.revive()
    never_began = victim == "agent" and point in {"before-check", "after-check"}
    assert door.openings == (0 if never_began else 1)
    assert not misled


# --------------------------------------------------------------------------------- random points


def test_two_hundred_kills_at_random_points_open_no_door_for_good_or_twice_and_mislead_nobody(
    make_home: Callable[..., Home],
) -> None:
    doors = [Door(make_home()) for _ in range(HOMES)]
    with ThreadPoolExecutor(HOMES) as pool:
        runs = [
            pool.submit(kill_at_random, door, random.Random(number), KILLS // HOMES)  # noqa: S311
            for number, door in enumerate(doors)
        ]
        endings = [ending for run in runs for ending in run.result()]
    assert len(endings) == KILLS
    counts = {ending: endings.count(ending) for ending in sorted(set(endings))}
    assert counts["done"] >= KILLS // 20, f"the kills came too early to prove anything: {counts}"


def kill_at_random(door: Door, dice: random.Random, times: int) -> list[str]:
    door.start_agent()
    return [kill_once(door, dice) for _ in range(times)]


def kill_once(door: Door, dice: random.Random) -> str:
    """One toggle, one kill at some time of it, and what has to be true afterwards; how the asking ended."""
    victim = dice.choices(VICTIMS, (6, 1, 2))[0]
    delay = dice.uniform(0, 0.02) if dice.random() < 0.7 else dice.uniform(0, 1.2)
    before = door.openings
    if victim == "sender":
        ending, misled = kill_sender(door, delay + 0.3)
    else:
        ending, misled = ask_and_kill(door, victim, delay)
    door.revive()
    opened = door.openings - before
    assert opened <= 1, f"done {opened} times: {victim} was killed after {delay:.4f} s"
    assert not (misled and opened), f'"{ending}" was told of an open door: {victim} was killed after {delay:.4f} s'
    return ending


def kill_sender(door: Door, delay: float) -> tuple[str, bool]:
    asking = ask_by_hand(door)
    time.sleep(delay)
    asking.kill()
    text = asking.communicate(timeout=10)[0]
    return (json.loads(text)["outcome"] if text else "killed"), told_by_hand(text)


def ask_and_kill(door: Door, victim: str, delay: float) -> tuple[str, bool]:
    answers: list[Answer] = []
    asking = threading.Thread(
        target=lambda: answers.append(
            door.sender.ask(agent="omega", device=DOOR, action="toggle", sub="manual:test", wait=0.6, patience=0.6)
        )
    )
    asking.start()
    time.sleep(delay)
    if victim == "agent":
        assert door._agent is not None
        door._agent.kill()
        door._agent.wait(10)
    else:
        kill_broker(door.home.broker)
    asking.join(20)
    return answers[0].ending.value, says_nothing_was_done(answers[0])


def kill_broker(broker: Broker) -> None:
    broker.kill()
    broker.start()
