"""What we sign others verify, and what others sign we verify: the tokens are plain JWS."""

import json
from typing import Any

import jwt
import pytest
from joserfc import jws
from joserfc.errors import BadSignatureError
from joserfc.jwk import OctKey

from latchwire.model import Cause, Happened, Outcome, State
from latchwire.protocol.claims import Command, Receipt, parse_receipt
from latchwire.protocol.token import COMMAND, RECEIPT, parse_claims, sign, split
from latchwire.protocol.verdict import Accepted, Alert
from support.tokens import CLAIMS, HEADER, KEY, NONCE, SECRET, judged, token

OURS = Command(**CLAIMS)  # type: ignore[arg-type]
RECEIPTS = Receipt(
    "omega/front-door", "whatsapp", "hB2c9QmT7uXe4LwZ1sKd0g", "whatsapp:+15555550100", "unlock", Outcome.REFUSED,
    State.LOCKED, cause=Cause.STALE_NONCE, happened=Happened.NO, nonce=NONCE, age=3, over="o" * 22, simulated=True,
)  # fmt: skip
BOTH = [(COMMAND, OURS.to_claims()), (RECEIPT, RECEIPTS.to_claims())]
OCT = OctKey.import_key(SECRET)


@pytest.mark.parametrize(("typ", "claims"), BOTH)
def test_pyjwt_verifies_ours(typ: str, claims: dict[str, Any]) -> None:
    ours = sign(claims, typ=typ, kid=KEY.kid, secret=SECRET)
    options: Any = {"verify_iat": False, "verify_aud": False, "verify_sub": False, "verify_jti": False}
    assert jwt.decode(ours, SECRET, algorithms=["HS256"], options=options) == claims
    assert jwt.get_unverified_header(ours) == {"alg": "HS256", "typ": typ, "kid": KEY.kid}
    with pytest.raises(jwt.InvalidSignatureError):
        jwt.decode(ours, b"x" * 32, algorithms=["HS256"], options=options)


@pytest.mark.parametrize(("typ", "claims"), BOTH)
def test_joserfc_verifies_ours(typ: str, claims: dict[str, Any]) -> None:
    ours = sign(claims, typ=typ, kid=KEY.kid, secret=SECRET)
    read = jws.deserialize_compact(ours, OCT, algorithms=["HS256"])
    assert json.loads(read.payload) == claims
    with pytest.raises(BadSignatureError):
        jws.deserialize_compact(ours, OctKey.import_key(b"x" * 32), algorithms=["HS256"])


def by_pyjwt(typ: str, claims: dict[str, Any]) -> bytes:
    return jwt.encode(claims, SECRET, algorithm="HS256", headers={"typ": typ, "kid": KEY.kid}).encode()


def by_joserfc(typ: str, claims: dict[str, Any]) -> bytes:
    header = {"kid": KEY.kid, "typ": typ, "alg": "HS256"}
    return jws.serialize_compact(header, json.dumps(claims, indent=2), OCT).encode()


@pytest.mark.parametrize("signed_by", [by_pyjwt, by_joserfc])
def test_we_verify_theirs_however_header_and_claims_are_ordered_and_spaced(signed_by: Any) -> None:
    theirs = signed_by(COMMAND, dict(CLAIMS))
    assert theirs != token(), "it is another spelling of the header or of the claims"
    verdict = judged(theirs)
    assert isinstance(verdict, Accepted)
    assert verdict.command == OURS
    read = split(signed_by(RECEIPT, RECEIPTS.to_claims()))
    assert read.verified_by(SECRET)
    assert parse_receipt(parse_claims(read.payload)) == RECEIPTS


@pytest.mark.parametrize("signed_by", [by_pyjwt, by_joserfc])
def test_theirs_under_another_key_opens_nothing(signed_by: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(globals(), "SECRET", b"x" * 32)
    monkeypatch.setitem(globals(), "OCT", OctKey.import_key(b"x" * 32))
    verdict = judged(signed_by(COMMAND, dict(CLAIMS)))
    assert isinstance(verdict, Alert)
    assert verdict.cause is Cause.BAD_SIGNATURE


def test_ours_is_the_token_that_the_standard_library_makes() -> None:
    assert sign(OURS.to_claims(), typ=COMMAND, kid="whatsapp/1", secret=SECRET).encode() == token(header=HEADER)
