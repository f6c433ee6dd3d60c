"""Tokens for tests, right and wrong ones, made without the code that they test.

``token`` signs whatever header and payload it is given; the constants are one issuer, one agent and one command.
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any, Final

from latchwire.model import Kind
from latchwire.protocol.keys import Key, Keyring
from latchwire.protocol.nonce import Windows
from latchwire.protocol.verdict import Delivery, Rules, Verdict, judge

SECRET: Final = bytes(range(32))
KEY: Final = Key("whatsapp", 1, "omega", SECRET)
NONCE: Final = "Vn3o0kXq2u1c8mZt4rYb-A"
LIFETIME: Final = 30
HEADER: Final = {"alg": "HS256", "typ": "command+jwt", "kid": "whatsapp/1"}
CLAIMS: Final[Mapping[str, object]] = {
    "iss": "whatsapp", "sub": "whatsapp:+15555550100", "aud": "omega/front-door", "act": "unlock",
    "jti": "hB2c9QmT7uXe4LwZ1sKd0g", "nonce": NONCE, "until": 35, "iat": 1790000000,
}  # fmt: skip


def b64(data: bytes) -> bytes:
    """Base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def compact(document: object) -> bytes:
    """JSON without spaces."""
    return json.dumps(document, separators=(",", ":")).encode()


def token(
    claims: Mapping[str, object] | bytes = CLAIMS,
    *,
    header: Mapping[str, object] | bytes = HEADER,
    secret: bytes = SECRET,
) -> bytes:
    """A token over that header and those claims, each as a mapping or as the very bytes."""
    parts = [part if isinstance(part, bytes) else compact(dict(part)) for part in (header, claims)]
    signed = b".".join(map(b64, parts))
    return signed + b"." + b64(hmac.new(secret, signed, hashlib.sha256).digest())


def command(**changes: object) -> bytes:
    """The usual command with other claims; a claim that is ``None`` is left out."""
    return token({name: value for name, value in {**CLAIMS, **changes}.items() if value is not None})


def windows(*, lifetime: int = LIFETIME, now: float = 0.0) -> Windows:
    """An agent's windows that were made at ``now`` with the usual nonce."""
    return Windows(lifetime=lifetime, nonce=NONCE, now=now)


def rules(**changes: Any) -> Rules:
    """An agent with one lock that obeys whatsapp in all, but for those changes."""
    usual = Rules("omega", Keyring([KEY]), {"front-door": Kind.LOCK}, lambda *_: True, ())
    return usual._replace(**changes)


def judged(
    payload: bytes,
    *,
    to: Windows | None = None,
    by: Rules | None = None,
    now: float = 1.0,
    device: str = "front-door",
    retained: bool = False,
) -> Verdict:
    """What the agent makes of that payload."""
    return judge(Delivery(device, payload, retained), by or rules(), to or windows(), now)
