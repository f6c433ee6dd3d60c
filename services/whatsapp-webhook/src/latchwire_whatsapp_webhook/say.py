"""Says something to the running webhook as Twilio would: ``python -m latchwire_whatsapp_webhook.say unlock the door``.

For trying it without an account at Twilio. It signs with ``TWILIO_AUTH_TOKEN`` of ``state/.env``, so it can do no more
than whoever can read that file. The reply is printed as it would stand in the chat.
"""

import argparse
import os
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import urlencode
from xml.etree import ElementTree as ET

from twilio.request_validator import SIGNATURE_HEADER, RequestValidator

from latchwire.errors import ConfigurationError, LatchwireError
from latchwire.kit import state
from latchwire.kit.variables import port, secret, value
from latchwire_whatsapp_webhook.app import PATH, Signing

EXAMPLE_ACCOUNT: Final = "AC00000000000000000000000000000001"
_SECONDS: Final = 16.0


def form(text: str, *, sender: str, account: str = "", sid: str = "") -> dict[str, str]:
    """The fields of a plain message, as Twilio posts them.

    Args:
        text: what is said.
        sender: ``+15555550100`` or a business-scoped id.
        account: the AccountSid; an invented one if left out.
        sid: the MessageSid; a random one if left out.
    """
    sid = sid or f"SM{os.urandom(16).hex()}"
    fields = {
        "AccountSid": account or EXAMPLE_ACCOUNT,
        "ApiVersion": "2010-04-01",
        "Body": text,
        "From": f"whatsapp:{sender}",
        "MessageSid": sid,
        "MessageType": "text",
        "NumMedia": "0",
        "NumSegments": "1",
        "ProfileName": "John",
        "SmsMessageSid": sid,
        "SmsSid": sid,
        "SmsStatus": "received",
        "To": "whatsapp:+14155238886",
    }
    return fields | ({"WaId": sender[1:]} if sender.startswith("+") else {"ExternalUserId": f"whatsapp:{sender}"})


def signed(fields: Mapping[str, str], *, url: str, token: str) -> dict[str, str]:
    """The headers of a request with these fields, signed by Twilio's own code for that URL."""
    return {
        SIGNATURE_HEADER: RequestValidator(token).compute_signature(url, fields),
        "Content-Type": "application/x-www-form-urlencoded; charset=utf-8",
    }


def words_of(reply: str) -> str:
    """What stands in the chat for this TwiML; "" for nothing."""
    return "\n".join(message.text or "" for message in ET.fromstring(reply).iter("Message"))  # noqa: S314 - our own


def main(arguments: Sequence[str] | None = None) -> int:
    """The program; 0 if there was a reply."""
    parser = argparse.ArgumentParser(prog="say", description="Says something to the running webhook, as Twilio would.")
    parser.add_argument("words", nargs="+", help="for example: unlock the front door")
    parser.add_argument("--as", dest="sender", help="number of the person; else the first one of config.json")
    options = parser.parse_args(arguments)
    try:
        reply = _say(" ".join(options.words), options.sender)
    except LatchwireError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"{reply or '(no reply: to a stranger nothing is said; the log tells why)'}\n")
    return 0 if reply else 1


def _say(text: str, sender: str | None) -> str:
    variables = state.variables()
    token = secret(variables, "TWILIO_AUTH_TOKEN")
    if not token:
        raise ConfigurationError("TWILIO_AUTH_TOKEN is not set in state/.env; without it the webhook obeys nobody")
    account = value(variables, "TWILIO_ACCOUNT_SID")
    base = value(variables, "PUBLIC_BASE_URL")
    local = f"http://127.0.0.1:{port(variables, 'WEBHOOK_PORT')}"
    url = (Signing.checked(token="", account="", base_url=base, proxies="0").base_url or local) + PATH
    fields = form(text, sender=sender or _somebody(), account=account)
    request = urllib.request.Request(  # noqa: S310 - our own address
        local + PATH, urlencode(fields).encode(), signed(fields, url=url, token=token)
    )
    try:
        with urllib.request.urlopen(request, timeout=_SECONDS) as response:  # noqa: S310
            return words_of(response.read().decode())
    except urllib.error.HTTPError as error:
        with error:
            raise LatchwireError(
                f"{local} answered {error.code}: {error.read().decode(errors='replace').strip()}"
            ) from None
    except OSError as error:
        raise LatchwireError(f"The webhook does not answer at {local} ({error}); start it with: make run") from None


def _somebody() -> str:
    for person in state.config().people.values():
        if person.whatsapp:
            return person.whatsapp[0]
    raise ConfigurationError('config.json: nobody in `people` has a "whatsapp" number; give one with --as +1555…')


if __name__ == "__main__":
    sys.exit(main())
