"""From a delivery to its receipt, with a device that is slow."""

import threading
from collections.abc import Iterator

import pytest

from latchwire.actuator import commands as of_commands
from latchwire.actuator.alerts import Alerts
from latchwire.actuator.commands import Commands
from latchwire.actuator.device import Device
from latchwire.actuator.strands import Strands
from latchwire.config.agent import AgentConfig, DeviceConfig
from latchwire.model import Cause, Kind, State
from latchwire.protocol.claims import Receipt, parse_receipt
from latchwire.protocol.keys import Keyring
from latchwire.protocol.token import parse_claims, split
from latchwire.protocol.verdict import Delivery
from latchwire.waiting import Timers, now
from support.broker import wait_until
from support.tokens import HEADER, KEY, b64, command, compact, token


class SlowLock:
    """Unlocks only once it is let."""

    def __init__(self) -> None:
        self.let = threading.Event()
        self.unlocked = 0

    def status(self) -> State:
        return State.UNLOCKED if self.unlocked else State.LOCKED

    def lock(self) -> State:
        return State.LOCKED

    def unlock(self) -> State:
        assert self.let.wait(10)
        self.unlocked += 1
        return State.UNLOCKED


class Bench:
    """The acting half without a broker: what it publishes is kept."""

    def __init__(self) -> None:
        self.handler = SlowLock()
        self.receipts: list[tuple[str, Receipt]] = []
        self.alerts: list[str] = []
        self.timers = Timers(on_fault=self._fault)
        self.strands = Strands(workers=2, on_fault=self._fault)
        config = AgentConfig("omega", "relay", "here", 30, None, {"front-door": DeviceConfig(
            "front-door", Kind.LOCK, 5, 0, {})}, {})  # fmt: skip
        device = Device(
            config=config.devices["front-door"], handler=self.handler, timers=self.timers,
            submit=lambda job: self.strands.submit("front-door", job, first=True), on_change=lambda: None,
        )  # fmt: skip
        self.commands = Commands(
            config=config, keyring=Keyring([KEY]), devices={"front-door": device}, strands=self.strands,
            timers=self.timers, alerts=Alerts(timers=self.timers, publish=self.alerts.append), publish=self._publish,
            on_done=lambda _: None,
        )  # fmt: skip
        self.faults: list[Exception] = []
        self.timers.start()

    def _fault(self, fault: Exception) -> None:
        self.faults.append(fault)

    def _publish(self, topic: str, said: str, *_: object) -> None:
        self.receipts.append((topic, parse_receipt(parse_claims(split(said.encode()).payload))))

    def hear(self, device: str = "front-door", **claims: object) -> None:
        said = {"nonce": self.commands.nonce.value, "until": 60, **claims}
        self.commands.heard(Delivery(device, command(**said)))


@pytest.fixture
def bench() -> Iterator[Bench]:
    made = Bench()
    yield made
    made.handler.let.set()
    made.strands.stop()
    made.timers.stop()
    assert made.faults == []


def test_a_command_that_waited_too_long_is_refused_and_its_second_try_acts(bench: Bench) -> None:
    first_nonce = bench.commands.nonce
    bench.hear(jti="the-slow-one-before")
    bench.hear(jti="the-one-that-waits-", until=1)
    wait_until(lambda: now() > first_nonce.made_at + 1, "a second is over")
    bench.handler.let.set()
    wait_until(lambda: len(bench.receipts) == 2, "both are answered")
    refused = bench.receipts[1][1]
    assert (refused.cause, refused.over, refused.nonce) == (Cause.STALE_NONCE, first_nonce.value, first_nonce.value)
    assert bench.handler.unlocked == 1
    bench.hear(jti="the-one-that-waits-")
    wait_until(lambda: bench.handler.unlocked == 2, "the second try acts")
    bench.hear(jti="the-one-that-waits-", until=1)
    assert bench.handler.unlocked == 2, "and the first one never does"


def test_a_refused_nonce_is_named_in_the_receipt(bench: Bench) -> None:
    bench.hear(nonce="A" * 22)
    ((_, receipt),) = bench.receipts
    assert (receipt.cause, receipt.over) == (Cause.UNKNOWN_NONCE, "A" * 22)
    assert receipt.nonce == bench.commands.nonce.value


def test_a_command_carried_elsewhere_is_answered_in_the_name_of_where_it_came(bench: Bench) -> None:
    bench.hear(device="back-door")
    ((topic, receipt),) = bench.receipts
    assert topic == "latchwire/omega/back-door/receipt/whatsapp"
    assert (receipt.iss, receipt.cause) == ("omega/back-door", Cause.WRONG_ADDRESS)


@pytest.mark.parametrize(
    "payload",
    [b"", b"x" * 5000, token(secret=b"x" * 32), token(header={**HEADER, "kid": "evil\n/1"}), b64(compact({}))],
)
def test_what_nobody_known_signed_gets_no_answer_and_one_alert_without_its_words(bench: Bench, payload: bytes) -> None:
    for _ in range(5):
        bench.commands.heard(Delivery("front-door", payload))
        bench.commands.heard(Delivery("evil", payload))
    assert bench.receipts == []
    assert len(bench.alerts) == 1
    assert "evil" not in bench.alerts[0]


def test_of_a_burst_each_command_is_answered_and_the_last_one_always_tells_the_state(bench: Bench) -> None:
    told: list[tuple[int, int]] = []
    bench.commands._on_done = lambda name: told.append((bench.commands._queued[name], bench.handler.unlocked))
    for number in range(8):
        bench.hear(jti=f"one-of-a-burst-{number:04}")
    bench.handler.let.set()
    wait_until(lambda: told != [] and told[-1][0] == 0, "the last one has told")
    assert [receipt.cause for _, receipt in bench.receipts] == [None] * 8
    assert told[-1] == (0, 8)
    assert len(told) < 8, "they cost a publication each"


def test_while_commands_keep_coming_the_state_is_told_all_the_same(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(of_commands, "STATE_SECONDS", 0.0)
    told: list[int] = []
    bench.commands._on_done = lambda name: told.append(bench.commands._queued[name])
    for number in range(4):
        bench.hear(jti=f"one-of-a-burst-{number:04}")
    bench.handler.let.set()
    wait_until(lambda: told == [3, 2, 1, 0], "each has told")
