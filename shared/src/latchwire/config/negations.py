"""Words that say no. A text with one of them asks for nothing, and nothing in config.json may hide one.

They stand here for two: who hears a text, and who checks that no name and no added word says no.
"""

import re
import unicodedata
from typing import Final

NEGATIONS: Final = frozenset(
    (
        "not", "no", "nope", "never", "neither", "nor", "none", "nothing", "nobody", "without", "except",
        "unless", "cancel", "stop", "undo", "wait", "abort",
        "dont", "doesnt", "didnt", "cant", "cannot", "couldnt", "wont", "wouldnt", "shouldnt", "mustnt",
        "isnt", "arent", "aint",
        "nicht", "nein", "nie", "niemals", "kein", "keine", "pas", "jamais", "non", "nunca", "jamás", "não",
        "nao", "niet", "ikke", "inte", "nej", "не", "нет", "никогда", "لا", "不", "别", "नहीं", "मत",
    )
)  # fmt: skip
"""As texts are compared: small letters, NFKC, straight apostrophes. All words that end in ``n't`` say no as well."""

_BETWEEN: Final = re.compile(r"[\s!-&(-/:-@\[-`{-~]+")
_APOSTROPHES: Final = dict.fromkeys(map(ord, "’‘ʼ＇`´"), "'")  # noqa: RUF001  # what telephones write for one


def no_in(text: str) -> str:
    """The word of the text that says no, as it is compared; "" if there is none."""
    plain = unicodedata.normalize("NFKC", text.translate(_APOSTROPHES)).casefold()
    words = (word.strip("'") for word in _BETWEEN.split(plain))
    return next((word for word in words if word in NEGATIONS or word.endswith("n't")), "")
