"""One command has one spelling: every other one is refused, though its signature is good."""

import json

import pytest

from latchwire.model import Cause
from latchwire.protocol.verdict import Accepted, Alert, Refused, Verdict
from support.tokens import CLAIMS, HEADER, b64, compact, judged, token

GOOD = token()
HEAD, BODY, SIGNATURE = GOOD.split(b".")
TEXT = compact(dict(CLAIMS)).decode()


def with_claims(old: str, new: str) -> bytes:
    assert TEXT.count(old) == 1
    return token(TEXT.replace(old, new).encode())


def with_header(**changes: object) -> bytes:
    return token(header={name: value for name, value in {**HEADER, **changes}.items() if value is not None})


def padded_to(size: int) -> bytes:
    """A well-signed token of exactly that many bytes; spaces within the claims fill it."""
    for spaces in range(4096):
        whole = token(("{" + " " * spaces + TEXT[1:]).encode())
        if len(whole) >= size:
            return whole + b"\n" * (size - len(whole))
    raise AssertionError(size)


def header_of(size: int) -> bytes:
    text = compact(HEADER)
    return token(header=b"{" + b" " * (size - len(text)) + text[1:])


def cause(verdict: Verdict) -> Cause | None:
    return verdict.cause if isinstance(verdict, (Alert, Refused)) else None


ACCEPTED = {
    "as it is": GOOD,
    "one LF at the end": GOOD + b"\n",
    "one CRLF at the end": GOOD + b"\r\n",
    "spaces between the claims": token(json.dumps(CLAIMS, indent=1).encode()),
    "white space around the claims": token(b" \t\r\n" + TEXT.encode() + b"\n"),
    "an escape where none is needed": with_claims("unlock", "\\u0075nlock"),
    "the claims in another order": token(dict(reversed(list(CLAIMS.items())))),
    "the header in another order": token(header=dict(reversed(list(HEADER.items())))),
    "a header of 256 bytes": header_of(256),
    "4096 bytes": padded_to(4096),
    "iat zero": with_claims("1790000000", "0"),
    "iat 2^53-1": with_claims("1790000000", "9007199254740991"),
}


@pytest.mark.parametrize("payload", ACCEPTED.values(), ids=ACCEPTED)
def test_accepted(payload: bytes) -> None:
    assert isinstance(judged(payload), Accepted)


BEFORE_THE_SIGNATURE = {
    "nothing": b"",
    "dots alone": b"..",
    "one part": HEAD,
    "two parts": HEAD + b"." + BODY,
    "four parts": GOOD + b"." + SIGNATURE,
    "two LFs at the end": GOOD + b"\n\n",
    "a CR at the end": GOOD + b"\r",
    "LF CR at the end": GOOD + b"\n\r",
    "a LF before": b"\n" + GOOD,
    "a space at the end": GOOD + b" ",
    "a NUL at the end": GOOD + b"\0",
    "padded signature": GOOD + b"=",
    "padded header": HEAD + b"=." + BODY + b"." + SIGNATURE,
    "a space within the claims' part": HEAD + b"." + BODY[:9] + b" " + BODY[9:] + b"." + SIGNATURE,
    "a line end within the signature": GOOD[:-4] + b"\n" + GOOD[-4:],
    "standard base64's alphabet": HEAD + b"." + BODY + b"." + SIGNATURE.replace(b"-", b"+").replace(b"_", b"/"),
    "the signature's spare bits set": GOOD[:-1] + bytes([GOOD[-1] + 1]),
    "a part of one character": HEAD + b"." + BODY + b".A",
    "4097 bytes": padded_to(4096) + b"\n",
    "a header of 257 bytes": header_of(257),
    "a BOM before it": b"\xef\xbb\xbf" + GOOD,
    "UTF-16": GOOD.decode().encode("utf-16"),
    "not ASCII": "é.é.é".encode(),
    "a JSON serialisation of a JWS": compact(
        {"protected": HEAD.decode(), "payload": BODY.decode(), "signature": SIGNATURE.decode()}
    ),
    "alg none": with_header(alg="none"),
    "alg none without a signature": b64(compact({**HEADER, "alg": "none"})) + b"." + BODY + b".",
    "alg HS384": with_header(alg="HS384"),
    "alg RS256": with_header(alg="RS256"),
    "alg in lower case": with_header(alg="hs256"),
    "alg as a list": token(header=compact(HEADER).replace(b'"HS256"', b'["HS256"]')),
    "no alg": with_header(alg=None),
    "no typ": with_header(typ=None),
    "no kid": with_header(kid=None),
    "a member more in the header": with_header(crit="exp"),
    "a jwk in the header": with_header(jwk="x"),
    "a header member twice": token(header=compact(HEADER)[:-1] + b',"kid":"whatsapp/1"}'),
    "a member of the header that is spelled with an escape": token(
        header=compact(HEADER)[:-1] + b',"\\u006bid":"whatsapp/1"}'
    ),
    "typ JWT": with_header(typ="JWT"),
    "typ of a receipt": with_header(typ="receipt+jwt"),
    "typ in upper case": with_header(typ="COMMAND+JWT"),
    "typ with the media type's first half": with_header(typ="application/command+jwt"),
    "kid as a number": with_header(kid=1),
    "a header that is a list": token(header=b"[]"),
    "a header that is no JSON": token(header=b"HS256"),
}


def test_standard_base64_would_show_in_this_signature() -> None:
    assert set(SIGNATURE) & set(b"-_"), "the example has to hold a character in which the alphabets differ"


@pytest.mark.parametrize("payload", BEFORE_THE_SIGNATURE.values(), ids=BEFORE_THE_SIGNATURE)
def test_refused_before_the_signature_with_an_alert(payload: bytes) -> None:
    verdict = judged(payload)
    assert isinstance(verdict, Alert)
    assert verdict.cause is Cause.MALFORMED


@pytest.mark.parametrize(
    "kid",
    ["whatsapp", "whatsapp/", "whatsapp/01", "whatsapp/2", "whatsapp/1 ", "WhatsApp/1", "whatsapp/1/omega",
     "whatsapp//1", "../whatsapp/1", "", "whatsapp/+1", "twitter/1"],
)  # fmt: skip
def test_no_other_kid_names_the_key(kid: str) -> None:
    verdict = judged(with_header(kid=kid))
    assert isinstance(verdict, Alert)
    assert (verdict.cause, verdict.kid) == (Cause.UNKNOWN_KEY, ""), "a name that is not ours is not repeated"


@pytest.mark.parametrize("signature", [b"", SIGNATURE[:20], b64(b"\0" * 32), b64(b"\0" * 31), SIGNATURE + b"AAAA"])
def test_no_other_signature_is_good(signature: bytes) -> None:
    verdict = judged(HEAD + b"." + BODY + b"." + signature)
    assert isinstance(verdict, Alert)
    assert verdict.cause is Cause.BAD_SIGNATURE


CLAIMS_REFUSED = {
    "no JSON": token(b"unlock"),
    "nothing": token(b""),
    "a list": token(b"[]"),
    "a string": token(b'"unlock"'),
    "null": token(b"null"),
    "an empty object": token(b"{}"),
    "something after the object": token(TEXT.encode() + b"{}"),
    "a comma too much": token(TEXT[:-1].encode() + b",}"),
    "a comment": token(b"/**/" + TEXT.encode()),
    "a BOM": token(b"\xef\xbb\xbf" + TEXT.encode()),
    "UTF-16": token(TEXT.encode("utf-16")),
    "UTF-16 without BOM": token(TEXT.encode("utf-16-le")),
    "UTF-32": token(TEXT.encode("utf-32")),
    "not UTF-8": token(TEXT.encode()[:-1] + b',"\xff":1}'),
    "a vertical tab around it": token(b"\x0b" + TEXT.encode()),
    "a no-break space around it": token(TEXT.encode() + b"\xc2\xa0"),
    "a claim twice": token(TEXT[:-1].encode() + b',"act":"lock"}'),
    "a claim twice, spelled with an escape": token(TEXT[:-1].encode() + b',"\\u0061ct":"lock"}'),
    "a claim more": token({**CLAIMS, "exp": 1}),
    "a claim less": token({name: value for name, value in CLAIMS.items() if name != "iat"}),
    "a claim in upper case": with_claims('"act"', '"ACT"'),
    "nested": with_claims('"unlock"', '{"act":"unlock"}'),
    "a list as action": with_claims('"unlock"', '["unlock"]'),
    "nested 450 deep": token(b'{"a":' * 450 + b"1" + b"}" * 450),
    "a list as deep as it gets": token(b"[" * 2900),
    "a float": with_claims("35", "35.0"),
    "an exponent": with_claims("35", "1e3"),
    "NaN": with_claims("35", "NaN"),
    "Infinity": with_claims("35", "Infinity"),
    "minus zero": with_claims("1790000000", "-0"),
    "minus zero with space": with_claims("1790000000", " -0 "),
    "a negative number": with_claims("1790000000", "-1"),
    "a number with a zero before": with_claims("35", "035"),
    "a number with a plus": with_claims("35", "+35"),
    "a hexadecimal number": with_claims("35", "0x23"),
    "2^53": with_claims("1790000000", "9007199254740992"),
    "a number of 2,000 digits": with_claims("1790000000", "9" * 2000),
    "true as until": with_claims("35", "true"),
    "true as iat": with_claims("1790000000", "true"),
    "null as iat": with_claims("1790000000", "null"),
    "a number as text": with_claims("35", '"35"'),
    "a text as a number": with_claims('"unlock"', "1"),
    "a tab within a text": with_claims("+15555550100", "\\t"),
    "a NUL within a text": with_claims("+15555550100", "\\u0000"),
    "a letter that is not ASCII": with_claims("+15555550100", "é"),
    "one that looks like an ASCII letter": with_claims("unlock", "unl\\u043eck"),
    "half of a surrogate pair": with_claims("+15555550100", "\\ud800"),
    "129 characters": with_claims("+15555550100", "x" * 120),
    "until zero": with_claims("35", "0"),
    "until longer than two lifetimes": with_claims("35", "61"),
    "until longer than any agent allows": with_claims("35", "601"),
    "iss of another issuer": with_claims('"iss":"whatsapp"', '"iss":"twitter"'),
    "sub of another issuer": with_claims("whatsapp:+15555550100", "twitter:1"),
    "sub without an id": with_claims("whatsapp:+15555550100", "whatsapp:"),
    "sub without a colon": with_claims("whatsapp:+15555550100", "whatsapp"),
    "an action in upper case": with_claims("unlock", "Unlock"),
    "an action of 33 characters": with_claims("unlock", "u" * 33),
    "an empty action": with_claims("unlock", ""),
    "an action with a line end": with_claims("unlock", "unlock\\n"),
    "an action that begins with a digit": with_claims("unlock", "1unlock"),
    "a jti of 15 characters": with_claims("hB2c9QmT7uXe4LwZ1sKd0g", "a" * 15),
    "a jti of 65 characters": with_claims("hB2c9QmT7uXe4LwZ1sKd0g", "a" * 65),
    "a jti with a slash": with_claims("hB2c9QmT7uXe4LwZ1sKd0g", "a" * 15 + "/"),
    "a nonce of 21 characters": with_claims("Vn3o0kXq2u1c8mZt4rYb-A", "a" * 21),
    "a nonce of 23 characters": with_claims("Vn3o0kXq2u1c8mZt4rYb-A", "a" * 23),
    "a nonce with a plus": with_claims("Vn3o0kXq2u1c8mZt4rYb-A", "a" * 21 + "+"),
}


@pytest.mark.parametrize("payload", CLAIMS_REFUSED.values(), ids=CLAIMS_REFUSED)
def test_refused_after_the_signature_with_a_receipt(payload: bytes) -> None:
    verdict = judged(payload)
    assert isinstance(verdict, Refused)
    assert verdict.cause is Cause.MALFORMED
    assert verdict.cause.happened.value == "no"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("omega/front-door", "magiq/front-door"),
        ("omega/front-door", "omega/front-door/"),
        ("omega/front-door", "omega/FRONT-DOOR"),
        ("omega/front-door", "front-door"),
        ("omega/front-door", "omega/+"),
        ("omega/front-door", ""),
    ],
)
def test_no_other_address_is_this_one(old: str, new: str) -> None:
    assert cause(judged(with_claims(old, new))) is Cause.WRONG_ADDRESS
