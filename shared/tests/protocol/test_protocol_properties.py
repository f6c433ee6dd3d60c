"""Whatever arrives and in whatever order: what must hold of tokens, windows and topics (hypothesis)."""

import binascii
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from latchwire import topics
from latchwire.errors import TokenError
from latchwire.protocol import claims as of_claims
from latchwire.protocol.nonce import ACTING, CAPACITY, KEPT, Windows
from latchwire.protocol.token import COMMAND, MAX_INTEGER, decode_part, encode_part, parse_claims, sign, split
from latchwire.protocol.verdict import Accepted, Repeated
from support.tokens import CLAIMS, HEADER, NONCE, SECRET, b64, command, compact, judged, token, windows

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
BYTES = st.one_of(
    st.binary(max_size=5000),
    st.lists(st.binary(max_size=300).map(b64), min_size=1, max_size=4).map(b".".join),
    st.tuples(JSON.map(compact), JSON.map(compact)).map(lambda two: token(two[1], header=two[0])),
    JSON.map(compact).map(token),
    st.dictionaries(st.sampled_from(sorted(CLAIMS)), JSON).map(lambda changes: token({**CLAIMS, **changes})),
)


@given(BYTES)
def test_any_bytes_are_a_token_or_a_token_error(payload: bytes) -> None:
    with suppress(TokenError):
        of_claims.parse_receipt(parse_claims(split(payload).payload))


@given(
    st.binary(max_size=40).map(encode_part)
    | st.binary(max_size=6)
    | st.text("AQgwz09-_+/= \n!", max_size=9).map(str.encode)
)
def test_a_part_is_read_only_if_encoding_again_gives_the_same_text(part: bytes) -> None:
    try:
        read = decode_part(part)
    except TokenError:
        with suppress(binascii.Error):  # the standard library's reader, which passes over what it does not know
            again = binascii.a2b_base64(part.replace(b"-", b"+").replace(b"_", b"/") + b"=" * (-len(part) % 4))
            assert encode_part(again) != part
    else:
        assert encode_part(read) == part


@given(BYTES, st.booleans())
def test_whatever_arrives_gets_a_verdict(payload: bytes, retained: bool) -> None:  # noqa: FBT001  # hypothesis gives it
    verdict = judged(payload, retained=retained)
    assert not isinstance(verdict, Repeated)


@given(JSON)
def test_any_claims_are_read_alike_by_us_and_by_the_standard_library_or_refused(document: Any) -> None:
    try:
        read = parse_claims(compact(document))
    except TokenError:
        return
    assert read == document


@given(st.binary(max_size=200))
def test_a_part_has_one_spelling(data: bytes) -> None:
    assert decode_part(encode_part(data)) == data


@given(st.binary(max_size=60))
def test_whatever_is_read_as_base64url_is_its_one_spelling(text: bytes) -> None:
    try:
        data = decode_part(text)
    except TokenError:
        return
    assert encode_part(data) == text


VALUES = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=128) | st.integers(0, MAX_INTEGER)


@given(st.dictionaries(st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=9), VALUES, max_size=9))
def test_what_is_signed_is_read_again(said: dict[str, str | int]) -> None:
    read = split(sign(said, typ=COMMAND, kid="whatsapp/1", secret=SECRET).encode())
    assert read.verified_by(SECRET)
    assert parse_claims(read.payload) == said


GOOD = token()


@given(st.integers(0, len(GOOD) * 8 - 1))
def test_a_flipped_bit_anywhere_never_acts(bit: int) -> None:
    damaged = bytearray(GOOD)
    damaged[bit // 8] ^= 1 << bit % 8
    assert not isinstance(judged(bytes(damaged)), Accepted)


@given(st.integers(0, len(GOOD)), st.integers(0, len(GOOD)), st.binary(max_size=3))
def test_a_piece_cut_out_or_put_in_never_acts(begin: int, end: int, piece: bytes) -> None:
    changed = GOOD[:begin] + piece + GOOD[end:]
    acts = isinstance(judged(changed), Accepted)
    assert acts is (changed.removesuffix(b"\n").removesuffix(b"\r") == GOOD and not changed.endswith(b"\r"))


@given(st.binary(min_size=32, max_size=32))
def test_another_secret_never_verifies(secret: bytes) -> None:
    assert split(token(secret=secret)).verified_by(SECRET) is (secret == SECRET)


class AnAgentsLife(RuleBasedStateMachine):
    """Rolls, waits and commands in any order, the same few jtis over whichever nonce was ever told."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.state: Windows = windows()
        self.told = [NONCE]
        self.acted: dict[str, list[int]] = {}

    @rule(seconds=st.floats(0, 90))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @rule()
    def roll(self) -> None:
        self.told.append(f"{len(self.told):022d}")
        self.state.roll(self.told[-1], self.now)

    @rule(jti=st.integers(0, 3), back=st.integers(0, 6), until=st.integers(1, 60))
    def hear(self, jti: int, back: int, until: int) -> None:
        nonce = self.told[max(0, len(self.told) - 1 - back)]
        made = self.state.kept(nonce)
        payload = command(jti=f"jti-{jti:016d}", nonce=nonce, until=until)
        if isinstance(judged(payload, to=self.state, now=self.now), Accepted):
            assert made is not None
            assert back < ACTING or len(self.told) <= ACTING
            assert self.now - made.made_at <= until
            earlier = self.acted.setdefault(f"jti-{jti:016d}", [])
            assert all(len(self.told) - roll >= KEPT for roll in earlier), "it acts once while it can be heard again"
            earlier.append(len(self.told))

    @invariant()
    def at_most_four_windows_are_kept(self) -> None:
        kept = [nonce for nonce in self.told if self.state.kept(nonce) is not None]
        assert kept == self.told[-KEPT:]
        assert self.state.current.value == self.told[-1]


TestAnAgentsLife = AnAgentsLife.TestCase
TestAnAgentsLife.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(0, CAPACITY + 9), min_size=1, max_size=8))
def test_an_agent_that_rolls_when_it_is_due_remembers_at_most_four_times_1024(bursts: list[int]) -> None:
    state, count = windows(), 0
    for burst in bursts:
        for _ in range(burst):
            state.remember("whatsapp", str(count))
            count += 1
            if state.due(1.0):
                state.roll(f"{count:022d}", 1.0)
        known = sum(state.knows("whatsapp", str(number)) for number in range(count))
        assert known <= KEPT * CAPACITY


NAMES = st.from_regex(r"[a-z0-9-]{1,32}", fullmatch=True)


@given(st.text(max_size=200) | st.lists(NAMES | st.text(max_size=3), max_size=6).map("/".join))
def test_any_text_is_a_topic_of_ours_or_none(text: str) -> None:
    found = topics.parse(text)
    if found is not None:
        assert topics.parse(f"latchwire/{found.name}/{'/'.join(text.split('/')[2:])}") == found
        assert not set(text) & set("+#$\0\n ")


@given(NAMES, NAMES, NAMES)
def test_every_topic_is_read_as_it_was_written(name: str, device: str, issuer: str) -> None:
    for kind in ("availability", "status", "nonce", "alert"):
        assert topics.parse(getattr(topics, kind)(name)) == topics.Address(kind, name)
    assert topics.parse(topics.command(name, device)) == topics.Address("command", name, device)
    assert topics.parse(topics.state(name, device)) == topics.Address("state", name, device)
    assert topics.parse(topics.receipt(name, device, issuer)) == topics.Address("receipt", name, device, issuer)


@pytest.mark.parametrize(
    "topic",
    ["", "latchwire", "latchwire/", "latchwire/omega", "Latchwire/omega/nonce", "latchwire/omega/nonce/",
     "/latchwire/omega/nonce", "latchwire/omega/front-door/command/x", "latchwire/omega/front-door/receipt",
     "latchwire/omega/front-door/receipt/", "latchwire/omega/Front/command", "latchwire/omega/+/command",
     "latchwire/omega/" + "d" * 33 + "/command", "latchwire//front-door/command", "latchwire/omega/front-door/state\n",
     "latchwire/omega/vörder/command", "latchwire/omega/front-door/receipt/whatsapp/x"],
)  # fmt: skip
def test_this_is_no_topic_of_ours(topic: str) -> None:
    assert topics.parse(topic) is None


def test_self_test_is_nobodys_name() -> None:
    assert not topics.is_name("self-test")
    assert topics.is_name("self-tests")


def test_the_header_is_the_one_of_the_page() -> None:
    head = sign(CLAIMS, typ=COMMAND, kid="whatsapp/1", secret=SECRET).partition(".")[0]  # type: ignore[arg-type]
    assert decode_part(head.encode()) == compact(HEADER)
