"""The form of a command's and of a receipt's claims: exactly these names, each in its own spelling.

``token`` has seen to JSON, lengths and characters; this module knows what each claim means.
"""

import operator
import re
from typing import Final, NamedTuple

from latchwire.errors import TokenError
from latchwire.model import Cause, Happened, Outcome, State
from latchwire.protocol.nonce import LIFETIME_MOST
from latchwire.protocol.token import Claims, Value

NONCE: Final = re.compile(r"[A-Za-z0-9_-]{22}\Z", re.ASCII)
"""128 random bits in base64url."""
_ACTION: Final = re.compile(r"[a-z][a-z0-9-]{0,31}\Z", re.ASCII)
_JTI: Final = re.compile(r"[A-Za-z0-9_-]{16,64}\Z", re.ASCII)
_FORMS: Final = re.compile(r"[a-z][a-z0-9-]{0,31} [A-Za-z0-9_-]{16,64} [A-Za-z0-9_-]{22}\Z", re.ASCII)
"""An action, a jti and a nonce, which have no blank in them: looked at together, as each command is."""
_LONGEST: Final = 2 * LIFETIME_MOST
"""Seconds: the greatest ``until`` that any agent takes; ``verdict`` holds it against the agent's own lifetime."""


class Command(NamedTuple):
    """A well-formed command.

    Attributes:
        iss: the issuer whose key signed it.
        sub: who asked, ``<issuer>:<stable id>``; for logs, nobody decides by it.
        aud: ``<agent>/<device>``.
        act: the action.
        jti: the command's own id.
        nonce: the agent's nonce that it was signed over.
        until: it acts only while that nonce is at most so many seconds old.
        iat: the sender's clock, ignored by all checks.
    """

    iss: str
    sub: str
    aud: str
    act: str
    jti: str
    nonce: str
    until: int
    iat: int

    def to_claims(self) -> dict[str, Value]:
        """As it is signed."""
        return self._asdict()


_COMMAND_TYPES: Final = (str,) * 6 + (int,) * 2
_NAMES: Final = {str: "string", int: "integer"}
_command_values: Final = operator.itemgetter(*Command._fields)


def parse_command(claims: Claims, *, issuer: str) -> Command:
    """Checks the claims' form, and that ``iss`` is the issuer whose key signed them.

    Args:
        claims: as ``token`` read them.
        issuer: whose key made the signature.

    Raises:
        TokenError: malformed, naming the claim.
    """
    try:
        values = _command_values(claims)
    except KeyError:
        values = ()
    if len(claims) != len(Command._fields) or not values:
        raise _malformed("the claims are not exactly iss, sub, aud, act, jti, nonce, until and iat")
    if tuple(map(type, values)) != _COMMAND_TYPES:  # no subclasses come from JSON; a boolean is no integer here
        raise _malformed(_first_of_another_type(values))
    command = Command._make(values)
    if command.iss != issuer:
        raise _malformed("iss is not the issuer whose key signed it")
    if not _is_sub(command.sub, issuer):
        raise _malformed("sub is not <issuer>:<id>")
    if not _FORMS.match(f"{command.act} {command.jti} {command.nonce}"):
        raise _malformed(_first_of_another_form(command))
    if not 1 <= command.until <= _LONGEST:
        raise _malformed(f"until is not 1 to {_LONGEST} seconds")
    return command


def _first_of_another_type(values: tuple[Value, ...]) -> str:
    names = zip(Command._fields, values, _COMMAND_TYPES, strict=True)
    return next(f"{name} is no {_NAMES[wanted]}" for name, value, wanted in names if type(value) is not wanted)


def _first_of_another_form(command: Command) -> str:
    if not _ACTION.match(command.act):
        return "act is not an action's name"
    if not _JTI.match(command.jti):
        return "jti is not 16 to 64 characters of base64url"
    return "nonce is not 22 characters of base64url"


def readable(claims: Claims, *, issuer: str) -> tuple[str, str, str]:
    """What can be read of a malformed command: jti, sub and act, each "" where it is malformed itself."""
    jti, sub, act = (value if isinstance(value := claims.get(name), str) else "" for name in ("jti", "sub", "act"))
    return (
        jti if _JTI.match(jti) else "",
        sub if _is_sub(sub, issuer) else "",
        act if _ACTION.match(act) else "",
    )


def _is_sub(sub: str, issuer: str) -> bool:
    return sub.startswith(issuer + ":") and len(sub) > len(issuer) + 1


class Receipt(NamedTuple):
    """What an agent says of a command.

    Attributes:
        iss: the agent and device, the command's ``aud``.
        aud: the issuer.
        re: the command's ``jti``.
        sub: copied from the command; "" if it was malformed.
        act: copied from the command; "" if it was malformed.
        outcome: done, refused or failed.
        state: read back after acting.
        changed: whether the action changed anything, where that says something.
        locks_in: seconds until the lock locks by itself.
        cause: why it was not done.
        happened: whether it may have happened all the same.
        nonce: the agent's current nonce, where the command's was not good.
        age: that nonce's age in whole seconds, rounded up.
        over: the nonce that the refused command itself was signed over, so that its sender knows which of its tries
            this is about.
        simulated: whether there is no hardware behind it.
    """

    iss: str
    aud: str
    re: str
    sub: str
    act: str
    outcome: Outcome
    state: State
    changed: bool | None = None
    locks_in: int | None = None
    cause: Cause | None = None
    happened: Happened | None = None
    nonce: str | None = None
    age: int | None = None
    over: str | None = None
    simulated: bool = False

    def to_claims(self) -> dict[str, Value]:
        """As it is signed: what says nothing is left out."""
        claims: dict[str, Value] = {
            "iss": self.iss, "aud": self.aud, "re": self.re, "sub": self.sub, "act": self.act,
            "outcome": self.outcome.value, "state": self.state.value,
        }  # fmt: skip
        if self.changed is not None:
            claims["changed"] = self.changed
        if self.locks_in is not None:
            claims["locksIn"] = self.locks_in
        if self.cause is not None:
            claims["cause"] = self.cause.wire
            claims["happened"] = (self.happened or self.cause.happened).value
        if self.nonce is not None and self.age is not None:
            claims["nonce"] = self.nonce
            claims["age"] = self.age
        if self.over is not None:
            claims["over"] = self.over
        if self.simulated:
            claims["simulated"] = True
        return claims


def parse_receipt(claims: Claims) -> Receipt:
    """Reads a receipt's claims; names that this version does not know are ignored.

    A cause that it does not know reads as "maybe, do not retry".

    Raises:
        TokenError: malformed, naming the claim.
    """
    try:
        outcome = Outcome(_text(claims, "outcome"))
        state = State(_text(claims, "state"))
        happened = Happened(_text(claims, "happened")) if "happened" in claims else None
    except ValueError:
        raise _malformed("outcome, state or happened is none that this version knows") from None
    cause = Cause.from_wire(_text(claims, "cause")) if "cause" in claims else None
    if outcome is not Outcome.DONE and cause is None:
        raise _malformed("a receipt that says not done has no cause")
    if cause is Cause.UNRECOGNISED:
        happened = Happened.MAYBE
    return Receipt(
        iss=_text(claims, "iss"),
        aud=_text(claims, "aud"),
        re=_text(claims, "re"),
        sub=_text(claims, "sub"),
        act=_text(claims, "act"),
        outcome=outcome,
        state=state,
        changed=_boolean(claims, "changed"),
        locks_in=_integer(claims, "locksIn") if "locksIn" in claims else None,
        cause=cause,
        happened=happened or (cause.happened if cause else None),
        nonce=_nonce(claims, "nonce"),
        age=_integer(claims, "age") if "age" in claims else None,
        over=_nonce(claims, "over"),
        simulated=_boolean(claims, "simulated") is True,
    )


def _malformed(detail: str) -> TokenError:
    return TokenError(Cause.MALFORMED, detail)


def _text(claims: Claims, name: str) -> str:
    value = claims.get(name)
    if not isinstance(value, str):
        raise _malformed(f"{name} is missing or no string")
    return value


def _integer(claims: Claims, name: str) -> int:
    value = claims.get(name)
    if not isinstance(value, int) or isinstance(value, bool):
        raise _malformed(f"{name} is missing or no integer")
    return value


def _nonce(claims: Claims, name: str) -> str | None:
    if name not in claims:
        return None
    value = _text(claims, name)
    if not NONCE.match(value):
        raise _malformed(f"{name} is not 22 characters of base64url")
    return value


def _boolean(claims: Claims, name: str) -> bool | None:
    value = claims.get(name)
    if value is not None and not isinstance(value, bool):
        raise _malformed(f"{name} is no boolean")
    return value
