"""How what people write is compared, so that every ingress understands the same by it.

``spoken``       names of devices and words of a language
``hashtag``      a hashtag, in a post and in config.json
``no_in``        whether a text says no, and then asks for nothing; ``NEGATIONS`` are those words
``whatsapp_id``  a sender at WhatsApp, as config.json has it and as Twilio posts it
"""

from typing import Final

from latchwire.config import negations
from latchwire.config.identity import whatsapp_id
from latchwire.config.negations import no_in
from latchwire.config.wording import hashtag, spoken

__all__ = ["NEGATIONS", "hashtag", "no_in", "spoken", "whatsapp_id"]

NEGATIONS: Final = negations.NEGATIONS
"""The words that say no, in many languages, as texts are compared; all that end in ``n't`` say no as well."""
