"""Every check of a command, and which one wins where two fail."""

from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from latchwire.model import Cause, Kind
from latchwire.protocol.keys import Key, Keyring
from latchwire.protocol.nonce import Answered, Windows
from latchwire.protocol.verdict import Accepted, Alert, Refused, Repeated, Rules, Verdict
from support.tokens import CLAIMS, HEADER, LIFETIME, NONCE, SECRET, command, judged, rules, token, windows


class Case(NamedTuple):
    """A delivery at an agent: all is well with it, but for what a fault below changes."""

    retained: bool = False
    size: int = 0
    parts: int = 3
    header: dict[str, object] = HEADER  # type: ignore[assignment]
    forged: bool = False
    claims: dict[str, object] = CLAIMS  # type: ignore[assignment]
    device: str = "front-door"
    known: bool = False
    age: float = 1.0
    agent: Rules = rules()

    def payload(self) -> bytes:
        whole = token(self.claims, header=self.header, secret=b"x" * 32 if self.forged else SECRET)
        whole = b".".join(whole.split(b".")[: self.parts])
        return whole + b"A" * max(0, self.size - len(whole))

    def at(self) -> Windows:
        state = windows()
        if self.known:
            state.remember("whatsapp", str(self.claims["jti"]))
        return state

    def judged(self) -> Verdict:
        return judged(
            self.payload(), to=self.at(), by=self.agent, now=self.age, device=self.device, retained=self.retained
        )


Fault = Callable[[Case], Case]


def claim(name: str, value: object) -> Fault:
    return lambda case: case._replace(claims={**case.claims, name: value})


def rule(**changes: Any) -> Fault:
    return lambda case: case._replace(agent=case.agent._replace(**changes))


# Each check in its order: what breaks it alone, and what is said then.
CHECKS: list[tuple[str, Fault, Cause | type[Verdict]]] = [
    ("it is retained", lambda case: case._replace(retained=True), Cause.RETAINED),
    ("it is too long", lambda case: case._replace(size=4097), Cause.MALFORMED),
    ("it has two parts", lambda case: case._replace(parts=2), Cause.MALFORMED),
    ("its header is wrong", lambda case: case._replace(header={**case.header, "alg": "none"}), Cause.MALFORMED),
    ("its typ is another", lambda case: case._replace(header={**case.header, "typ": "receipt+jwt"}), Cause.MALFORMED),
    ("its kid is unknown", lambda case: case._replace(header={**case.header, "kid": "whatsapp/2"}), Cause.UNKNOWN_KEY),
    ("its signature is wrong", lambda case: case._replace(forged=True), Cause.BAD_SIGNATURE),
    ("its claims are malformed", claim("act", "UNLOCK"), Cause.MALFORMED),
    ("its iss is another issuer", claim("iss", "twitter"), Cause.MALFORMED),
    ("it is addressed to another device", claim("aud", "omega/back-door"), Cause.WRONG_ADDRESS),
    ("its nonce is unknown", claim("nonce", "A" * 22), Cause.UNKNOWN_NONCE),
    ("it is known already", lambda case: case._replace(known=True), Repeated),
    ("its until is longer than this agent allows", claim("until", 2 * LIFETIME + 1), Cause.MALFORMED),
    ("it is too late", lambda case: case._replace(age=600.5), Cause.STALE_NONCE),
    ("its device does not exist", rule(devices={}), Cause.UNKNOWN_DEVICE),
    ("its issuer is not obeyed", rule(may=lambda *_: False), Cause.FORBIDDEN),
    ("its action is not the device's", rule(devices={"front-door": Kind.SWITCH}), Cause.UNKNOWN_ACTION),
    ("its device is busy", rule(busy=("front-door",)), Cause.BUSY),
]  # fmt: skip
NAMES = [name for name, _, _ in CHECKS]
SIGNATURE = NAMES.index("its signature is wrong")


def said(verdict: Verdict) -> Cause | type[Verdict]:
    return verdict.cause if isinstance(verdict, (Alert, Refused)) else type(verdict)


def test_with_nothing_wrong_it_acts() -> None:
    assert said(Case().judged()) is Accepted


@pytest.mark.parametrize(("name", "fault", "cause"), CHECKS, ids=NAMES)
def test_each_check_fails_alone(name: str, fault: Fault, cause: Cause | type[Verdict]) -> None:
    verdict = fault(Case()).judged()
    assert said(verdict) is cause
    if cause is not Repeated:
        assert isinstance(verdict, Alert if NAMES.index(name) <= SIGNATURE else Refused)


# "its device does not exist" and "its action is not the device's" exclude each other, and so do two forms of the claims
# or the header; what is left of each pair of neighbours is here, and so is every pair further apart.
PAIRS = [
    (first, second)
    for index, first in enumerate(CHECKS)
    for second in CHECKS[index + 1 :]
    if {first[0], second[0]} != {"its device does not exist", "its action is not the device's"}
]


@pytest.mark.parametrize(("first", "second"), PAIRS, ids=[f"{a[0]} and {b[0]}" for a, b in PAIRS])
def test_the_first_check_that_fails_decides(
    first: tuple[str, Fault, Cause | type[Verdict]], second: tuple[str, Fault, Cause | type[Verdict]]
) -> None:
    verdict = first[1](second[1](Case())).judged()
    assert said(verdict) is first[2]


@pytest.mark.parametrize(("name", "fault", "cause"), CHECKS, ids=NAMES)
def test_only_a_fresh_command_is_remembered(name: str, fault: Fault, cause: object) -> None:
    del cause
    case = fault(Case())
    state = case.at()
    judged(case.payload(), to=state, by=case.agent, now=case.age, device=case.device, retained=case.retained)
    fresh = NAMES.index(name) > NAMES.index("it is too late")
    assert state.knows("whatsapp", str(CLAIMS["jti"])) is (fresh or case.known)
    assert state.current.value == NONCE


def test_a_receipt_is_no_command_although_the_key_is_the_same() -> None:
    assert said(judged(token(header={**HEADER, "typ": "receipt+jwt"}))) is Cause.MALFORMED


def test_a_key_of_another_agent_opens_nothing_here() -> None:
    elsewhere = rules(keyring=Keyring([Key("whatsapp", 1, "magiq", SECRET)]))
    assert said(judged(token(), by=elsewhere)) is Cause.UNKNOWN_KEY


def test_an_issuer_cannot_speak_for_another_one() -> None:
    ring = Keyring([Key("whatsapp", 1, "omega", SECRET), Key("twitter", 1, "omega", b"t" * 32)])
    stolen = token({**CLAIMS, "iss": "twitter", "sub": "twitter:1"})
    assert said(judged(stolen, by=rules(keyring=ring))) is Cause.MALFORMED
    assert said(judged(token(header={**HEADER, "kid": "twitter/1"}), by=rules(keyring=ring))) is Cause.BAD_SIGNATURE


def test_an_older_generation_of_a_key_still_acts() -> None:
    ring = Keyring([Key("whatsapp", 1, "omega", SECRET), Key("whatsapp", 2, "omega", b"n" * 32)])
    assert said(judged(token(), by=rules(keyring=ring))) is Accepted


def test_a_command_carried_to_another_device_is_refused_under_that_devices_name() -> None:
    both = rules(devices={"front-door": Kind.LOCK, "back-door": Kind.LOCK})
    state = windows()
    assert said(judged(command(), to=state, by=both, device="back-door")) is Cause.WRONG_ADDRESS
    assert said(judged(command(), to=state, by=both)) is Accepted, "and still acts where it belongs"


@pytest.mark.parametrize(
    ("age", "until", "acts"),
    [(10.0, 10, True), (10.001, 10, False), (0.0, 1, True), (1.001, 1, False), (60.0, 60, True), (60.001, 60, False)],
)
def test_until_bounds_the_age_of_the_nonce_to_the_moment(age: float, until: int, acts: bool) -> None:  # noqa: FBT001  # a column
    assert said(judged(command(until=until), now=age)) is (Accepted if acts else Cause.STALE_NONCE)


def test_an_accepted_command_expires_when_its_nonce_is_until_seconds_old() -> None:
    state = windows(now=100.0)
    verdict = judged(command(until=7), to=state, now=103.0)
    assert isinstance(verdict, Accepted)
    assert verdict.expires == 107.0


def test_after_a_restart_with_a_shorter_lifetime_an_old_command_is_not_told_nothing_happened() -> None:
    restarted = Windows(lifetime=5, nonce="B" * 22, now=0.0)
    assert said(judged(command(until=60), to=restarted)) is Cause.UNKNOWN_NONCE
    assert Cause.UNKNOWN_NONCE.happened.value == "maybe"


def test_the_same_command_again_gets_the_same_receipt_again() -> None:
    state = windows()
    assert said(judged(command(), to=state)) is Accepted
    again = judged(command(), to=state)
    assert again == Repeated(again.key, again.command, None), "silence while it is being done"  # type: ignore[union-attr]
    state.answered("whatsapp", str(CLAIMS["jti"]), Answered("front-door", "the receipt"))
    again = judged(command(), to=state, now=LIFETIME * 20.0)
    assert isinstance(again, Repeated)
    assert again.answer == Answered("front-door", "the receipt"), "however old it is, while its window is kept"


def test_a_refused_command_is_not_done_when_it_comes_again_to_an_idle_device() -> None:
    state = windows()
    assert said(judged(command(), to=state, by=rules(busy=("front-door",)))) is Cause.BUSY
    assert said(judged(command(), to=state)) is Repeated


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"until": 0}, ("hB2c9QmT7uXe4LwZ1sKd0g", "whatsapp:+15555550100", "unlock")),
        ({"act": "Unlock"}, ("hB2c9QmT7uXe4LwZ1sKd0g", "whatsapp:+15555550100", "")),
        ({"sub": "twitter:1"}, ("hB2c9QmT7uXe4LwZ1sKd0g", "", "unlock")),
        ({"jti": "short"}, ("", "whatsapp:+15555550100", "unlock")),
        ({"jti": 7, "act": 7, "sub": 7}, ("", "", "")),
    ],
)
def test_a_malformed_command_is_answered_with_what_can_be_read_of_it(
    changes: dict[str, object], told: tuple[str, str, str]
) -> None:
    verdict = judged(command(**changes))
    assert isinstance(verdict, Refused)
    assert (verdict.cause, verdict.jti, verdict.sub, verdict.act) == (Cause.MALFORMED, *told)
