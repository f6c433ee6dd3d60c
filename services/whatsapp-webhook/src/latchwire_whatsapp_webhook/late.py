"""Sends what became known after the reply, by Twilio's REST API; only where credentials for it are there.

The person wrote moments ago, so WhatsApp's window of 24 hours is open. ``twilio.rest`` is imported at the first use: it
costs a quarter of a second and 19 MB, and most houses never need it.
"""

import logging
from typing import TYPE_CHECKING, Final

from latchwire.log import event
from latchwire_whatsapp_webhook.seams import Send
from latchwire_whatsapp_webhook.twiml import fitting

if TYPE_CHECKING:
    from twilio.http import HttpClient

_log: Final = logging.getLogger("latchwire.whatsapp")

_SECONDS: Final = 10.0


def sender(*, account: str, token: str, http: "HttpClient | None" = None) -> Send:
    """A function that sends one message and tells the log if it could not.

    Args:
        account: the AccountSid.
        token: its auth token.
        http: another client, for tests.
    """

    def send(recipient: str, ours: str, text: str) -> None:
        from requests import RequestException  # noqa: PLC0415 - late on purpose, see above
        from twilio.base.exceptions import TwilioException  # noqa: PLC0415
        from twilio.http.http_client import TwilioHttpClient  # noqa: PLC0415
        from twilio.rest import Client  # noqa: PLC0415

        client = Client(account, token, http_client=http or TwilioHttpClient(timeout=_SECONDS))
        try:
            client.messages.create(to=recipient, from_=ours, body=fitting(text))
        except (TwilioException, RequestException) as error:
            code = getattr(error, "code", None)
            event(_log, logging.ERROR, "A late answer could not be sent; look at the account at Twilio.",
                  who=recipient, cause=code or type(error).__name__)  # fmt: skip

    return send
