"""A request to the webhook: without Twilio's signature nothing is heard, with it what was signed, once, by its sender.

The first byte says what the rest is:

``P``  a posted form that nobody signed
``R``  the same as multipart/form-data
``S``  a posted form that Twilio signed
``Q``  a genuine message and an attacker's cut: numbers, a line end, what was written. Twilio signs names and values
       without anything between them; the numbers cut that text into other names and values. With an ``f`` before the
       numbers the message was forwarded.
"""

from collections.abc import Mapping
from typing import Any, Final, cast
from urllib.parse import parse_qsl, urlencode
from xml.etree import ElementTree as ET

from flask.testing import FlaskClient
from twilio.request_validator import SIGNATURE_HEADER, RequestValidator
from werkzeug.datastructures import MultiDict

from latchwire.config.identity import whatsapp_id
from latchwire_whatsapp_webhook.app import PATH, Signing, create_app
from latchwire_whatsapp_webhook.conversation import Conversation
from latchwire_whatsapp_webhook.incoming import Incoming
from latchwire_whatsapp_webhook.say import form

LONGEST: Final = 4000

PUBLIC: Final = "https://door.example.com"
SENDER: Final = "+15555550199"
_TOKEN: Final = "the auth token of this test"
_VALIDATOR: Final = RequestValidator(_TOKEN)


class _Ear:
    """Stands where the conversation is, and says back what it heard."""

    def __init__(self) -> None:
        self.heard: list[Incoming] = []

    def hear(self, message: Incoming) -> str:
        self.heard.append(message)
        return message.text


_EAR: Final = _Ear()
_APP: Final = create_app(conversation=cast("Conversation", _EAR), signing=Signing(_TOKEN, "", PUBLIC))
_APP.testing = True
_CLIENT: Final[FlaskClient] = _APP.test_client()


def one_input(data: bytes) -> None:
    """Posts it."""
    match data[0] % 4 if data else 0:
        case 0:
            assert not _post(data[1:]), "nobody signed it"
        case 2:
            assert not _post(data[1:], kind="multipart/form-data; boundary=x"), "nobody signed it"
        case 3:
            _signed(data[1:])
        case _:
            _cut(data[1:])


def _post(body: bytes, *, signature: str = "", kind: str = "application/x-www-form-urlencoded") -> list[Incoming]:
    """What was heard; the answer is a refusal or TwiML, never a fault."""
    _EAR.heard.clear()
    headers = {SIGNATURE_HEADER: signature} if signature else {}
    answer = _CLIENT.post(PATH, data=body, headers=headers, content_type=kind)
    if answer.status_code == 200:
        assert signature
        reply = "".join(message.text or "" for message in ET.fromstring(answer.data).iter("Message"))  # noqa: S314
        assert len(reply) <= 1500
    else:
        assert answer.status_code in {400, 403, 413}
        assert not _EAR.heard
    assert len(_EAR.heard) <= 1
    return [*_EAR.heard]


def _signed(body: bytes) -> None:
    fields = parse_qsl(body.decode("latin-1"), keep_blank_values=True, encoding="utf-8", errors="replace")
    for message in _post(body, signature=_signature(MultiDict(fields))):
        told = dict(fields)
        assert len(told) == len(fields), "no field came twice"
        _is_told(message, told)


def _is_told(message: Incoming, told: Mapping[str, str]) -> None:
    assert (message.account, message.sid, message.sender) == (told["AccountSid"], told["MessageSid"], told["From"])
    own = {told["From"], told.get("ExternalUserId", ""), "whatsapp:+" + told.get("WaId", "")}
    assert set(message.identities) <= {f"whatsapp:{whatsapp_id(one)}" for one in own}
    assert message.text in {told.get(name, "") for name in ("Body", "ButtonPayload", "ListId")}
    assert message.forwarded or "true" not in (told.get("Forwarded"), told.get("FrequentlyForwarded"))


def _cut(data: bytes) -> None:
    """An attacker with one captured request posts it again as others; nobody may hear another sender or a fresh id."""
    numbers, _, text = data.partition(b"\n")
    genuine = form(text.decode("utf-8", "replace").replace("\x00", ""), sender=SENDER, sid="SM" + "1" * 32)
    if numbers.startswith(b"f"):
        genuine["Forwarded"] = "true"
    whole = "".join(name + genuine[name] for name in sorted(genuine))
    pieces, begin = [], 0
    for number in numbers.removeprefix(b"f").split(b",")[:60]:
        size = int(number) if number.isdigit() and len(number) < 5 else 0
        pieces.append(whole[begin : begin + size])
        begin += size
    pieces.append(whole[begin:])
    fields = dict(zip(pieces[::2], [*pieces[1::2], ""], strict=False))
    body = urlencode(fields).encode()
    for message in _post(body, signature=_signature(genuine)):
        assert message.sid == genuine["MessageSid"], "the id that was heard before"
        assert message.account == genuine["AccountSid"]
        assert message.identities == (f"whatsapp:{SENDER}",)
        assert message.forwarded or "Forwarded" not in genuine, "somebody else's words stay somebody else's"


def _signature(fields: Any) -> str:
    return str(_VALIDATOR.compute_signature(PUBLIC + PATH, fields))
