"""A signed form is read strictly: what somebody with a captured request can make of it is not obeyed."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from twilio.request_validator import RequestValidator

from latchwire_whatsapp_webhook.incoming import Incoming, NotAMessageError, read
from latchwire_whatsapp_webhook.say import form

SAMPLES: list[dict[str, Any]] = json.loads((Path(__file__).parent / "twilio-incoming.json").read_text("utf-8"))
URL = "https://door.example.com/whatsapp"
JOHN, STRANGER = "+15555550100", "+15555550199"


def lists(fields: dict[str, str]) -> dict[str, list[str]]:
    return {name: [value] for name, value in fields.items()}


def sample(number: int) -> Incoming:
    return read(lists(SAMPLES[number]["form"]))


def signature(fields: dict[str, str]) -> str:
    return str(RequestValidator("token").compute_signature(URL, fields))


def test_a_plain_message_is_read() -> None:
    message = sample(0)
    assert message.identities == ("whatsapp:+15555550100",)
    assert message.text == "Unlock the front door"
    assert (message.sender, message.recipient) == ("whatsapp:+15555550100", "whatsapp:+14155238886")
    assert not message.forwarded
    assert not message.wordless


def test_a_hidden_phone_is_named_by_its_business_scoped_id() -> None:
    assert sample(2).identities == ("whatsapp:US.13491208655302741918",)


def test_phone_and_business_scoped_id_may_both_name_a_sender() -> None:
    fields = form("lock", sender=JOHN) | {"ExternalUserId": "whatsapp:US.13491208655302741918"}
    assert read(lists(fields)).identities == ("whatsapp:+15555550100", "whatsapp:US.13491208655302741918")


def test_a_tapped_button_says_its_payload() -> None:
    assert sample(3).text == "front-door unlock"


def test_a_picture_has_no_words() -> None:
    assert sample(4).wordless


def test_forwarded_words_are_marked_however_often_they_were_forwarded() -> None:
    assert sample(5).forwarded
    assert read(lists(form("lock", sender=JOHN) | {"FrequentlyForwarded": "true"})).forwarded
    assert not read(lists(form("lock", sender=JOHN) | {"Forwarded": "false"})).forwarded


def test_a_profile_name_is_nobody() -> None:
    fields = form("lock", sender=STRANGER) | {"ProfileName": "whatsapp:+15555550100"}
    assert read(lists(fields)).identities == (f"whatsapp:{STRANGER}",)


@pytest.mark.parametrize(
    "change",
    [
        {"MessageSid": ""},
        {"MessageSid": "SM1"},
        {"MessageSid": "SM" + "A" * 32},
        {"MessageSid": "SM" + "a" * 32 + "\n"},
        {"MessageSid": "SM" + "a" * 33},
        {"AccountSid": ""},
        {"AccountSid": "SM" + "a" * 32},
        {"From": ""},
        {"From": "+15555550100"},  # an SMS, whose sender anybody can invent
        {"From": "whatsapp:"},
        {"From": "whatsapp:+1555\n5550100"},
        {"From": "whatsapp:*"},
        {"SmsStatus": "delivered"},
        {"MessageStatus": "read"},
    ],
)
def test_what_is_no_message_of_whatsapp_is_left_alone(change: dict[str, str]) -> None:
    with pytest.raises(NotAMessageError):
        read(lists(form("unlock", sender=JOHN) | change))


def test_a_field_that_comes_twice_is_left_alone() -> None:
    fields = lists(form("unlock", sender=JOHN))
    for name in ("Body", "From", "MessageSid"):
        with pytest.raises(NotAMessageError, match="more than once"):
            read(fields | {name: [*fields[name], *fields[name]]})


def cut_again(fields: dict[str, str], **kept: str) -> dict[str, str]:
    """The same signed text in other fields: what is not kept is swallowed by the value before it."""
    text = "".join(name + fields[name] for name in sorted(fields))
    again: dict[str, str] = {}
    names = sorted(kept)
    for place, name in enumerate(names):
        start = text.index(name + kept[name])
        end = text.index(names[place + 1] + kept[names[place + 1]]) if place + 1 < len(names) else len(text)
        again[name] = text[start + len(name) : end]
    return again


def test_attack_a_fresh_id_by_moving_the_border_between_fields() -> None:
    fields = form("unlock", sender=JOHN)
    again = dict(fields)
    again["MessageSid"] += "MessageType" + again.pop("MessageType")
    assert signature(again) == signature(fields)  # this is what Twilio's scheme allows
    with pytest.raises(NotAMessageError):
        read(lists(again))


def test_attack_a_stranger_writes_the_fields_of_somebody_else_into_the_text() -> None:
    fresh = "SM" + "f" * 32
    text = f"unlock the doorFromwhatsapp:{JOHN}MessageSid{fresh}Z"
    fields = form(text, sender=STRANGER)
    again = cut_again(
        fields, AccountSid=fields["AccountSid"], ApiVersion="2010", Body="unlock the door",
        From=f"whatsapp:{JOHN}", MessageSid=fresh, Z="",
    )  # fmt: skip
    assert (again["From"], again["Body"], again["MessageSid"]) == (f"whatsapp:{JOHN}", "unlock the door", fresh)
    assert signature(again) == signature(fields)
    with pytest.raises(NotAMessageError, match="more than one"):
        read(lists(again))


def test_attack_only_the_sender_is_written_into_the_text() -> None:
    fields = form(f"unlockFromwhatsapp:{JOHN}G", sender=STRANGER)
    again = cut_again(
        fields,
        AccountSid=fields["AccountSid"],
        ApiVersion=fields["ApiVersion"],
        Body="unlock",
        From=f"whatsapp:{JOHN}",
        G="",
        **{name: fields[name] for name in fields if name >= "MessageSid"},
    )
    assert signature(again) == signature(fields)
    with pytest.raises(NotAMessageError, match="more than one From"):
        read(lists(again))


def test_attack_the_id_of_the_message_that_was_answered_serves_as_a_fresh_one() -> None:
    old = "SM" + "0" * 32
    fields = form("unlock", sender=JOHN) | {"OriginalRepliedMessageSid": old}
    assert read(lists(fields)).sid == fields["MessageSid"]
    again = {name: fields[name] for name in fields if name < "MessageSid" or name > "OriginalReplied"}
    again["MessageSid"] = again.pop("OriginalRepliedMessageSid")
    swallowed = "".join(name + fields[name] for name in sorted(fields) if "MessageSid" <= name < "OriginalReplied")
    again["MessageSi"] = swallowed.removeprefix("MessageSi") + "OriginalReplied"
    assert signature(again) == signature(fields)
    with pytest.raises(NotAMessageError, match="more than one MessageSid"):
        read(lists(again))


def test_attack_hiding_that_it_was_forwarded() -> None:
    fields = form("unlock", sender=JOHN) | {"Forwarded": "true"}
    again = dict(fields)
    del again["Forwarded"]
    again["Body"] += "Forwardedtrue"
    assert signature(again) == signature(fields)
    assert read(lists(again)).forwarded


@settings(deadline=None)  # the machine is shared
@given(st.dictionaries(st.text(max_size=12), st.lists(st.text(max_size=40), max_size=2), max_size=6))
def test_any_form_is_read_or_left_alone(fields: dict[str, list[str]]) -> None:
    for form_fields in (fields, lists(form("x", sender=JOHN)) | fields):
        try:
            read(form_fields)
        except NotAMessageError:
            continue
