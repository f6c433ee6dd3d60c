"""Requests to the webhook that are not Twilio's, or not new: the door does not move, and the log cannot be steered.

The real programs, on both brokers: what opens the door is a well-signed message of somebody who may.
"""

import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from urllib.parse import urlencode

import pytest

from latchwire_whatsapp_webhook.say import form, signed
from support.home import DOOR
from support.house import JOHN, PUBLIC, TOKEN, House, example

STRANGER = "+15555550199"
SIGNATURE = "X-Twilio-Signature"
URL = f"{PUBLIC}/whatsapp"


def post(house: House, fields: Mapping[str, str], headers: Mapping[str, str]) -> int:
    """Posts a form with exactly these headers; the status."""
    request = urllib.request.Request(house.webhook, urlencode(fields).encode(), dict(headers))  # noqa: S310 - our own
    try:
        with urllib.request.urlopen(request, timeout=20) as response:  # noqa: S310 - our own
            return int(response.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


@pytest.fixture
def house(make_house: Callable[..., House]) -> House:
    """A house with the real webhook and the real agent."""
    house = make_house(document=example())
    house.start("relay-agent", "whatsapp-webhook")
    return house


def lock(house: House) -> None:
    assert house.command_line("send", DOOR, "lock").returncode == 0
    assert not house.relay_is_closed()


def test_a_request_that_twilio_did_not_sign_opens_nothing(house: House) -> None:
    """Holds: the webhook's address; no token, a wrong one, or a good signature of another request or another house."""
    fields = form("unlock the front door", sender=JOHN)
    good = signed(fields, url=URL, token=TOKEN)
    other = signed(form("lock the front door", sender=JOHN), url=URL, token=TOKEN)
    for headers in (
        {}, {SIGNATURE: ""}, {SIGNATURE: "A" * 28}, {SIGNATURE: "\u00e4"}, {SIGNATURE: good[SIGNATURE].swapcase()},
        {SIGNATURE: good[SIGNATURE] + " "[:0] + "="}, other, signed(fields, url=URL, token="wrong"),
        signed(fields, url="https://evil.example/whatsapp", token=TOKEN), signed(fields, url=f"{URL}?", token=TOKEN),
        {SIGNATURE: signed(fields, url="https://evil.example/whatsapp", token=TOKEN)[SIGNATURE], "Host": "evil.example",
         "X-Forwarded-Host": "evil.example", "X-Original-Url": "/whatsapp"},
    ):  # fmt: skip
        assert post(house, fields, headers) == 403, headers
    changed = {**fields, "Body": "toggle the front door"}
    assert post(house, changed, good) == 403
    assert post(house, {**fields, "To": "whatsapp:+1"}, good) == 403
    assert not house.relay_is_closed()
    assert len([line for line in house.log("whatsapp-webhook").splitlines() if "refused" in line]) <= 3
    assert post(house, fields, good) == 200  # and what is right opens it
    house.wait_for_relay(closed=True)


def test_a_captured_request_opens_no_door_again_at_once_or_after_restarts(house: House) -> None:
    """Holds: one request that was captured on the way (a tunnel's log, a proxy), with its good signature."""
    fields = form("unlock the front door", sender=JOHN)
    headers = signed(fields, url=URL, token=TOKEN)
    assert "Done" in house.post(fields).words
    lock(house)
    for _ in range(30):
        assert post(house, fields, headers) == 200  # the person's phone would get the first answer again
    house.kill("whatsapp-webhook")
    house.kill("relay-agent")
    house.start("relay-agent", "whatsapp-webhook")
    assert post(house, fields, headers) == 200
    assert house.command_line("send", DOOR, "status").stdout.count("LOCKED") == 1
    assert not house.relay_is_closed()
    assert house.log("whatsapp-webhook").count("came again") <= 12


def test_a_captured_request_cut_up_anew_opens_no_door(house: House) -> None:
    """Holds: a captured request; moves the borders of its fields, which Twilio's signature does not cover."""
    fields = form("unlock the front door", sender=JOHN)
    headers = signed(fields, url=URL, token=TOKEN)
    assert "Done" in house.post(fields).words
    lock(house)
    cut = dict(fields)
    cut["MessageSid"] += "MessageType" + cut.pop("MessageType")
    swallowed = {**fields, "Body": fields["Body"] + "From" + fields["From"]}
    del swallowed["From"]
    for again in (cut, swallowed):
        assert signed(again, url=URL, token=TOKEN) == headers  # the same signature is good for it
        assert post(house, again, headers) == 200
    assert not house.relay_is_closed()


def test_a_stranger_opens_nothing_whatever_they_call_themselves(house: House) -> None:
    """Holds: WhatsApp; a profile name and words with lines, escape codes and look-alikes in them."""
    hostile = "John\nERROR: front-door is UNLOCKED outcome=done who=owner\r\x1b[2J\x1b]0;owned\x07\u202e"
    for sender in (STRANGER, JOHN):
        for text in (hostile, "unl\u043eck the front door", "\u202ekcolnu the front door", "x" * 9000):
            reply = house.post({**form(text, sender=sender), "ProfileName": hostile})
            assert "owned" not in reply.words
            assert "Done" not in reply.words
            assert sender == JOHN or reply.words == ""
    log = house.log("whatsapp-webhook")
    assert all(part not in log for part in ("owned", "\x1b", "\u202e", "UNLOCKED"))
    assert all(line.isprintable() for line in log.splitlines())
    assert not house.relay_is_closed()


def test_a_person_who_was_taken_out_or_may_not_opens_nothing(house: House) -> None:
    """Holds: the phone of somebody who may only look, or who was suspended a moment ago."""
    document = example()
    document["people"]["john"]["suspended"] = True
    house.write_config(document)
    house.reload("whatsapp-webhook")
    reply = house.whatsapp("unlock the front door")
    assert "Done" not in reply.words
    document["people"]["john"].pop("suspended")
    document["people"]["john"]["may"] = {"front-door": ["lock"]}
    house.write_config(document)
    house.reload("whatsapp-webhook")
    assert "Done" not in house.whatsapp("unlock the front door").words
    assert not house.relay_is_closed()


def test_what_is_no_form_ends_in_no_fault(house: House) -> None:
    """Holds: the webhook's address; sends what no form is, too much, too slowly, and to every other path."""
    for body, kind in (
        (b"\x00" * 70_000, "application/x-www-form-urlencoded"),
        (b"Body=" + b"%" * 5000, "application/x-www-form-urlencoded"),
        (b"{" * 5000, "application/json"),
        (b"--x\r\n" * 5000, "multipart/form-data; boundary=x"),
    ):
        request = urllib.request.Request(house.webhook, body, {"Content-Type": kind, SIGNATURE: "A" * 28})  # noqa: S310
        with pytest.raises((urllib.error.URLError, ConnectionError)) as caught:
            urllib.request.urlopen(request, timeout=20)  # noqa: S310 - our own
        if isinstance(caught.value, urllib.error.HTTPError):
            with caught.value as error:
                assert error.code in {400, 403, 413}
                assert b"Traceback" not in error.read()
    base = house.webhook.removesuffix("/whatsapp")
    for path in ("/", "/console", "/whatsapp/", "/../state/.env", "/healthz/../whatsapp", "/static/x", "/%2e%2e/keys"):
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(f"{base}{path}", timeout=20)  # noqa: S310 - our own
        with refused.value as error:
            assert error.code in {400, 404, 405}
    assert "Traceback" not in house.log("whatsapp-webhook")
    assert house.whatsapp("status").words != ""
