"""A payload on a command's or a receipt's topic: nothing without a good signature counts, and what acts is canonical.

The first byte says how the rest becomes a payload, for no mutation ever hits a signature:

``R``  as it is; the corpus has good tokens to damage
``S``  a line with a header, then the claims, signed with the key of ``whatsapp``
``T``  the same, signed with the key of ``twitter``
``U``  the same, signed with a key that nobody holds

What may act is written down here a second time, from ``docs/protocol.md`` alone; PyJWT and joserfc have their say where
they read the same things.
"""

import base64
import copy
import hashlib
import hmac
import json
import re
from typing import Any, Final

import jwt
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import OctKey

from latchwire.errors import TokenError
from latchwire.model import Kind
from latchwire.protocol.claims import parse_receipt
from latchwire.protocol.keys import Key, Keyring
from latchwire.protocol.nonce import Windows
from latchwire.protocol.token import parse_claims, split
from latchwire.protocol.verdict import Accepted, Alert, Delivery, Refused, Repeated, Rules, judge
from latchwire.sender.verification import verified
from latchwire.topics import Address
from support.tokens import SECRET, b64

LONGEST: Final = 4200

SECRETS: Final = {"whatsapp/1": SECRET, "twitter/1": bytes(range(64, 96))}
STRANGERS: Final = b"x" * 32
RING: Final = Keyring(Key(kid.partition("/")[0], 1, "omega", secret) for kid, secret in SECRETS.items())
RULES: Final = Rules("omega", RING, {"front-door": Kind.LOCK, "ac": Kind.SWITCH}, lambda *_: True, ())
NONCES: Final = ("Vn3o0kXq2u1c8mZt4rYb-A", "P" * 22, "o" * 22, "p" * 22, "q" * 22)
"""The current one, 10 seconds old, the previous one, which is 40, two that only answer, and a forgotten one."""
NOW: Final = 130.0
AGES: Final = {NONCES[0]: 10, NONCES[1]: 40}

_CLAIMS: Final = {
    "iss": r"whatsapp|twitter", "sub": r"(whatsapp|twitter):[ -~]+", "aud": r"omega/(front-door|ac)",
    "act": r"lock|unlock|on|off|toggle|status", "jti": r"[A-Za-z0-9_-]{16,64}", "nonce": r"[A-Za-z0-9_-]{22}",
}  # fmt: skip
_NOT_OURS: Final = {"verify_exp": False, "verify_nbf": False, "verify_iat": False, "verify_aud": False,
                    "verify_iss": False, "verify_sub": False, "verify_jti": False}  # fmt: skip


def one_input(data: bytes) -> None:
    """Judges it as an agent does, and reads it as a sender reads a receipt."""
    payload = _payload(data)
    for device in RULES.devices:
        _command(payload, device)
    _receipt(payload)


def _command(payload: bytes, device: str) -> None:
    state = _windows()
    before = copy.deepcopy(state._commands)
    verdict = judge(Delivery(device, payload), RULES, state, NOW)
    assert not isinstance(verdict, Repeated), "nothing was remembered yet"
    read = _read(payload)
    assert isinstance(verdict, Alert) is (read is None or read[0]["typ"] != "command+jwt"), "an alert: nobody signed it"
    assert isinstance(verdict, Accepted) is (read is not None and _may_act(*read, device)), "as the page says"
    fresh = isinstance(verdict, Accepted) or (isinstance(verdict, Refused) and verdict.remembered)
    assert (state._commands != before) is fresh, "only what is well signed and fresh changes anything"
    again = judge(Delivery(device, payload), RULES, state, NOW)
    assert isinstance(again, Repeated) is fresh, "nothing acts twice"
    assert isinstance(judge(Delivery(device, payload, retained=True), RULES, _windows(), NOW), Alert)


def _receipt(payload: bytes) -> None:
    for device, issuer in (("front-door", "whatsapp"), ("ac", "twitter")):
        try:
            receipt, key = verified(Address("receipt", "omega", device, issuer), payload, issuer=issuer, keyring=RING)
        except TokenError:
            continue
        read = _read(payload)
        assert read is not None, "somebody signed it"
        assert read[0] == {"alg": "HS256", "typ": "receipt+jwt", "kid": key.kid}
        assert (receipt.iss, receipt.aud, key.issuer) == (f"omega/{device}", issuer, issuer)
        if (receipt.nonce is None) is (receipt.age is None):
            assert parse_receipt(receipt.to_claims()) == receipt, "what is signed is read again as it was"


def _payload(data: bytes) -> bytes:
    rest = data[1:]
    secret = (SECRETS["twitter/1"], STRANGERS, None, SECRETS["whatsapp/1"])[data[0] % 4] if data else None
    if secret is None:
        return rest
    header, _, claims = rest.partition(b"\n")
    signed = b64(header) + b"." + b64(claims)
    return signed + b"." + b64(hmac.digest(secret, signed, hashlib.sha256))


def _windows() -> Windows:
    state = Windows(lifetime=30, nonce=NONCES[4], now=0.0)
    for roll, nonce in enumerate(reversed(NONCES[:4]), 1):
        state.roll(nonce, 30.0 * roll)
    return state


def _read(payload: bytes) -> tuple[dict[str, str], bytes] | None:
    """Header and claims' text of a well-signed token in its one spelling, whatever the claims; else nothing."""
    text = re.sub(rb"\r?\n\Z", b"", payload)
    parts = text.split(b".")
    if len(payload) > 4096 or len(parts) != 3 or not all(re.fullmatch(rb"[A-Za-z0-9_-]*", part) for part in parts):
        return None
    decoded = [base64.urlsafe_b64decode(part + b"===") if len(part) % 4 != 1 else b"" for part in parts]
    if any(b64(one) != part for one, part in zip(decoded, parts, strict=True)) or len(decoded[0]) > 256:
        return None
    header = _flat(decoded[0])
    if header is None or header.keys() != {"alg", "typ", "kid"} or header["alg"] != "HS256":
        return None
    secret = SECRETS.get(str(header["kid"])) if isinstance(header["typ"], str) else None
    if secret is None:
        return None
    good = hmac.new(secret, b".".join(parts[:2]), hashlib.sha256).digest() == decoded[2]
    assert good is _is_signed(text, secret), "PyJWT and joserfc see what we see"
    assert split(payload).verified_by(secret) is good
    return (header, decoded[1]) if good else None


def _is_signed(token: bytes, secret: bytes) -> bool:
    """What two other libraries say of the signature; they must agree."""
    try:
        jwt.PyJWS().decode(token, secret, algorithms=["HS256"])
        by_pyjwt = True
    except jwt.InvalidSignatureError:
        by_pyjwt = False
    try:
        jws.deserialize_compact(token, OctKey.import_key(secret), algorithms=["HS256"])
        by_joserfc = True
    except (JoseError, ValueError):
        by_joserfc = False
    assert by_pyjwt is by_joserfc
    return by_pyjwt


def _flat(text: bytes) -> dict[str, Any] | None:
    """One flat JSON object as the page wants it; else nothing. Our own reader must see the same."""
    found = _flat_by_the_page(text)
    try:
        ours: dict[str, Any] | None = parse_claims(text)
    except TokenError:
        ours = None
    assert repr(ours) == repr(found), "we read what the standard library reads, and no more"
    return found


def _flat_by_the_page(text: bytes) -> dict[str, Any] | None:
    pairs: list[list[tuple[str, Any]]] = []

    def one_object(found: list[tuple[str, Any]]) -> dict[str, Any]:
        pairs.append(found)
        return dict(found)

    try:
        found = json.loads(
            text.decode(), object_pairs_hook=one_object, parse_int=str.encode, parse_float=lambda _: None
        )
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict) or len(pairs) != 1 or len(found) != len(pairs[0]):
        return None
    read = {name: int(value) if isinstance(value, bytes) else value for name, value in found.items()}
    for name, value in found.items():
        if not re.fullmatch(r"[ -~]{0,128}", name):
            return None
        if isinstance(value, bytes):
            if not re.fullmatch(rb"0|[1-9][0-9]{0,15}", value) or int(value) > 2**53 - 1:
                return None
        elif not isinstance(value, bool) and not (isinstance(value, str) and re.fullmatch(r"[ -~]{0,128}", value)):
            return None
    return read


def _may_act(header: dict[str, str], text: bytes, device: str) -> bool:
    claims = _flat(text)
    if header["typ"] != "command+jwt" or claims is None or claims.keys() != {*_CLAIMS, "until", "iat"}:
        return False
    if not all(isinstance(claims[name], str) and re.fullmatch(form, claims[name]) for name, form in _CLAIMS.items()):
        return False
    if type(claims["until"]) is not int or type(claims["iat"]) is not int:
        return False
    return (
        claims["iss"] == header["kid"].partition("/")[0]
        and claims["sub"].startswith(claims["iss"] + ":")
        and claims["aud"] == f"omega/{device}"
        and claims["act"] in RULES.devices[device].actions
        and claims["nonce"] in AGES
        and AGES[claims["nonce"]] <= claims["until"] <= 60
    )
