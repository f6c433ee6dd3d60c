"""A signed form of Twilio, read strictly: who wrote, which words, under which id.

Twilio signs the names and values of all fields, sorted and put together **without anything between them**. So a
signature fits more than one form: ``MessageSid`` ``SM1`` and ``NumMedia`` ``0`` sign like ``MessageSid``
``SM1NumMedia0``, and a stranger's text could hold ``From`` and somebody else's number. Whoever got hold of one signed
request could cut it up anew, with a fresh id or another sender. Therefore ids and senders must have exactly their form,
no field may come twice, and each of these fields must be the only place in the signed text that could be read as it.

Twilio adds fields unannounced; those are signed and left alone. ``ProfileName`` is what the sender likes to be called,
and decides nothing.
"""

import re
from collections.abc import Mapping
from typing import Final, NamedTuple

from latchwire.errors import LatchwireError
from latchwire.kit.words import whatsapp_id

_ACCOUNT: Final = re.compile(r"AC[0-9a-f]{32}\Z", re.ASCII)
_MESSAGE: Final = re.compile(r"[SM]M[0-9a-f]{32}\Z", re.ASCII)
_WA_ID: Final = re.compile(r"[1-9][0-9]{6,14}\Z", re.ASCII)
_CHANNEL: Final = "whatsapp:"
_FORWARDED: Final = re.compile("(?:Frequently)?Forwarded(?:true|1)", re.ASCII | re.IGNORECASE)

_TELLING: Final = {
    "AccountSid": re.compile("AccountSid(?=AC)"),
    "MessageSid": re.compile("MessageSid(?=[SM]M)"),
    "From": re.compile(f"From(?={_CHANNEL})"),
    "ExternalUserId": re.compile(f"ExternalUserId(?={_CHANNEL})"),
    "WaId": re.compile("WaId(?=[0-9])"),
}
"""The fields that decide, and how each looks where it begins in the signed text."""
_NAMES: Final = tuple(_TELLING)


class Incoming(NamedTuple):
    """One message.

    Attributes:
        account: Twilio's AccountSid.
        sid: Twilio's MessageSid.
        sender: who wrote, as an answer is addressed: ``whatsapp:+15555550100``.
        recipient: to whom: our own number, from which an answer is sent.
        identities: in normal form, ``whatsapp:+15555550100`` or ``whatsapp:US.1349…``; the first is ``From``.
        text: a tapped button's payload, else what was typed.
        forwarded: whether it is somebody else's words.
        wordless: a picture, a sound, a place, and no words.
    """

    account: str
    sid: str
    sender: str
    recipient: str
    identities: tuple[str, ...]
    text: str
    forwarded: bool
    wordless: bool


class NotAMessageError(LatchwireError):
    """Well signed, but no WhatsApp message that could be obeyed; the text says why, for the log."""


def read(form: Mapping[str, list[str]]) -> Incoming:
    """Reads a form whose signature was found good.

    Args:
        form: each field's values.

    Raises:
        NotAMessageError: it is something else, or could be read in two ways.
    """
    twice = [name for name, values in form.items() if len(values) != 1]
    if twice:
        raise NotAMessageError(f"{len(twice)} of its fields came more than once")
    fields = {name: values[0] for name, values in form.items()}
    account, sid, sender = (fields.get(name, "") for name in ("AccountSid", "MessageSid", "From"))
    if not _ACCOUNT.match(account) or not _MESSAGE.match(sid):
        raise NotAMessageError("it has no AccountSid and MessageSid of Twilio's form")
    if fields.get("SmsStatus", "received") != "received" or "MessageStatus" in fields:
        raise NotAMessageError("it is the status of a message that was sent, not a message that came")
    if not sender.startswith(_CHANNEL) or whatsapp_id(sender) is None:
        raise NotAMessageError("its sender is not one of WhatsApp")
    signed = "".join(name + fields[name] for name in sorted(fields))
    telling = [field for field in fields if field.endswith(_NAMES)]
    for name, begins in _TELLING.items():
        own = [field for field in telling if field.endswith(name)]  # ``SmsMessageSid`` ends like ``MessageSid``
        if len(begins.findall(signed)) != sum(begins.match(name + fields[field]) is not None for field in own):
            raise NotAMessageError(f"it could be read with more than one {name}")
    payload = fields.get("ButtonPayload") or fields.get("ListId") or ""
    typed = payload or fields.get("Body", "")
    return Incoming(
        account=account,
        sid=sid,
        sender=sender,
        recipient=fields.get("To", ""),
        identities=_identities(fields),
        text=typed,
        forwarded=_FORWARDED.search(signed) is not None,
        wordless=not typed.strip() and (fields.get("NumMedia", "0") != "0" or "Latitude" in fields),
    )


def _identities(fields: Mapping[str, str]) -> tuple[str, ...]:
    """A phone number may be hidden behind a business-scoped id; whichever is known is asked for."""
    claimed = [fields["From"]]
    if fields.get("ExternalUserId", "").startswith(_CHANNEL):
        claimed.append(fields["ExternalUserId"])
    if _WA_ID.match(fields.get("WaId", "")):
        claimed.append(f"+{fields['WaId']}")
    found = dict.fromkeys(map(whatsapp_id, claimed))
    return tuple(_CHANNEL + identity for identity in found if identity is not None)
