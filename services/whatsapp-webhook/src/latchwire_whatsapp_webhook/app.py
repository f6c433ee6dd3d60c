"""The HTTP side: ``POST /whatsapp``, signed by Twilio, and ``GET /healthz``.

What is not signed for exactly our URL gets 403 and does nothing. What is, gets TwiML, whatever happens: Twilio shows a
4xx or 5xx to nobody who stands at the door. The one place that catches unforeseen faults is here, at the outer edge.
"""

import logging
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from flask import Flask, Response, request
from twilio.request_validator import (
    SIGNATURE_HEADER,
    SIGNATURE_SETTINGS_HEADER,
    RequestValidator,
    get_signature_algorithm,
)
from werkzeug.exceptions import HTTPException
from werkzeug.middleware.proxy_fix import ProxyFix

from latchwire.errors import ConfigurationError
from latchwire.log import event
from latchwire_whatsapp_webhook import incoming, replies, twiml
from latchwire_whatsapp_webhook.conversation import Conversation
from latchwire_whatsapp_webhook.limits import RateLimit

PATH: Final = "/whatsapp"
LARGEST: Final = 65_536
"""Bytes of a request; Twilio's are of two or three thousand."""

_log: Final = logging.getLogger("latchwire.whatsapp")


class Signing(NamedTuple):
    """How requests are known to be Twilio's.

    Attributes:
        token: the auth token that Twilio signs with; "" if none is set, and then nothing is obeyed.
        account: the AccountSid that messages must be of; "" for any that signs with this token.
        base_url: where Twilio reaches us, ``https://door.example.com``; "" to take it from the request.
        proxies: how many proxies in front are trusted for the protocol and the host; used without ``base_url``.
    """

    token: str = ""
    account: str = ""
    base_url: str = ""
    proxies: int = 0

    @classmethod
    def checked(cls, *, token: str, account: str, base_url: str, proxies: str) -> "Signing":
        """From settings as written.

        Raises:
            ConfigurationError: one of them cannot be right.
        """
        base = base_url.strip().rstrip("/").removesuffix(PATH)
        problems = []
        if base and not _is_base(base):
            problems.append(f"PUBLIC_BASE_URL: {base!r} is no address like https://door.example.com")
        if not (proxies.isascii() and proxies.isdecimal() and len(proxies) == 1):
            problems.append(f"TRUST_PROXY: {proxies!r} is not 0 to 9, the number of proxies in front that are yours")
        if problems:
            raise ConfigurationError(problems)
        return cls(token, account, base, int(proxies))


def create_app(*, conversation: Conversation, signing: Signing, troubles: Callable[[], Sequence[str]] = tuple) -> Flask:
    """The Flask application.

    Args:
        conversation: what hears messages.
        signing: how Twilio is known.
        troubles: for ``/healthz``: what keeps the service from working; nothing if all is well.
    """
    app = Flask(__name__, static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = LARGEST
    door = _Door(conversation, signing)
    app.add_url_rule(PATH, view_func=door.post, methods=["POST"], endpoint="whatsapp")

    @app.get("/healthz")
    def healthz() -> tuple[dict[str, str], int]:
        """For a health check; what is wrong stands in the log, for anybody may read this page."""
        return ({"health": "trouble"}, 503) if troubles() else ({"health": "ok"}, 200)

    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(Exception, _fault)
    if signing.proxies and not signing.base_url:
        app.wsgi_app = ProxyFix(  # type: ignore[method-assign]  # the documented way to add a middleware
            app.wsgi_app, x_for=0, x_proto=signing.proxies, x_host=signing.proxies
        )
    return app


class _Door:
    """The view of ``POST /whatsapp``."""

    def __init__(self, conversation: Conversation, signing: Signing) -> None:
        self._conversation = conversation
        self._signing = signing
        self._validator = RequestValidator(signing.token) if signing.token else None
        self._once = RateLimit(burst=1, every=float("inf"))
        self._seldom = RateLimit(burst=1, every=60.0)

    def post(self) -> Response:
        """Hears one message."""
        form = request.form.to_dict(flat=False)
        if not self._is_of_twilio():
            return _forbidden()
        if self._signing.account and form.get("AccountSid") != [self._signing.account]:
            self._tell("A well signed request is of another account than TWILIO_ACCOUNT_SID; it was refused.")
            return _forbidden()
        try:
            message = incoming.read(form)
        except incoming.NotAMessageError as error:
            self._tell(f"A well signed request was left alone: {error}.")
            return _twiml(replies.NOTHING)
        return _twiml(self._conversation.hear(message))

    def _is_of_twilio(self) -> bool:
        if self._validator is None:
            if self._once.allows("token"):
                event(_log, logging.ERROR, "TWILIO_AUTH_TOKEN is not set, so every request is refused: set it in "
                      "state/.env (docs/whatsapp.md). This is said once.")  # fmt: skip
            return False
        signature = request.headers.get(SIGNATURE_HEADER, "")
        algorithm = get_signature_algorithm(request.headers.get(SIGNATURE_SETTINGS_HEADER, ""))
        url = (self._signing.base_url or request.host_url.rstrip("/")) + PATH
        try:
            if signature and self._validator.validate(url, request.form, signature, algorithm):
                return True
        except ValueError:  # a Host header that no URL can have
            url = "(no URL)"
        self._tell(
            "A request without signature was refused." if not signature else
            f"A request was refused: it is not signed by Twilio for {url} with TWILIO_AUTH_TOKEN. If it was Twilio, "
            "compare PUBLIC_BASE_URL and the token with Twilio's console, to the letter."
        )  # fmt: skip
        return False

    def _tell(self, sentence: str) -> None:
        """At most once a minute each, so that nobody fills the log from outside."""
        if self._seldom.allows(sentence[:40]):
            event(_log, logging.WARNING, sentence)


def _is_base(text: str) -> bool:
    try:
        url = urlsplit(text)
        return (
            url.scheme in {"http", "https"} and bool(url.hostname) and (url.port or 1) > 0
            and not url.query and not url.fragment and url.username is None and text.isascii() and text.isprintable()
        )  # fmt: skip
    except ValueError:
        return False


def _twiml(text: str) -> Response:
    return Response(twiml.reply(text), content_type=twiml.CONTENT_TYPE)


def _forbidden() -> Response:
    return Response("Not signed by Twilio for this address.\n", 403, content_type="text/plain; charset=utf-8")


def _http_error(error: HTTPException) -> Response:
    return Response(f"{error.name}\n", error.code or 400, content_type="text/plain; charset=utf-8")


def _fault(error: Exception) -> Response:
    """A fault of ours: the person is told that it may have happened; no trace of it leaves the house."""
    _log.error("A fault of the webhook, please report it.", exc_info=error)
    return _twiml(replies.OWN_FAULT)
