"""What nobody signed is never answered and never obeyed: it is counted in alerts."""

import base64
import json
import os
import time
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Final

import pytest

from support.broker import wait_until
from support.shelf import AGENT, LAMP, Shelf
from support.tokens import compact, token

Claims = dict[str, object]
HEADER: Final[Claims] = {"alg": "HS256", "typ": "command+jwt", "kid": "manual/1"}
QUIET_SECONDS: Final = 10.0


def with_header(**changes: object) -> Callable[[Shelf, Claims], bytes]:
    header = {name: value for name, value in {**HEADER, **changes}.items() if value is not None}
    return lambda shelf, claims: shelf.sign(claims, header=header)


def raw_header(header: bytes) -> Callable[[Shelf, Claims], bytes]:
    return lambda shelf, claims: shelf.sign(claims, header=header)


def spoilt(change: Callable[[bytes], bytes]) -> Callable[[Shelf, Claims], bytes]:
    return lambda shelf, claims: change(shelf.sign(claims))


def part(number: int, change: Callable[[bytes], bytes]) -> Callable[[Shelf, Claims], bytes]:
    """Changes one part of a good token, and leaves its signature."""

    def make(shelf: Shelf, claims: Claims) -> bytes:
        parts = shelf.sign(claims).split(b".")
        parts[number] = change(parts[number])
        return b".".join(parts)

    return make


def spare_bits(signature: bytes) -> bytes:
    """The same 32 bytes in another spelling: the last character's two lowest bits mean nothing."""
    alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return signature[:-1] + alphabet[alphabet.index(signature[-1]) + 1 :][:1]


def too_long(shelf: Shelf, claims: Claims) -> bytes:
    body = compact(claims)
    while len(made := shelf.sign(body)) <= 4096:
        body += b" "
    return made


def line_feed_too_long(shelf: Shelf, claims: Claims) -> bytes:
    body = compact(claims)
    while len(made := shelf.sign(body)) < 4096:
        body += b" "
    return made + b"\n"


def by_another(shelf: Shelf, claims: Claims) -> bytes:
    return token(claims, header=HEADER, secret=shelf.home.key("whatsapp", AGENT).secret)


MALFORMED: Final[Mapping[str, Callable[[Shelf, Claims], bytes]]] = {
    "nothing": lambda _shelf, _claims: b"",
    "a word": lambda _shelf, _claims: b"toggle",
    "bytes": lambda _shelf, _claims: bytes(range(256)),
    "two dots": lambda _shelf, _claims: b"..",
    "two parts": spoilt(lambda made: made.rpartition(b".")[0]),
    "four parts": spoilt(lambda made: made + b".AA"),
    "more than 4096 bytes": too_long,
    "more than 4096 bytes by its line feed": line_feed_too_long,
    "two line feeds": spoilt(lambda made: made + b"\n\n"),
    "a carriage return alone": spoilt(lambda made: made + b"\r"),
    "a space before it": spoilt(lambda made: b" " + made),
    "a space after it": spoilt(lambda made: made + b" "),
    "a NUL after it": spoilt(lambda made: made + b"\0"),
    "the header padded": part(0, lambda header: header + b"=" * (-len(header) % 4 or 4)),
    "the signature padded": part(2, lambda signature: signature + b"="),
    "spare bits in the signature": part(2, spare_bits),
    "the other alphabet": part(2, lambda signature: b"+/" + signature[2:]),
    "a line feed within": part(1, lambda claims: claims[:4] + b"\n" + claims[4:]),
    "a length that base64 has not": part(2, lambda signature: signature[:-2]),
    "alg is none": with_header(alg="none"),
    "alg is none, without signature": lambda shelf, claims: (
        with_header(alg="none")(shelf, claims).rpartition(b".")[0] + b"."
    ),
    "alg in small letters": with_header(alg="hs256"),
    "alg is HS512": with_header(alg="HS512"),
    "typ is a receipt's": with_header(typ="receipt+jwt"),
    "typ is JWT": with_header(typ="JWT"),
    "typ in capitals": with_header(typ="COMMAND+JWT"),
    "typ with its full name": with_header(typ="application/command+jwt"),
    "no typ": with_header(typ=None),
    "no kid": with_header(kid=None),
    "kid is a number": with_header(kid=1),
    "one member more": with_header(crit="exp"),
    "a key in the header": with_header(jwk={"kty": "oct", "k": ""}),
    "the header is no JSON": raw_header(b"manual/1"),
    "the header is a list": raw_header(b'["HS256","command+jwt","manual/1"]'),
    "kid twice": raw_header(b'{"alg":"HS256","typ":"command+jwt","kid":"whatsapp/1","kid":"manual/1"}'),
    "a header of 257 bytes": raw_header(compact(HEADER) + b" " * (257 - len(compact(HEADER)))),
}
UNKNOWN_KEY: Final[Mapping[str, Callable[[Shelf, Claims], bytes]]] = {
    "another generation": with_header(kid="manual/2"),
    "generation 0": with_header(kid="manual/0"),
    "a leading zero": with_header(kid="manual/01"),
    "no generation": with_header(kid="manual"),
    "somebody else": with_header(kid="nobody/1"),
    "a member of every object": with_header(kid="__proto__"),
    "a path": with_header(kid="../manual/1"),
    "nobody": with_header(kid=""),
}
BAD_SIGNATURE: Final[Mapping[str, Callable[[Shelf, Claims], bytes]]] = {
    "another issuer's key": by_another,
    "32 zero bytes": lambda _shelf, claims: token(claims, header=HEADER, secret=bytes(32)),
    "no signature": spoilt(lambda made: made.rpartition(b".")[0] + b"."),
    "half of it": part(2, lambda signature: signature[:20]),
    "more than it": part(2, lambda signature: signature[:40] + base64.urlsafe_b64encode(bytes(6))),
    "of other claims": lambda shelf, claims: b".".join(
        [*shelf.sign({**claims, "act": "off"}).split(b".")[:2], shelf.sign(claims).split(b".")[2]]
    ),
    "of another header": lambda shelf, claims: b".".join(
        [
            with_header()(shelf, claims).split(b".")[0],
            *shelf.sign(claims, header={**HEADER, "typ": "JWT"}).split(b".")[1:],
        ]
    ),
}
ALL: Final = {"malformed": MALFORMED, "unknown-key": UNKNOWN_KEY, "bad-signature": BAD_SIGNATURE}
ROWS: Final = [(cause, what) for cause, rows in ALL.items() for what in rows]


@pytest.mark.parametrize(("cause", "what"), ROWS)
def test_what_nobody_signed_does_nothing_and_gets_no_answer(cause: str, what: str, shelf: Shelf) -> None:
    shelf.be_off()
    before = len(shelf.eye.messages)
    shelf.publish(ALL[cause][what](shelf, shelf.claims("on")))
    assert shelf.state() == "off"
    assert len(shelf.answers(after=before)) == 1, "only the question after it was answered"


@pytest.mark.whole
def test_all_of_it_is_counted_by_cause_and_told_once_in_ten_seconds(make_shelf: Callable[..., Shelf]) -> None:
    shelf = make_shelf()
    shelf.start()
    begun = time.monotonic()
    for rows in ALL.values():
        for make in rows.values():
            shelf.publish(make(shelf, shelf.claims("on")))
    shelf.state()
    wanted = Counter({cause: len(rows) for cause, rows in ALL.items()})
    told = Counter(dict.fromkeys(ALL, 1))
    if time.monotonic() - begun < QUIET_SECONDS - 1:
        assert shelf.alerts() == told, "each cause at once, the rest later"
    wait_until(lambda: shelf.alerts().total() >= wanted.total(), "the rest is told", QUIET_SECONDS + 5)
    assert shelf.alerts() == wanted
    assert len(shelf.eye.on(shelf.topic("alert"))) == 2 * len(ALL)


ONE_OF_EACH: Final[Mapping[str, tuple[Callable[[Shelf, Claims], bytes], bool]]] = {
    "malformed": (MALFORMED["typ is JWT"], False),
    "unknown-key": (UNKNOWN_KEY["somebody else"], False),
    "bad-signature": (BAD_SIGNATURE["32 zero bytes"], True),
}


def test_an_alert_names_the_cause_and_only_what_is_configured(make_shelf: Callable[..., Shelf]) -> None:
    shelf = make_shelf()
    shelf.start()
    for cause, (make, key_is_known) in ONE_OF_EACH.items():
        before = len(shelf.eye.messages)
        shelf.publish(make(shelf, shelf.claims("on")), device=LAMP if key_is_known else "whatever")
        shelf.until(lambda before=before, cause=cause: shelf.alerts(after=before)[cause] == 1, cause)  # type: ignore[misc]
        alert = json.loads(shelf.last("alert").payload)
        wanted = {"device": LAMP, "kid": "manual/1"} if key_is_known else {}
        assert alert == {"cause": cause, **wanted, "count": 1}
        assert not shelf.last("alert").retained
    assert shelf.state() == "off"


def test_a_command_on_a_topic_that_names_no_device_is_malformed(make_shelf: Callable[..., Shelf]) -> None:
    shelf = make_shelf()
    shelf.start()
    before = len(shelf.eye.messages)
    shelf.publish(shelf.sign(shelf.claims("on", aud=f"{AGENT}/The Lamp")), device="The Lamp")
    shelf.until(lambda: shelf.alerts(after=before)["malformed"] == 1, "an alert")
    assert shelf.state() == "off"
    assert not shelf.answers(device="The Lamp")


@pytest.mark.parametrize("mqtt", ["5", "3.1.1"])
def test_a_retained_command_is_never_obeyed_live_or_kept(mqtt: str, make_shelf: Callable[..., Shelf]) -> None:
    shelf = make_shelf(mqtt=mqtt)
    shelf.start()
    live = mqtt == "5"  # a broker tells a client of 3.1.1 only of what it kept
    if live:
        shelf.publish(shelf.sign(shelf.claims("on")), retained=True)
        shelf.until(lambda: shelf.alerts()["retained"] == 1, "an alert")
        assert shelf.state() == "off"
        shelf.end()
    else:
        nonce = shelf.nonce
        shelf.end()
        shelf.publish(shelf.sign(shelf.claims("on", nonce=nonce)), retained=True)
    before = len(shelf.eye.messages)
    shelf.start()
    shelf.until(lambda: shelf.alerts(after=before)["retained"] >= 1, "an alert about the one that the broker kept")
    assert shelf.state() == "off"
    assert len(shelf.answers(after=before)) == 1


def test_the_self_test_topic_is_for_the_agent_alone(shelf: Shelf) -> None:
    before = len(shelf.eye.messages)
    shelf.do("off")
    shelf.publish(shelf.sign(shelf.claims("on", aud=f"{AGENT}/self-test")), device="self-test")
    shelf.publish(os.urandom(16), device="self-test")
    assert shelf.state() == "off"
    assert not shelf.answers(device="self-test", after=before)
