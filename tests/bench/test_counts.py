"""What a command costs is held by counts, which do not depend on how busy a machine is.

A bound stands in ``bounds.json`` beside this file. One that is exceeded is a regression, or a price paid on purpose:
then look at the change again, and write the new counts by

    LATCHWIRE_BOUNDS=renew .venv/bin/pytest tests/bench/test_counts.py

Counts that several threads share vary by a few per cent from run to run; their bounds have room for it (``ROOM``).
System calls vary most, for on a busy machine what comes in one piece elsewhere comes in two: theirs have room for
twice as many.
"""

import json
import os
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from latchwire.bus import Endpoint
from latchwire.model import State
from latchwire.protocol.token import COMMAND, parse_claims, sign, split
from latchwire.protocol.verdict import Accepted, Delivery, judge
from latchwire.sender import Ending
from support.broker import HOST, wait_until
from support.counting import CountingProxy, instructions, watched_threads
from support.handlers import Bolt, Lamp
from support.home import DOOR, Home, config
from support.relay_bench import DOOR as RELAY
from support.relay_bench import LAMP, Bench
from support.tokens import KEY, command, rules, windows

BOUNDS: Final = Path(__file__).with_name("bounds.json")
COMMANDS: Final = 20
ROOM: Final = 1.15
"""For counts of threads, which sleep once more or less often."""
ROOM_OF_CALLS: Final = 2
RENEWS: Final = os.environ.get("LATCHWIRE_BOUNDS") == "renew"
RENEW: Final = "LATCHWIRE_BOUNDS=renew .venv/bin/pytest tests/bench/test_counts.py"

Hold = Callable[..., None]


@pytest.fixture
def hold() -> Hold:
    """Holds counts against their bounds, or writes them down where that is asked for."""

    def compare(group: str, counts: dict[str, float], *, room: float = 1.0) -> None:
        bounds = json.loads(BOUNDS.read_text("utf-8"))
        if os.environ.get("LATCHWIRE_BOUNDS") == "renew":
            bounds[group] = {name: int(-(-count * room // 1)) for name, count in counts.items()}
            BOUNDS.write_text(json.dumps(bounds, indent=2, sort_keys=True) + "\n", "utf-8")
            return
        over = {name: (count, bounds[group][name]) for name, count in counts.items() if count > bounds[group][name]}
        assert not over, (
            f"{group}: more than its bound (count, bound): {over}. Look again at what the change costs; "
            f"if it is worth it, type: {RENEW}"
        )

    return compare


@pytest.fixture
def of_this_python() -> str:
    """The name of bounds that depend on the Python that runs: its bytecode is another one in each version."""
    version = f"Python {sys.version_info.major}.{sys.version_info.minor}"
    known = json.loads(BOUNDS.read_text("utf-8"))
    if os.environ.get("LATCHWIRE_BOUNDS") != "renew" and not any(group.endswith(version) for group in known):
        pytest.skip(f"no bounds are noted for {version}; to note them, type: {RENEW}")
    return version


def test_a_command_costs_no_more_packets_and_bytes(
    make_home: Callable[..., Home], request: pytest.FixtureRequest, hold: Hold
) -> None:
    document = config()
    document["agents"]["omega"]["lifetime"] = 300  # no nonce among what is counted
    home = make_home(document=document)
    agents, senders = CountingProxy(home.broker.port), CountingProxy(home.broker.port)
    request.addfinalizer(agents.close)
    request.addfinalizer(senders.close)
    home.actuator({DOOR: Bolt(), "lamp": Lamp()}, endpoint=Endpoint(HOST, agents.port))
    sender = home.sender(endpoint=Endpoint(HOST, senders.port))

    def ask(action: str) -> None:
        answer = sender.ask(agent="omega", device=DOOR, action=action, sub="manual:test")
        assert answer.ending is Ending.DONE

    def all_is_acknowledged(receipts: int, states: int) -> None:
        wait_until(lambda: senders.heard("PUBLISH") == senders.said("PUBACK") == receipts, "the receipts are")
        wait_until(lambda: agents.said("PUBLISH") == agents.heard("PUBACK") == receipts + states, "the agent's are")

    wait_until(lambda: agents.is_settled and senders.is_settled, "what is said at the start is acknowledged")
    agents.clear()
    senders.clear()
    ask("unlock")
    all_is_acknowledged(1, 1)
    agents.clear()
    senders.clear()
    for number in range(COMMANDS):
        ask(("lock", "unlock")[number % 2])
    all_is_acknowledged(COMMANDS, COMMANDS)
    counts = {
        f"{side}: {what}": count / COMMANDS
        for side, proxy in (("agent", agents), ("sender", senders))
        for what, count in [*proxy.packets.items(), *((f"bytes {way}", size) for way, size in proxy.bytes.items())]
    }
    hold("a command on the wire: packets and bytes", counts)


def test_a_command_costs_one_round_trip(home: Home, request: pytest.FixtureRequest, hold: Hold) -> None:
    """What a sender has to say and to hear before it knows: a conversation would double the wait on a slow line."""
    senders = CountingProxy(home.broker.port)
    request.addfinalizer(senders.close)
    home.actuator({DOOR: Bolt(), "lamp": Lamp()})
    sender = home.sender(endpoint=Endpoint(HOST, senders.port))
    wait_until(lambda: senders.is_settled, "what is said at the start is acknowledged")
    senders.clear()
    sender.ask(agent="omega", device=DOOR, action="unlock", sub="manual:test")
    hold("round trips of a command", {"publications by the sender": senders.packets["out PUBLISH"]})


def test_an_action_costs_no_more_transfers_on_the_i2c_bus(hold: Hold) -> None:
    bench = Bench(door=RELAY, lamp=LAMP)
    door, lamp = bench.lock(), bench.switch()
    door.settle()
    lamp.settle()
    actions = {"unlock": door.unlock, "lock": door.lock, "status": door.status, "on": lamp.on, "off": lamp.off}
    counts: dict[str, float] = {}
    for name, action in actions.items():
        bench.bus.transfers.clear()
        assert action() is not State.UNKNOWN
        counts[name] = len(bench.bus.transfers)
    hold("transfers on the I2C bus", counts)


def test_verification_costs_no_more_instructions(hold: Hold, of_this_python: str) -> None:
    known, kept = rules(), windows()
    verdicts: list[object] = []

    def verdict() -> None:
        verdicts.append(judge(Delivery("front-door", payloads.pop()), known, kept, 1.0))

    payloads = [command(jti=f"{number:022}") for number in range(3)]
    verdict()  # the first one fills caches of the header
    counts = {"verdict on a command": instructions(verdict)}
    assert isinstance(verdicts[-1], Accepted)
    claims = parse_claims(split(command()).payload)
    sign(claims, typ=COMMAND, kid=KEY.kid, secret=KEY.secret)
    counts["signature"] = instructions(lambda: sign(claims, typ=COMMAND, kid=KEY.kid, secret=KEY.secret))
    hold(f"instructions of the protocol, {of_this_python}", dict(counts))


def test_agent_and_sender_cost_no_more_instructions_and_system_calls(
    home: Home, hold: Hold, of_this_python: str
) -> None:
    before, answers = threading.active_count(), []
    with watched_threads() as threads:
        home.actuator({DOOR: Bolt(), "lamp": Lamp()})
        sender = home.sender()

        def ask() -> None:
            for number in range(COMMANDS + 2):
                if number == 2:
                    threads.clear()
                action = ("lock", "unlock")[number % 2]
                answers.append(sender.ask(agent="omega", device=DOOR, action=action, sub="manual:test").ending)

        asking = threading.Thread(target=ask, name="asking")
        asking.start()
        asking.join()
    assert answers == [Ending.DONE] * (COMMANDS + 2)
    assert threading.active_count() > before
    agent, asks = ("bus-omega", "worker", "timers"), ("bus-manual", "asking")
    counts = {
        f"{side}: {what}": threads.of(counted, *names) / COMMANDS
        for side, names in (("agent", agent), ("sender", asks))
        for what, counted in (("instructions", threads.instructions), ("system calls", threads.system_calls))
    }
    counts = {name: count * (ROOM_OF_CALLS if RENEWS and "calls" in name else 1) for name, count in counts.items()}
    hold(f"a command in the kits, {of_this_python}", counts, room=ROOM)


def test_an_idle_agent_says_no_more(make_home: Callable[..., Home], hold: Hold, request: pytest.FixtureRequest) -> None:
    """What thousands of them would say to the broker: a connection, and then a nonce in each of its lifetimes."""
    document = config()
    document["agents"]["omega"]["lifetime"] = 5
    home = make_home(document=document)
    proxy = CountingProxy(home.broker.port)
    request.addfinalizer(proxy.close)
    home.actuator({DOOR: Bolt(), "lamp": Lamp()}, endpoint=Endpoint(HOST, proxy.port))
    wait_until(lambda: proxy.is_settled, "what is said at the start is acknowledged")
    at_start = dict(proxy.packets)
    proxy.clear()
    wait_until(lambda: proxy.is_settled, "a new nonce is heard and acknowledged", 20)
    nonces = proxy.said("PUBLISH")
    each = {f"each nonce: {what}": count / nonces for what, count in proxy.packets.items()}
    each |= {f"each nonce: bytes {way}": count / nonces for way, count in proxy.bytes.items()}
    hold("an idle agent on the wire", {f"start: {what}": count for what, count in at_start.items()} | each)
