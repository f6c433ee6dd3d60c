"""The webhook as Twilio meets it: signed requests over loopback to the real server, and what comes back.

Only the devices are a stand-in: ``Devices`` answers, refuses, is silent or breaks as the kit does.
"""

import http.client
import json
import logging
import socket
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from xml.etree import ElementTree as ET

import pytest
from twilio.http import HttpClient
from twilio.http.response import Response

from latchwire.errors import ConfigurationError
from latchwire.model import STATE_AFTER, Cause, Happened, Kind, State
from latchwire.sender import Answer, Ending
from latchwire_whatsapp_webhook import late, replies
from latchwire_whatsapp_webhook.app import Signing, create_app
from latchwire_whatsapp_webhook.asking import Asking
from latchwire_whatsapp_webhook.conversation import Conversation
from latchwire_whatsapp_webhook.journal import Journal
from latchwire_whatsapp_webhook.limits import RateLimit
from latchwire_whatsapp_webhook.say import form, signed
from latchwire_whatsapp_webhook.seams import OnLate, Person
from latchwire_whatsapp_webhook.server import Server, listen, tell_where
from latchwire_whatsapp_webhook.words import Device, Phrasebook

SAMPLES: list[dict[str, Any]] = json.loads((Path(__file__).parent / "twilio-incoming.json").read_text("utf-8"))
TOKEN, PUBLIC = "a token of these tests", "https://door.example.com"
URL = f"{PUBLIC}/whatsapp"
JOHN, STRANGER = "+15555550100", "+15555550199"
FORM = "application/x-www-form-urlencoded"


class Devices:
    """Stands in for the kit: does what it is asked, or ends as it is told to."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, str, str]] = []
        self.ends: Callable[[str, str], Answer] | None = None
        self.on_late: OnLate | None = None
        self.silent: threading.Event | None = None
        self.states = {"front-door": State.LOCKED, "ac": State.OFF, "light": State.OFF}

    def __call__(self, *, identity: str, device: str, action: str, message_id: str, on_late: OnLate | None) -> Answer:
        self.asked.append((identity, device, action, message_id))
        self.on_late = on_late
        if self.silent is not None:
            self.silent.wait(60)
        if self.ends is not None:
            return self.ends(device, action)
        self.states[device] = STATE_AFTER.get(action, self.states[device])
        return Answer(Ending.DONE, device, action, self.states[device])


class Webhook:
    """One running webhook, and what a test does with it."""

    def __init__(self, stack: ExitStack, folder: Path, *, signing: Signing | None = None, **options: Any) -> None:
        self.devices: Devices = options.pop("devices", None) or Devices()
        self.sent: list[tuple[str, str, str]] = []
        self.people = {
            f"whatsapp:{JOHN}": "john",
            "whatsapp:+4915112345678": "zoe",
            "whatsapp:US.13491208655302741918": "jane",
        }
        self.journal = Journal(path=folder / "whatsapp.sqlite3")
        self.asking = Asking(ask=self.devices, **options.pop("asking", {}))
        send = (lambda *message: self.sent.append(message)) if options.pop("sends", True) else None
        conversation = Conversation(
            journal=self.journal, who=self.who, asking=self.asking, send=send, limit=options.pop("limit", None)
        )
        app = create_app(conversation=conversation, signing=signing or Signing(TOKEN, "", PUBLIC), **options)
        self.server = Server(app, listener=listen("127.0.0.1", 0))
        self.server.start()
        stack.callback(self.journal.close)
        stack.callback(self.asking.stop)
        stack.callback(self.server.stop)

    def who(self, identities: Sequence[str]) -> Person | None:
        for identity in identities:
            if identity in self.people:
                devices = (
                    Device("front-door", Kind.LOCK, ("door",), frozenset(Kind.LOCK.actions)),
                    Device("ac", Kind.SWITCH, (), frozenset(Kind.SWITCH.actions)),
                    Device("light", Kind.SWITCH, (), frozenset(Kind.SWITCH.actions)),
                )
                return Person(self.people[identity], identity, Phrasebook(devices))
        return None

    def send(self, body: bytes, headers: Mapping[str, str], path: str = "/whatsapp", method: str = "POST") -> "Reply":
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=20)
        try:
            connection.request(method, path, body, dict(headers))
            response = connection.getresponse()
            return Reply(response.status, response.headers.get("Content-Type", ""), response.read())
        finally:
            connection.close()

    def post(self, fields: Mapping[str, str], *, url: str = URL, token: str = TOKEN) -> "Reply":
        return self.send(urlencode(fields).encode(), signed(fields, url=url, token=token))

    def says(self, text: str, sender: str = JOHN) -> str | None:
        return self.post(form(text, sender=sender)).text

    @property
    def moved(self) -> list[tuple[str, str]]:
        return [(device, action) for _, device, action, _ in self.devices.asked]


class Reply:
    def __init__(self, status: int, content_type: str, body: bytes) -> None:
        self.status, self.content_type, self.body = status, content_type, body

    @property
    def text(self) -> str | None:
        """What stands in the chat; ``None`` for no message. Fails on what Twilio would not take."""
        assert self.status == 200
        assert self.content_type == "text/xml; charset=utf-8"
        root = ET.fromstring(self.body.decode("utf-8"))  # noqa: S314 - the service's own
        assert root.tag == "Response"
        messages = [message.text or "" for message in root]
        assert all(messages), "an empty message is error 14103"
        return messages[0] if messages else None


Start = Callable[..., Webhook]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    with ExitStack() as stack:
        yield lambda **options: Webhook(stack, tmp_path, **options)


@pytest.fixture
def webhook(start: Start) -> Webhook:
    return start()


# --------------------------------------------------------------------------------------- what is said and done


def test_unlock_the_front_door_is_done_once_and_told(webhook: Webhook) -> None:
    assert webhook.says("Unlock the front door") == "Done: the front door is unlocked."
    ((identity, device, action, message_id),) = webhook.devices.asked
    assert (identity, device, action) == (f"whatsapp:{JOHN}", "front-door", "unlock")
    assert message_id.startswith("whatsapp-")


@pytest.mark.parametrize("row", SAMPLES, ids=lambda row: str(row["what"]))
def test_a_sample_of_twilio(webhook: Webhook, row: dict[str, Any]) -> None:
    expected = {
        "a plain message in the sandbox": "Done: the front door is unlocked.",
        "not ASCII, an emoji and trailing white space, which are signed as sent": "Done: the ac is on.",
        "a user name hides the phone: From and ExternalUserId carry the business-scoped id": (
            "Done: the front door is locked."
        ),
        "a tapped button": "Done: the front door is unlocked.",
        "a picture without words": replies.NO_WORDS,
        "forwarded words of somebody else": replies.FORWARDED,
    }
    assert webhook.post(row["form"]).text == expected[row["what"]]
    assert len(webhook.moved) == ("Done" in expected[row["what"]])


def test_what_is_unclear_moves_nothing_and_shows_what_would_work(webhook: Webhook) -> None:
    assert webhook.says("don\u2019t unlock the door") == (
        "I did not understand that, so I did nothing. This would work: unlock the door"
    )
    assert webhook.moved == []


def test_status_asks_every_device_under_ids_of_their_own(webhook: Webhook) -> None:
    assert webhook.says("status") == "The front door is locked.\nThe ac is off.\nThe light is off."
    assert len({message_id for *_, message_id in webhook.devices.asked}) == 3


def test_list_and_help(webhook: Webhook) -> None:
    assert "ac: on, off, toggle, status" in str(webhook.says("list"))
    assert "lock the door" in str(webhook.says("help"))
    assert webhook.moved == []


def test_a_stranger_learns_nothing_and_the_log_has_the_line_to_add(
    webhook: Webhook, caplog: pytest.LogCaptureFixture
) -> None:
    for text in ("unlock the front door", "help", "list", "", "status"):
        assert webhook.says(text, STRANGER) is None
    assert webhook.moved == []
    assert f'"somebody": {{"whatsapp": "{STRANGER}", "may":' in caplog.text


def test_a_person_who_was_taken_out_is_a_stranger_at_the_next_word(webhook: Webhook) -> None:
    assert webhook.says("lock")
    webhook.people.clear()
    assert webhook.says("unlock") is None
    assert webhook.moved == [("front-door", "lock")]


def test_a_forwarded_message_of_an_allowed_person_is_not_obeyed(webhook: Webhook) -> None:
    for name in ("Forwarded", "FrequentlyForwarded"):
        assert webhook.post(form("unlock", sender=JOHN) | {name: "true"}).text == replies.FORWARDED
    assert webhook.moved == []


# ------------------------------------------------------------------------------------------------- once, for good


def test_the_same_request_again_moves_nothing_and_gets_the_first_answer(start: Start) -> None:
    fields = form("toggle the light", sender=JOHN)
    webhook = start()
    first = webhook.post(fields).text
    assert webhook.post(fields).text == first
    again = start(devices=webhook.devices)  # a new process on the same memory
    assert again.post(fields).text == first
    assert webhook.moved == [("light", "toggle")]


def test_the_same_request_at_the_same_time_is_one_command(webhook: Webhook) -> None:
    fields = form("toggle the light", sender=JOHN)
    with ThreadPoolExecutor(16) as pool:
        texts = set(pool.map(lambda _: webhook.post(fields).text, range(16)))
    assert len(texts) == 1
    assert webhook.moved == [("light", "toggle")]


def test_a_strangers_request_does_not_work_later_when_they_are_let_in(webhook: Webhook) -> None:
    fields = form("unlock", sender=STRANGER)
    assert webhook.post(fields).text is None
    webhook.people[f"whatsapp:{STRANGER}"] = "stranger"
    assert webhook.post(fields).text is None
    assert webhook.moved == []
    assert webhook.says("unlock", STRANGER) == "Done: the front door is unlocked."


def test_after_a_fault_the_same_request_is_not_tried_again(webhook: Webhook) -> None:
    def broken(_device: str, _action: str) -> Answer:
        raise RuntimeError("a fault of ours")

    webhook.devices.ends = broken
    fields = form("unlock", sender=JOHN)
    assert webhook.post(fields).text == replies.OWN_FAULT
    webhook.devices.ends = None
    assert webhook.post(fields).text == replies.OWN_FAULT
    assert len(webhook.moved) == 1


def test_where_nothing_can_be_written_down_nothing_is_done(
    webhook: Webhook, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert webhook.says("lock")
    (tmp_path / "whatsapp.sqlite3").rename(tmp_path / "aside")
    assert webhook.says("unlock") == replies.NOT_WRITTEN_DOWN
    assert webhook.says("unlock", STRANGER) is None
    assert webhook.moved == [("front-door", "lock")]
    assert "cannot be used" in caplog.text
    (tmp_path / "aside").rename(tmp_path / "whatsapp.sqlite3")
    assert webhook.says("unlock") == "Done: the front door is unlocked."


# ----------------------------------------------------------------------------------------------- signed by Twilio


@pytest.mark.parametrize(
    "wrong",
    [
        {"token": "another token"},
        {"url": "http://door.example.com/whatsapp"},
        {"url": "https://door.example.com/whatsapp/"},
        {"url": "https://other.example.com/whatsapp"},
        {"url": "https://door.example.com/whatsapp?a=b"},
    ],
)
def test_attack_signed_with_another_token_or_for_another_url(webhook: Webhook, wrong: dict[str, str]) -> None:
    assert webhook.post(form("unlock", sender=JOHN), **wrong).status == 403
    assert webhook.moved == []


def test_attack_no_signature_an_empty_one_or_a_strange_one(webhook: Webhook) -> None:
    fields = form("unlock", sender=JOHN)
    good = signed(fields, url=URL, token=TOKEN)
    for headers in (
        {"Content-Type": FORM},
        good | {"X-Twilio-Signature": ""},
        good | {"X-Twilio-Signature": "é" * 28},
        good | {"X-Twilio-Signature": good["X-Twilio-Signature"][:-1] + " "},
        good | {"X-Twilio-Webhooks-Signature-Settings": "algorithm=none"},
        good | {"X-Twilio-Webhooks-Signature-Settings": "algorithm=HMAC_SHA256"},
    ):
        encoded = {name: value.encode("utf-8").decode("latin-1") for name, value in headers.items()}
        assert webhook.send(urlencode(fields).encode(), encoded).status == 403
    assert webhook.moved == []


@pytest.mark.parametrize("name", ["Body", "From", "MessageSid", "AccountSid", "To", "NumMedia", "ProfileName", "New"])
def test_attack_a_field_was_changed_after_signing(webhook: Webhook, name: str) -> None:
    fields = form("lock", sender=JOHN)
    headers = signed(fields, url=URL, token=TOKEN)
    assert webhook.send(urlencode(fields | {name: "unlock"}).encode(), headers).status == 403
    assert webhook.moved == []


def test_attack_headers_of_a_proxy_or_another_host_do_not_choose_the_url(webhook: Webhook) -> None:
    fields = form("unlock", sender=JOHN)
    headers = signed(fields, url="https://evil.example.com/whatsapp", token=TOKEN)
    for more in (
        {"Host": "evil.example.com"},
        {"X-Forwarded-Host": "evil.example.com", "X-Forwarded-Proto": "https"},
        {"Host": "x:y"},
        {"Host": "["},
    ):
        assert webhook.send(urlencode(fields).encode(), headers | more).status in {400, 403}
    assert webhook.moved == []


def test_fields_that_twilio_adds_one_day_do_no_harm(webhook: Webhook) -> None:
    assert webhook.post(form("lock", sender=JOHN) | {"SomethingNew": "{}", "Anrede": "Grüß Gott"}).text


def test_without_a_token_everything_is_refused_and_the_log_says_why_once(
    start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    webhook = start(signing=Signing("", "", PUBLIC))
    for _ in range(3):
        assert webhook.post(form("unlock", sender=JOHN), token="").status == 403
    assert webhook.moved == []
    assert caplog.text.count("TWILIO_AUTH_TOKEN is not set") == 1
    assert webhook.send(b"", {}, "/healthz", "GET").status == 200


def test_another_account_than_ours_is_refused(start: Start) -> None:
    webhook = start(signing=Signing(TOKEN, "AC" + "9" * 32, PUBLIC))
    assert webhook.post(form("unlock", sender=JOHN)).status == 403
    assert webhook.post(form("lock", sender=JOHN, account="AC" + "9" * 32)).text
    assert webhook.moved == [("front-door", "lock")]


def test_without_a_public_url_the_request_tells_it_itself(start: Start) -> None:
    webhook = start(signing=Signing(TOKEN))
    local = f"http://127.0.0.1:{webhook.server.port}/whatsapp"
    assert webhook.post(form("lock", sender=JOHN), url=local).text
    fields = form("unlock", sender=JOHN)
    headers = signed(fields, url=URL, token=TOKEN) | {
        "X-Forwarded-Proto": "https",
        "X-Forwarded-Host": "door.example.com",
    }
    assert webhook.send(urlencode(fields).encode(), headers).status == 403


def test_a_proxy_is_believed_where_it_is_trusted(start: Start) -> None:
    fields = form("lock", sender=JOHN)
    headers = signed(fields, url=URL, token=TOKEN) | {
        "X-Forwarded-Proto": "https",
        "X-Forwarded-Host": "door.example.com",
    }
    with ExitStack() as stack:
        webhook = start(signing=Signing(TOKEN, "", "", 1))
        app = create_app(
            conversation=Conversation(journal=webhook.journal, who=webhook.who, asking=webhook.asking),
            signing=Signing(TOKEN, "", "", 1),
        )
        webhook.server = Server(app, listener=listen("127.0.0.1", 0), proxies=True)
        webhook.server.start()
        stack.callback(webhook.server.stop)
        assert webhook.send(urlencode(fields).encode(), headers).text == "Done: the front door is locked."


@pytest.mark.parametrize(
    ("base", "taken"),
    [
        ("https://door.example.com/", "https://door.example.com"),
        ("https://door.example.com/whatsapp", "https://door.example.com"),
        (" https://door.example.com:8443 ", "https://door.example.com:8443"),
        ("https://example.com/house", "https://example.com/house"),
        ("", ""),
    ],
)
def test_a_public_url_is_taken_as_people_paste_it(base: str, taken: str) -> None:
    assert Signing.checked(token="", account="", base_url=base, proxies="0").base_url == taken


@pytest.mark.parametrize(
    "base", ["door.example.com", "ftp://x", "https://", "https://x:y", "https://x/?a=b", "https://u:p@x"]
)
def test_a_public_url_that_cannot_be_right_is_told(base: str) -> None:
    with pytest.raises(ConfigurationError, match="PUBLIC_BASE_URL"):
        Signing.checked(token="", account="", base_url=base, proxies="0")


def test_a_number_of_proxies_that_is_none_is_told() -> None:
    with pytest.raises(ConfigurationError, match="TRUST_PROXY"):
        Signing.checked(token="", account="", base_url="", proxies="yes")


# ------------------------------------------------------------------------------------- whatever is posted, no 500


def test_whatever_is_posted_there_is_no_server_error(webhook: Webhook) -> None:
    many = urlencode([(f"Field{number}", "x") for number in range(4000)]).encode()
    multipart = "multipart/form-data; boundary=x"
    for body, content_type in [
        (b"", FORM),
        (b"%", FORM),
        (b"Body=%ff%fe&From=%00", FORM),
        (b"=&=&=&&&", FORM),
        (b"Body=1&Body=2&MessageSid=1&MessageSid=2", FORM),
        (b"\xff\xfe\x00" * 500, FORM + "; charset=utf-16"),
        (b"Body=x", FORM + "; charset=no-such-charset"),
        (many, FORM),
        (b'{"Body": "unlock"}', "application/json"),
        (b"--x\r\nContent-Disposition: form-data; name=Body\r\n\r\nunlock", multipart),
        (b"--x\r\nbroken", multipart),
        (b"--x--", "multipart/form-data"),
        (b"x", ""),
        (b"x", "\x7f/;;==,"),
    ]:
        reply = webhook.send(body, {"Content-Type": content_type, "X-Twilio-Signature": "x"})
        assert reply.status in {400, 403, 413}, (body[:40], content_type)
        empty = webhook.send(
            body, {"Content-Type": content_type} | signed({}, url=URL, token=TOKEN) | {"Content-Type": content_type}
        )
        assert empty.status < 500
    assert webhook.moved == []
    assert webhook.says("lock") == "Done: the front door is locked."


@pytest.mark.parametrize(
    "text", ["\x00", "\x01\x02 unlock", "]]>", "<Response>", "&amp;", "\ufffe", "x" * 20_000, "🚪" * 3000, "\r\n" * 500]
)
def test_whatever_is_said_the_answer_is_valid(webhook: Webhook, text: str) -> None:
    assert webhook.says(text)
    assert webhook.moved == []


def test_whatever_comes_back_from_the_house_the_answer_is_valid(webhook: Webhook) -> None:
    webhook.devices.ends = lambda device, action: Answer(
        Ending.DONE, f"\x00\ud800{device}<&" + "x" * 3000, action, State.ON
    )
    text = webhook.says("turn on the ac")
    assert text is not None
    assert len(text) == 1500


def test_a_huge_body_is_refused_unread(webhook: Webhook) -> None:
    assert webhook.send(b"Body=" + b"x" * 200_000, {"Content-Type": FORM}).status == 413


def test_other_methods_and_paths_show_nothing(webhook: Webhook) -> None:
    assert webhook.send(b"", {}, "/whatsapp", "GET").status == 405
    for path in ("/", "/static/x", "/whatsapp/", "/../etc/passwd", "/%00", "/healthz/x"):
        assert webhook.send(b"", {}, path, "GET").status == 404


def test_healthz_tells_whether_but_not_what(start: Start) -> None:
    troubles: list[str] = []
    webhook = start(troubles=lambda: troubles)
    assert webhook.send(b"", {}, "/healthz", "GET").status == 200
    troubles.append("the broker at 10.0.0.7 is away")
    reply = webhook.send(b"", {}, "/healthz", "GET")
    assert reply.status == 503
    assert b"10.0.0.7" not in reply.body


# -------------------------------------------------------------------------------------------------- many, and late


def test_too_many_messages_of_one_sender_are_told_once_and_do_nothing(start: Start) -> None:
    webhook = start(limit=RateLimit(burst=3, every=1000.0))
    texts = [webhook.says("lock") for _ in range(6)]
    assert texts == ["Done: the front door is locked."] * 3 + [replies.TOO_MUCH, None, None]
    assert webhook.says("lock", "+4915112345678") == "Done: the front door is locked."
    assert len(webhook.moved) == 4


def test_a_rate_limit_lets_through_one_more_as_time_passes() -> None:
    clock = [0.0]
    limit = RateLimit(burst=2, every=5.0, clock=lambda: clock[0])
    assert [limit.allows("a") for _ in range(3)] == [True, True, False]
    clock[0] = 5.0
    assert [limit.allows("a") for _ in range(2)] == [True, False]
    clock[0] = 100.0
    assert [limit.allows("a") for _ in range(3)] == [True, True, False]
    assert limit.allows("b")


def test_of_more_than_can_be_asked_at_once_the_rest_is_told_so_and_never_asked(start: Start) -> None:
    silent = Devices()
    silent.silent = threading.Event()
    webhook = start(devices=silent, asking={"seconds": 0.5, "threads": 1})
    try:
        first, *others = str(webhook.says("status")).splitlines()
        assert first == "The front door: unknown, for no answer came."
        assert len(others) == 2
        assert all(Cause.BUSY.sentence in line for line in others)
    finally:
        silent.silent.set()
    assert webhook.moved == [("front-door", "status")]


def test_what_is_known_later_follows_as_a_second_message(start: Start) -> None:
    webhook = start()
    webhook.devices.ends = lambda device, action: Answer(
        Ending.NO_ANSWER, device, action, happened=Happened.MAYBE, until=27.0
    )
    assert "I write again when the answer comes" in str(webhook.says("unlock"))
    assert webhook.devices.on_late is not None
    webhook.devices.on_late(Answer(Ending.DONE, "front-door", "unlock", State.UNLOCKED))
    assert webhook.sent == [
        (
            f"whatsapp:{JOHN}",
            "whatsapp:+14155238886",
            "Later news of “unlock front door”: Done: the front door is unlocked.",
        )
    ]


def test_without_credentials_no_second_message_is_promised(start: Start) -> None:
    webhook = start(sends=False)
    webhook.devices.ends = lambda device, action: Answer(Ending.NO_ANSWER, device, action, until=5.0)
    assert "write again" not in str(webhook.says("unlock"))
    assert webhook.devices.on_late is not None
    webhook.devices.on_late(Answer(Ending.DONE, "front-door", "unlock", State.UNLOCKED))


def test_a_slow_client_keeps_nobody_waiting(webhook: Webhook) -> None:
    slow = [socket.create_connection(("127.0.0.1", webhook.server.port)) for _ in range(150)]
    try:
        for one in slow:
            one.sendall(b"POST /whatsapp HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nBody=")
        assert webhook.says("lock") == "Done: the front door is locked."
    finally:
        for one in slow:
            one.close()


def test_a_late_message_goes_to_twilios_rest_api_and_a_failure_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    class Api(HttpClient):  # type: ignore[misc]  # it has no types
        def __init__(self, status: int, body: str) -> None:
            self.answer, self.asked = Response(status, body), list[dict[str, Any]]()

        def request(self, method: str, url: str, *_: Any, data: Any = None, **__: Any) -> Response:
            self.asked.append({"method": method, "url": url, "data": data})
            return self.answer

    good = Api(201, '{"sid": "SM1"}')
    late.sender(account="AC1", token="t", http=good)("whatsapp:+1", "whatsapp:+2", "text")
    assert good.asked[0]["url"] == "https://api.twilio.com/2010-04-01/Accounts/AC1/Messages.json"
    assert good.asked[0]["data"] == {"To": "whatsapp:+1", "From": "whatsapp:+2", "Body": "text"}
    assert "could not be sent" not in caplog.text
    late.sender(account="AC1", token="t", http=Api(400, '{"code": 63016, "message": "outside"}'))("a", "b", "c")
    assert "could not be sent" in caplog.text


def test_the_start_tells_the_url_to_paste_or_what_is_missing(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    tell_where(Signing(TOKEN, "", PUBLIC), host="127.0.0.1", port=5000)
    assert "https://door.example.com/whatsapp" in caplog.text
    assert TOKEN not in caplog.text
    caplog.clear()
    tell_where(Signing(), host="127.0.0.1", port=5000)
    assert "TWILIO_AUTH_TOKEN is not set" in caplog.text
    assert "PUBLIC_BASE_URL is not set" in caplog.text


def test_a_port_that_is_taken_is_told_with_its_cure(webhook: Webhook) -> None:
    with pytest.raises(ConfigurationError, match="WEBHOOK_PORT"):
        listen("127.0.0.1", webhook.server.port)
