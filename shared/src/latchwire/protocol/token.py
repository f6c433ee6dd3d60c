"""Compact JWS with HS256 (RFC 7515, RFC 7518 section 3.2), as narrow as two machines of ours need it.

A token is read in three steps, so that nothing is believed before its signature is good:

1. :func:`split` takes the text apart and reads the header, which says which key to look for;
2. :meth:`Unverified.verified_by` compares the signature over the bytes as received (RFC 7515 section 5.1);
3. :func:`parse_claims` reads the claims: one flat JSON object, whatever else it says is for ``claims``.

All of it raises :class:`latchwire.errors.TokenError` and nothing else. Only one spelling of a token is accepted
(canonical base64url, no duplicate names, no floats), so that two readers can never see two different commands.
"""

import binascii
import functools
import hmac
import json
from collections.abc import Mapping
from typing import Final, NamedTuple, NoReturn

from latchwire.errors import TokenError
from latchwire.model import Cause

COMMAND: Final = "command+jwt"
RECEIPT: Final = "receipt+jwt"

MAX_TOKEN: Final = 4096
"""Bytes of a payload, its line end included."""
MAX_HEADER: Final = 256
"""Bytes of a decoded header."""
MAX_STRING: Final = 128
"""Characters of a string among the claims."""
MAX_INTEGER: Final = 2**53 - 1
"""The largest integer that every JSON reader keeps exact (RFC 8259 section 6)."""

Value = str | int | bool
Claims = Mapping[str, Value]

_TO_URL: Final = bytes.maketrans(b"+/", b"-_")
_FROM_URL: Final = bytes.maketrans(b"-_+/=", b"+/!!!")
"""To base64's own alphabet; what is of that one alone becomes what is in none."""
_PLAIN: Final = bytes(code for code in range(0x20, 0x7F) if code != ord("\\"))
_PADDING: Final = (b"", b"===", b"==", b"=")
_LAST: Final = {2: frozenset(b"AQgw"), 3: frozenset(b"AEIMQUYcgkosw048")}
"""By the length, modulo 4: the last characters whose bits beyond the last byte are zero (RFC 4648 section 3.5)."""


def _malformed(detail: str) -> TokenError:
    return TokenError(Cause.MALFORMED, detail)


def encode_part(data: bytes) -> bytes:
    """Base64url without padding (RFC 7515 section 2)."""
    return binascii.b2a_base64(data, newline=False).translate(_TO_URL).rstrip(b"=")


def decode_part(part: bytes) -> bytes:
    """Reads base64url in its only accepted spelling: unpadded, and the same text when encoded again."""
    over = len(part) % 4
    try:
        data = binascii.a2b_base64(part.translate(_FROM_URL) + _PADDING[over], strict_mode=True)
    except binascii.Error:
        raise _malformed("a part is not base64url") from None
    if over and part[-1] not in _LAST[over]:
        raise _malformed("a part is not canonical base64url")
    return data


class Header(NamedTuple):
    """What a token says of itself before anything is believed."""

    typ: str
    kid: str


class Unverified(NamedTuple):
    """A token taken apart; nothing of it is believed yet."""

    header: Header
    signed: bytes
    payload: bytes
    signature: bytes

    def verified_by(self, secret: bytes) -> bool:
        """Whether ``secret`` (32 bytes) made the signature; takes the same time for every wrong one."""
        return hmac.compare_digest(hmac.digest(secret, self.signed, "sha256"), self.signature)


def sign(claims: Claims, *, typ: str, kid: str, secret: bytes) -> str:
    """Makes a token: ASCII text without a line end.

    Args:
        claims: flat; they are serialised here, once, in the order given.
        typ: :data:`COMMAND` or :data:`RECEIPT`.
        kid: ``<issuer>/<generation>``.
        secret: 32 bytes.
    """
    body = _encode_json(claims).encode("ascii")
    signed = _encoded_header(typ, kid) + b"." + encode_part(body)
    return (signed + b"." + encode_part(hmac.digest(secret, signed, "sha256"))).decode("ascii")


_encode_json: Final = json.JSONEncoder(separators=(",", ":")).encode  # json.dumps makes one at each call


@functools.lru_cache(maxsize=64)
def _encoded_header(typ: str, kid: str) -> bytes:
    return encode_part(json.dumps({"alg": "HS256", "typ": typ, "kid": kid}, separators=(",", ":")).encode())


def split(payload: bytes) -> Unverified:
    """Takes a payload apart: three parts, one trailing LF or CRLF ignored (``mosquitto_pub -s`` sends it).

    Raises:
        TokenError: malformed, with what is wrong.
    """
    if len(payload) > MAX_TOKEN:
        raise _malformed(f"longer than {MAX_TOKEN} bytes")
    if payload.endswith(b"\n"):
        payload = payload[:-2] if payload.endswith(b"\r\n") else payload[:-1]
    parts = payload.split(b".")
    if len(parts) != 3:
        raise _malformed("not three parts with dots between them")
    header, body, signature = parts
    return Unverified(_parse_header(header), payload[: -len(signature) - 1], decode_part(body), decode_part(signature))


@functools.lru_cache(maxsize=64)  # an agent sees the same few headers all its life
def _parse_header(part: bytes) -> Header:
    if len(part) > MAX_HEADER * 4 // 3 + 2:
        raise _malformed(f"the header is longer than {MAX_HEADER} bytes")
    data = decode_part(part)
    if len(data) > MAX_HEADER:
        raise _malformed(f"the header is longer than {MAX_HEADER} bytes")
    header = parse_claims(data)
    if set(header) != {"alg", "typ", "kid"}:
        raise _malformed("the header has not exactly alg, typ and kid")
    typ, kid = header["typ"], header["kid"]
    if header["alg"] != "HS256" or not isinstance(typ, str) or not isinstance(kid, str):
        raise _malformed("the header is not that of an HS256 token of ours")
    return Header(typ, kid)


def parse_claims(data: bytes) -> dict[str, Value]:
    """Reads one flat JSON object: UTF-8 without BOM, no duplicate names, strings, integers and booleans only.

    Strings are printable ASCII of at most 128 characters, integers 0 to 2^53-1.

    Raises:
        TokenError: malformed, with what is wrong.
    """
    try:
        text = data.decode("utf-8").strip(" \t\r\n")  # RFC 8259 section 2: these four, and no BOM
        claims, end = _DECODER.raw_decode(text)
    except (ValueError, RecursionError):
        raise _malformed("not a JSON object as the protocol wants it") from None
    if not isinstance(claims, dict) or end != len(text):
        raise _malformed("not one JSON object")
    # Without escapes a string is what stands in the text, which is looked at once instead of one by one.
    if not _are_values(claims) or (data.translate(None, _PLAIN) and not _are_printable(claims)):
        raise _malformed("a claim is not printable ASCII text, an integer or a boolean within bounds")
    if "-0" in text and 0 in claims.values():
        _refuse_negative_zero(text)
    return claims


def _are_values(claims: dict[str, Value]) -> bool:
    """Whether each is a string, an integer or a boolean within bounds; the JSON reader makes no subclasses."""
    for value in claims.values():
        kind = type(value)
        if kind is str:
            if len(value) > MAX_STRING:  # type: ignore[arg-type]  # mypy does not follow `kind`
                return False
        elif kind is int:
            if not 0 <= value <= MAX_INTEGER:  # type: ignore[operator]
                return False
        elif kind is not bool:
            return False
    return len("".join(claims)) <= MAX_STRING or max(map(len, claims)) <= MAX_STRING


def _are_printable(claims: dict[str, Value]) -> bool:
    together = "".join([*claims, *(value for value in claims.values() if isinstance(value, str))])
    return together.isascii() and together.isprintable()


def _refuse_negative_zero(text: str) -> None:
    """Looks at the numbers as they are written, which costs too much where none is zero."""
    try:
        _SPELLING.decode(text)
    except ValueError:
        raise _malformed("-0 is no spelling of 0") from None


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _malformed("a name stands twice in the JSON object")
    return found


def _natural(text: str) -> int:
    if text.startswith("-"):
        raise ValueError(text)
    return int(text)


def _refuse(text: str) -> NoReturn:
    raise ValueError(text)


_DECODER: Final = json.JSONDecoder(object_pairs_hook=_unique, parse_float=_refuse, parse_constant=_refuse)
_SPELLING: Final = json.JSONDecoder(parse_int=_natural)
