"""Floods: while one lasts a good command gets through or is clearly refused; memory, alerts and logs stay small."""

import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from latchwire import topics
from latchwire.model import Cause
from latchwire.protocol.token import RECEIPT as RECEIPT_TYPE
from latchwire.protocol.token import sign
from latchwire.sender import Ending
from support.broker import wait_until
from support.home import DOOR
from support.house import House, example
from support.scene import ALERT, COMMAND, RECEIPT, Scene
from support.wire import Wire

MOST_LINES = 140
"""Of a program's log in one of these floods: thirty of each of a few causes, its start, the owner's commands."""
MOST_MEMORY = 12_000
"""Kilobytes more than before: an agent remembers four times 1024 commands with their receipts."""


def kilobytes(house: House, name: str) -> int:
    """What a program has in memory (proc(5), VmRSS)."""
    status = Path(f"/proc/{house._programs[name].pid}/status").read_text()
    return int(re.findall(r"VmRSS:\s+(\d+) kB", status)[0])


@contextmanager
def flood(wire: Wire, *payloads: str | bytes, topic: str = COMMAND, count: int = 3000) -> Iterator[None]:
    """Publishes so many, as fast as the broker takes them, while the test goes on; waits for the end of it."""

    def pour() -> None:
        for number in range(count):
            if number % 100 == 99:
                wire.publish(topic, payloads[number % len(payloads)])  # waits: a client's own queue is no attack
            else:
                wire.say(topic, payloads[number % len(payloads)])

    thread = threading.Thread(target=pour)
    thread.start()
    yield
    thread.join(60)
    assert not thread.is_alive()


@pytest.fixture
def house(make_house: Callable[..., House]) -> House:
    """A house with the real agent at work."""
    house = make_house(document=example())
    house.start("relay-agent")
    return house


NO_ANSWER = 6
"""The exit status of `latchwire send`."""


def the_owner_gets_an_answer(house: House) -> None:
    """That the door was opened, or why not; where no answer came in time, they say it again, twice at most."""
    for _ in range(3):
        done = house.command_line("send", DOOR, "unlock")
        if done.returncode != NO_ANSWER:
            break
    assert done.returncode in {0, 3}, done.stdout + done.stderr
    said = "UNLOCKED" if done.returncode == 0 else "Refused"
    assert said in done.stdout


def assert_small(house: House, before: int) -> None:
    assert house.healthy("relay-agent")[0]
    assert kilobytes(house, "relay-agent") - before < MOST_MEMORY
    assert len(house.log("relay-agent").splitlines()) < MOST_LINES, house.log("relay-agent")[:3000]


def test_a_flood_of_bad_commands_keeps_nobody_out(house: House) -> None:
    """Holds: an ingress's login; publishes what is no command, or signed with no key of ours, without end."""
    before, observer = kilobytes(house, "relay-agent"), house.wire(filters=(ALERT,))
    forged = house.token("A" * 22)[:-4] + "AAAA"
    with flood(house.wire("whatsapp", filters=("latchwire/+/nonce",)), b"noise", forged, b"." * 4000, b""):
        the_owner_gets_an_answer(house)
    assert_small(house, before)
    causes = [json.loads(heard.payload)["cause"] for heard in observer.on(ALERT)]
    assert {*causes} <= {"malformed", "bad-signature"}
    assert all(causes.count(cause) <= 3 for cause in causes)  # one at once, then one in ten seconds


def test_a_flood_of_good_commands_keeps_nobody_out(house: House) -> None:
    """Holds: an ingress with its key (a stolen one): every command is good, fresh and new."""
    before, observer = kilobytes(house, "relay-agent"), house.wire(filters=("latchwire/omega/nonce",))
    nonce = house.nonce(observer)
    good = [house.token(nonce, "status", issuer="whatsapp", until=60) for _ in range(600)]
    with flood(house.wire("whatsapp", filters=("latchwire/+/availability",)), *good, count=600):
        the_owner_gets_an_answer(house)
    the_owner_gets_an_answer(house)
    assert_small(house, before)


def test_a_flood_of_one_old_command_keeps_nobody_out_and_fills_no_log(house: House) -> None:
    """Holds: an ingress's login, and commands that were heard long ago; each is answered, for its sender may ask."""
    before = kilobytes(house, "relay-agent")
    old = [house.token("A" * 22), house.token("A" * 22, aud="omega/cellar"), house.token("A" * 22, act="-")]
    with flood(house.wire("whatsapp", filters=("latchwire/+/availability",)), *old, count=600):
        the_owner_gets_an_answer(house)
    assert_small(house, before)
    assert house.log("relay-agent").count("cause=unknown-nonce") <= 35


def test_a_flood_of_receipts_is_counted_in_the_log_and_hides_no_answer(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    """Holds: a stolen Omega's login; publishes receipts that nobody signed, or for commands that nobody gave."""
    key = scene.home.key()
    claims: dict[str, str | int | bool] = {
        "iss": f"omega/{DOOR}", "aud": "manual", "re": "j" * 22, "sub": "", "act": "unlock", "outcome": "done",
        "state": "unlocked",
    }  # fmt: skip
    strange = sign(claims, typ=RECEIPT_TYPE, kid=key.kid, secret=key.secret)
    forged = sign(claims, typ=RECEIPT_TYPE, kid=key.kid, secret=b"A" * 32)
    sender, stolen = scene.home.sender(), scene.home.wire("omega", filters=(ALERT,))
    with flood(stolen, strange, forged, b"done", topic=RECEIPT):
        answer = sender.ask(agent="omega", device=DOOR, action="unlock", sub="manual:test")
    assert answer.ending is Ending.DONE
    lines = [record for record in caplog.records if record.getMessage() == "A receipt was not believed."]
    causes = [record.__dict__["fields"]["reason"] for record in lines]
    assert lines
    assert all(causes.count(cause) <= 3 for cause in causes)  # one for each reason in ten seconds


def test_a_flood_in_the_agents_own_name_keeps_nobody_out(scene: Scene) -> None:
    """Holds: a stolen Omega's login; publishes nonces, states and availability as if it were the agent."""
    stolen = scene.home.wire("omega", filters=(ALERT,))
    sender = scene.home.sender()
    for name in ("availability", "status", "nonce"):
        with flood(stolen, "offline", '{"up":-1}', b"\xff" * 100, topic=f"latchwire/omega/{name}", count=500):
            pass
    with flood(stolen, '{"state":"locked"}', topic=topics.state("omega", DOOR), count=500):
        wait_until(
            lambda: sender.ask(agent="omega", device=DOOR, action="lock", sub="manual:test").ending is Ending.DONE,
            "the owner gets through",
        )
    assert not scene.actuator._peers.is_aside


def test_a_busy_door_says_so(scene: Scene) -> None:
    """Holds: an ingress with its key; keeps the door so busy that no other command fits in."""
    scene.bolt.gate.clear()
    for _ in range(12):
        scene.thief.publish(COMMAND, scene.home.token(scene.nonce, "lock"))
    answer = scene.home.sender("whatsapp").ask(agent="omega", device=DOOR, action="unlock", sub="whatsapp:test")
    assert (answer.ending, answer.cause) == (Ending.REFUSED, Cause.BUSY)
    scene.bolt.gate.set()
    assert scene.bolt.count("unlock") == 0
