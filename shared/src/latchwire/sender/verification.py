"""Whether a receipt is an agent's word: typ, key, signature, and that it is for the topic it came on.

Which open command it answers, and whether it is about this try of it, is for :mod:`latchwire.sender.open_command`.
"""

from latchwire.errors import TokenError
from latchwire.model import Cause
from latchwire.protocol.claims import Receipt, parse_receipt
from latchwire.protocol.keys import Key, Keyring
from latchwire.protocol.token import RECEIPT, parse_claims, split
from latchwire.topics import Address


def verified(address: Address, payload: bytes, *, issuer: str, keyring: Keyring) -> tuple[Receipt, Key]:
    """The receipt and the key that signed it.

    Args:
        address: the topic that it came on.
        payload: its bytes.
        issuer: for whom it has to be.
        keyring: the issuer's keys.

    Raises:
        TokenError: it is not to be believed, and why.
    """
    token = split(payload)
    if token.header.typ != RECEIPT:
        raise TokenError(Cause.MALFORMED, "typ is not that of a receipt")
    key = keyring.find(token.header.kid, address.name)
    if key is None or key.issuer != issuer:
        raise TokenError(Cause.UNKNOWN_KEY, "signed with a key that is not held")
    if not token.verified_by(key.secret):
        raise TokenError(Cause.BAD_SIGNATURE, "the signature is not good")
    receipt = parse_receipt(parse_claims(token.payload))
    if receipt.aud != issuer or receipt.iss != f"{address.name}/{address.device}":
        raise TokenError(Cause.WRONG_ADDRESS, "it is not for the topic that it came on")
    return receipt, key
