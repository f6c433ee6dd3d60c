"""How people are named by what heard them: the one normal form of phone numbers, ids and account names.

A stable identity is ``issuer:id``: ``whatsapp:+15555550100``, ``whatsapp:US.1349…``, ``twitter:12345``,
``manual:john``. What is compared anywhere is this form.
"""

import re
from typing import Final

_PHONE: Final = re.compile(r"\+[1-9][0-9]{6,14}\Z", re.ASCII)
"""E.164: a country code and at most 15 digits."""
_SCOPED: Final = re.compile(r"[A-Z]{2}\.(?:ENT\.)?[A-Za-z0-9]{1,128}\Z", re.ASCII)
"""WhatsApp's business-scoped user id: the country, a dot, letters and digits; ``ENT.`` in a parent's."""
_X_NAME: Final = re.compile(r"@?([A-Za-z0-9_]{1,15})\Z", re.ASCII)
_FICTITIOUS: Final = re.compile(r"\+1[0-9]{3}55501[0-9]{2}\Z", re.ASCII)
"""555-0100 to 555-0199 of each North American area code: kept free for fiction."""


def whatsapp_id(text: str) -> str | None:
    """The normal form of a WhatsApp sender, ``None`` if it is none.

    Takes what people write (``+1 (555) 555-0100``) and what Twilio posts (``whatsapp:+15555550100``).
    """
    text = text.strip().removeprefix("whatsapp:")
    if _SCOPED.match(text):
        return text
    number = re.sub(r"[ ().\u00a0-]", "", text)
    return number if _PHONE.match(number) else None


def x_name(text: str) -> str | None:
    """The name of an X account without ``@``, as written; ``None`` if no account can have it."""
    match = _X_NAME.match(text)
    return match[1] if match else None


def is_fictitious(phone: str) -> bool:
    """Whether nobody can have this number, because it is kept free for fiction."""
    return _FICTITIOUS.match(phone) is not None
