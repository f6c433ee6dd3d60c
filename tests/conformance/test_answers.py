"""What a well-signed command is answered: done, or refused with the cause that comes first in the protocol's order."""

import json
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

import pytest

from latchwire.model import Cause
from support.shelf import AGENT, LAMP, Shelf
from support.tokens import compact

STRANGE_NONCE: Final = "AAAAAAAAAAAAAAAAAAAAAA"
Claims = dict[str, object]
HEADER: Final[Claims] = {"alg": "HS256", "typ": "command+jwt", "kid": "manual/1"}

# -------------------------------------------------------------------------------------------- done


def test_on_off_toggle_and_status_are_done_and_the_state_is_told_and_published(shelf: Shelf) -> None:
    for action, state in (("on", "on"), ("off", "off"), ("toggle", "on"), ("status", "on"), ("toggle", "off")):
        claims = shelf.claims(action)
        receipt = shelf.ask(shelf.sign(claims))
        assert (receipt["outcome"], receipt["state"]) == ("done", state), action
        assert [receipt[name] for name in ("re", "sub", "act")] == [claims[name] for name in ("jti", "sub", "act")]
        assert receipt.get("changed", True) is True
        assert not receipt.keys() & {"cause", "happened", "nonce", "age", "over"}
        topic = f"{LAMP}/state"
        shelf.until(lambda topic=topic, state=state: json.loads(shelf.last(topic).payload)["state"] == state, "state")  # type: ignore[misc]


def padded(payload: bytes, size: int) -> bytes:
    """JSON that is so long, by spaces at its end."""
    return payload + b" " * (size - len(payload))


def sized(shelf: Shelf, claims: Claims, size: int) -> bytes:
    """A right token of exactly so many bytes; base64 has not every length, so the header has some spaces, too."""
    for more in range(4):
        header, body = compact(HEADER) + b" " * more, compact(claims)
        while len(made := shelf.sign(body, header=header)) < size:
            body += b" "
        if len(made) == size:
            return made
    raise AssertionError(size)


SPELLINGS: Final[Mapping[str, Callable[[Shelf, Claims], bytes]]] = {
    "a line feed at its end": lambda shelf, claims: shelf.sign(claims) + b"\n",
    "a carriage return and a line feed": lambda shelf, claims: shelf.sign(claims) + b"\r\n",
    "spaces and line ends in the JSON": lambda shelf, claims: shelf.sign(json.dumps(claims, indent=2).encode()),
    "the claims in another order": lambda shelf, claims: shelf.sign(dict(sorted(claims.items()))),
    "an escape in a string": lambda shelf, claims: shelf.sign(compact(claims).replace(b'"on"', b'"\\u006fn"')),
    "the header in another order": lambda shelf, claims: shelf.sign(
        claims, header={"kid": "manual/1", "typ": "command+jwt", "alg": "HS256"}
    ),
    "a header of 256 bytes": lambda shelf, claims: shelf.sign(claims, header=padded(compact(HEADER), 256)),
    "4096 bytes": lambda shelf, claims: sized(shelf, claims, 4096),
    "the largest integer": lambda shelf, claims: shelf.sign({**claims, "iat": 2**53 - 1}),
    "a string of 128 characters": lambda shelf, claims: shelf.sign({**claims, "sub": "manual:" + 121 * "~"}),
    "a jti of 64 characters": lambda shelf, claims: shelf.sign({**claims, "jti": str(claims["jti"]) + 40 * "_"}),
}


FREE: Final = ("spaces and line ends in the JSON", "an escape in a string", "the header in another order",
    "a header of 256 bytes", "4096 bytes")  # fmt: skip
"""What the protocol leaves free; a program for learning may know one spelling, if it refuses the others."""


@pytest.mark.parametrize(
    "spelling", [pytest.param(name, marks=pytest.mark.whole) if name in FREE else name for name in SPELLINGS]
)
def test_every_allowed_spelling_is_done(spelling: str, shelf: Shelf) -> None:
    shelf.be_off()
    receipt = shelf.ask(SPELLINGS[spelling](shelf, shelf.claims("on")))
    assert (receipt["outcome"], receipt["state"]) == ("done", "on")


# ---------------------------------------------------------------------------------------- malformed

CLAIMS: Final = ("iss", "sub", "aud", "act", "jti", "nonce", "until", "iat")

MALFORMED: Final[Mapping[str, Mapping[str, Any]]] = {
    **{f"{name} is missing": {name: None} for name in CLAIMS},
    **{f"{name} is a boolean": {name: True} for name in CLAIMS},
    **{f"{name} is a number": {name: 5} for name in ("iss", "sub", "aud", "act", "jti", "nonce")},
    **{f"{name} is a text": {name: "20"} for name in ("until", "iat")},
    **{f"{name} is nothing": {name: ""} for name in ("iss", "sub", "act", "jti", "nonce")},
    "one claim more": {"exp": 1},
    "iss is another": {"iss": "whatsapp"},
    "sub is another issuer's": {"sub": "whatsapp:test"},
    "sub has no id": {"sub": "manual:"},
    "act has a capital": {"act": "On"},
    "act begins with a digit": {"act": "1on"},
    "act is long": {"act": "o" * 33},
    "act ends with a line feed": {"act": "on\n"},
    "jti is short": {"jti": "a" * 15},
    "jti is long": {"jti": "a" * 65},
    "jti has a dot": {"jti": "a" * 20 + "."},
    "jti ends with a line feed": {"jti": "a" * 20 + "\n"},
    "nonce is short": {"nonce": "A" * 21},
    "nonce is long": {"nonce": "A" * 23},
    "nonce has a plus": {"nonce": "A" * 21 + "+"},
    "until is 0": {"until": 0},
    "until is 601": {"until": 601},
    "until is more than twice the lifetime": {"until": 61},
    "until is negative": {"until": -1},
    "until is a fraction": {"until": 20.0},
    "until is a fraction that is none": {"until": 20.5},
    "iat is 2^53": {"iat": 2**53},
    "a string of 129 characters": {"sub": "manual:" + 122 * "x"},
    "a control character": {"sub": "manual:\x07"},
    "a delete character": {"sub": "manual:\x7f"},
    "a letter that is no ASCII": {"sub": "manual:\u00e4"},
    "an object within": {"sub": {"id": "manual:test"}},
    "a list within": {"aud": ["shelf/lamp"]},
}


@pytest.mark.parametrize("what", MALFORMED)
def test_claims_of_another_form_are_malformed_and_do_nothing(what: str, shelf: Shelf) -> None:
    shelf.be_off()
    claims = shelf.claims("on", **MALFORMED[what])
    receipt = shelf.ask(shelf.sign(claims))
    assert_refused(receipt, Cause.MALFORMED)
    for name, claim in (("re", "jti"), ("sub", "sub"), ("act", "act")):
        wanted = claims.get(claim) if is_flat(claims) and claim not in MALFORMED[what] else ""
        assert receipt[name] == wanted, f"{name} is the command's if that was well-formed"
    assert shelf.state() == "off"


def is_flat(claims: Claims) -> bool:
    """Whether they are JSON of the kind that may be read at all."""
    return all(
        (isinstance(value, int) and 0 <= value < 2**53)
        or (isinstance(value, str) and value.isascii() and value.isprintable() and len(value) <= 128)
        for value in claims.values()
    )


def replaced(old: bytes, new: bytes) -> Callable[[bytes], bytes]:
    """Changes the JSON text of the claims."""

    def change(text: bytes) -> bytes:
        assert old in text
        return text.replace(old, new)

    return change


JSON: Final[Mapping[str, Callable[[bytes], bytes]]] = {
    "no JSON": lambda _: b"status",
    "no bytes at all": lambda _: b"",
    "a list": lambda text: b"[" + text + b"]",
    "a text": lambda _: b'"status"',
    "two objects": lambda text: text + text,
    "something after it": lambda text: text + b" x",
    "a byte order mark": lambda text: b"\xef\xbb\xbf" + text,
    "no UTF-8": replaced(b"manual:test", b"manual:t\xff"),
    "UTF-16": lambda text: text.decode().encode("utf-16"),
    "a name twice": replaced(b"{", b'{"act":"off",'),
    "a name twice, once by an escape": replaced(b"{", b'{"\\u0061ct":"off",'),
    "a comma at its end": replaced(b"}", b",}"),
    "single quotes": lambda text: text.replace(b'"', b"'"),
    "a line feed within a string": replaced(b"manual:test", b"manual:\ntest"),
    "iat is -0": replaced(b"1790000000", b"-0"),
    "iat is 1e3": replaced(b"1790000000", b"1e3"),
    "iat has a leading zero": replaced(b"1790000000", b"01"),
    "iat is null": replaced(b"1790000000", b"null"),
    "iat is NaN": replaced(b"1790000000", b"NaN"),
    "a thousand digits": replaced(b"1790000000", b"9" * 1000),
    "a form feed for a space": replaced(b"{", b"{\x0c"),
    "brackets without end": lambda _: b"[" * 2000,
}


@pytest.mark.parametrize("what", JSON)
def test_json_that_two_readers_might_read_in_two_ways_is_malformed_and_does_nothing(what: str, shelf: Shelf) -> None:
    shelf.be_off()
    assert_refused(shelf.ask(shelf.sign(JSON[what](compact(shelf.claims("on"))))), Cause.MALFORMED)
    assert shelf.state() == "off"


# ------------------------------------------------------------------------------- refused, in order


class Refusal(NamedTuple):
    """Claims, the device of the topic, who signs, and the cause."""

    cause: Cause
    claims: Mapping[str, object]
    device: str = LAMP
    issuer: str = "manual"


REFUSALS: Final[Mapping[str, Refusal]] = {
    "aud is another device": Refusal(Cause.WRONG_ADDRESS, {"aud": f"{AGENT}/other"}),
    "aud is another agent": Refusal(Cause.WRONG_ADDRESS, {"aud": f"omega/{LAMP}"}),
    "aud is the agent alone": Refusal(Cause.WRONG_ADDRESS, {"aud": AGENT}),
    "aud is in capitals": Refusal(Cause.WRONG_ADDRESS, {"aud": f"{AGENT}/LAMP"}),
    "the topic is another device's": Refusal(Cause.WRONG_ADDRESS, {}, device="other"),
    "a nonce that nobody made": Refusal(Cause.UNKNOWN_NONCE, {"nonce": STRANGE_NONCE}),
    "a device that is not there": Refusal(Cause.UNKNOWN_DEVICE, {"aud": f"{AGENT}/other"}, device="other"),
    "an issuer that may only ask": Refusal(Cause.FORBIDDEN, {}, issuer="whatsapp"),
    "an issuer that may do another action": Refusal(Cause.FORBIDDEN, {"act": "off"}, issuer="twitter"),
    "an action that nobody knows": Refusal(Cause.UNKNOWN_ACTION, {"act": "open"}),
    "an action of another kind": Refusal(Cause.UNKNOWN_ACTION, {"act": "unlock"}),
    # Two faults at once: the first check decides.
    "malformed before wrong-address": Refusal(Cause.MALFORMED, {"aud": f"{AGENT}/other", "until": 0}),
    "wrong-address before unknown-nonce": Refusal(Cause.WRONG_ADDRESS, {"aud": "a/b", "nonce": STRANGE_NONCE}),
    "unknown-nonce before the lifetime": Refusal(Cause.UNKNOWN_NONCE, {"nonce": STRANGE_NONCE, "until": 600}),
    "unknown-device before forbidden": Refusal(
        Cause.UNKNOWN_DEVICE, {"aud": f"{AGENT}/other"}, device="other", issuer="whatsapp"
    ),
    "forbidden before unknown-action": Refusal(Cause.FORBIDDEN, {"act": "open"}, issuer="whatsapp"),
}


OBEYS: Final = [what for what in REFUSALS if "forbidden" in what or "an issuer" in what]


@pytest.mark.parametrize(
    "what", [pytest.param(what, marks=pytest.mark.whole) if what in OBEYS else what for what in REFUSALS]
)
def test_a_command_is_refused_for_the_first_cause_and_does_nothing(what: str, shelf: Shelf) -> None:
    row = REFUSALS[what]
    shelf.be_off()
    claims = {**shelf.claims("on", issuer=row.issuer), **row.claims}
    receipt = shelf.ask(shelf.sign(claims, issuer=row.issuer), issuer=row.issuer, device=row.device)
    assert_refused(receipt, row.cause)
    assert [receipt[name] for name in ("re", "sub", "act")] == [claims[name] for name in ("jti", "sub", "act")]
    if row.cause is Cause.UNKNOWN_NONCE:
        assert (receipt["over"], receipt["nonce"]) == (STRANGE_NONCE, shelf.nonce)
        assert 0 <= receipt["age"] <= shelf.lifetime + 1
    assert receipt["state"] == ("off" if row.device == LAMP else "unknown")
    assert shelf.state() == "off"


@pytest.mark.whole
def test_an_issuer_is_obeyed_in_what_it_may(shelf: Shelf) -> None:
    shelf.do("off")
    for issuer, action, state in (("whatsapp", "status", "off"), ("twitter", "status", "off"), ("twitter", "on", "on")):
        receipt = shelf.ask(shelf.sign(shelf.claims(action, issuer=issuer), issuer=issuer), issuer=issuer)
        assert (receipt["outcome"], receipt["state"]) == ("done", state)


def assert_refused(receipt: Mapping[str, object], cause: Cause) -> None:
    assert receipt["outcome"] == "refused"
    assert receipt["cause"] == cause.wire
    assert receipt["happened"] == cause.happened.value
