"""The answer to Twilio: TwiML that is valid whatever it holds."""

import re
from functools import lru_cache
from typing import Final

from twilio.twiml.messaging_response import MessagingResponse

LONGEST: Final = 1500
"""Characters; WhatsApp takes 1600 in one message, and Twilio drops a longer one (error 21617)."""

CONTENT_TYPE: Final = "text/xml; charset=utf-8"

_NOT_XML: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
"""Characters that XML 1.0 does not allow (section 2.2), lone surrogates among them."""


@lru_cache(maxsize=256)  # a house says the same few things, and making it takes as long as asking the door
def reply(text: str) -> str:
    """TwiML that sends the text back; none at all if there is no text (an empty message is an error, 14103)."""
    response = MessagingResponse()
    text = fitting(text)
    if text:
        response.message(text)
    return str(response)


def fitting(text: str) -> str:
    """The text without what a message cannot hold, and cut where it is too long."""
    text = _NOT_XML.sub("", text).strip()
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
