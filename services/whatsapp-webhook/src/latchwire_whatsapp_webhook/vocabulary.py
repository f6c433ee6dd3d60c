"""The words that are understood: data alone, to be read by eye. How they may stand is in ``words.py``.

All lists are closed. A word that is in none of them, and in no device's name, makes the message unclear. That
is why there is no list of times, of conditions, of "all" and "it", or of other languages' ways to say no:
none is known. Everything is written as ``spelling.tokens`` gives it: small letters, straight apostrophes.
"""

from typing import Final

from latchwire.kit import words

VERBS: Final = {
    "lock": "lock", "close": "lock", "shut": "lock",
    "unlock": "unlock", "open": "unlock",
    "toggle": "toggle",
    "on": "on", "off": "off",
}  # fmt: skip
"""What to do: the word → the action. Exactly one may stand in a command."""

ALSO_A_STATE: Final = frozenset(("open", "shut"))
"""Verbs that describe as well. "open the door" asks for something, "the door open" may tell of it: they count
as a verb only before the device. ("ac on" is how people work a switch; "door open!" is how they raise an
alarm.)"""

CARRIERS: Final = frozenset(("turn", "switch", "put", "power"))
"""Stand before ``on`` or ``off``, at once or around the device: "switch the light on"."""

DETERMINERS: Final = frozenset(("the", "my", "our"))
"""Stand right before a device's name and nowhere else: "unlock the" was not finished, "the lock" is no
order."""

PLEASE: Final = frozenset(("please", "pls", "plz"))

FILLERS: Final = PLEASE.union(
    ("now", "just", "ok", "okay", "hi", "hello", "hey", "thanks", "thx", "!"),
    "🙏👍👋🙂😀😃😄😁😊☺😎😍😘🥰😢😭😩😫😓😥😰🥵🥶🤒😴🌧☔☀❄⛄🔥💨🌙⭐✨❤💙💚💛🧡💜🖤🤍🏠🎉💪🙌👏🏃♀♂",
)  # fmt: skip
"""Mean nothing beside a command. Not here: emoji that doubt, joke, stop or name a thing (🤔 😜 🚫 💡)."""

ECHOES: Final = {"🔓": "unlock", "🔒": "lock"}
"""May stand beside the verb that says the same."""

ASKERS: Final = frozenset(("can", "could", "would", "will"))
ASKED: Final = frozenset(("you", "u"))
"""An asker and an asked open a polite request, if a "please" is with them; else it is a question."""

QUESTION_MARK: Final = "?"
QUESTION_WORDS: Final = frozenset(("is", "are"))
"""Open the one question that is answered: is … on, off, open, locked?"""
QUESTION_FILLERS: Final = FILLERS | DETERMINERS | frozenset(("still", "really", "currently", "or"))
PRONOUN: Final = "it"
"""Only in that question, where just one device can be meant."""

STATES: Final = {
    "on": "on", "off": "off",
    "locked": "lock", "closed": "lock", "shut": "lock",
    "unlocked": "unlock", "open": "unlock", "opened": "unlock",
}  # fmt: skip
"""What can be asked for: the word → an action of the devices that it suits."""

STATUS_WORDS: Final = frozenset(("", "status", "state", "status of", "state of"))
"""What may stand beside a device's name to ask for its state; nothing will do."""
STATUS_FILLERS: Final = FILLERS | DETERMINERS | frozenset((QUESTION_MARK,))

YES: Final = "yes"
YES_WORDS: Final = frozenset((YES, "y", "yep", "yeah", "confirm"))
"""Confirm, as a whole message apart from fillers. Not here: "ok" and 👍, which also mean "I have read it"."""

NEGATIONS: Final = words.NEGATIONS
"""End it wherever they stand, also inside a device's name or an added word. All words that end in ``n't`` do
too. The other languages' are here only so that no name can hide them: a word that is not known ends it
anyway."""

PHRASES: Final = {
    "list": (
        "list", "devices", "list devices", "list all devices", "show devices", "what devices are there",
        "what devices", "which devices", "what devices do you have", "which devices do you have",
    ),
    "status": (
        "status", "state", "status all", "all status", "status of everything", "status of all devices",
    ),
    "help": (
        "", "help", "help me", "info", "menu", "start", "commands", "what can you do", "what can i say",
        "how does this work", "good morning", "good evening", "thank you", "who are you",
    ),
}  # fmt: skip
"""Whole messages, apart from fillers and a question mark: what is asked for → the ways to say it."""

IGNORE: Final = "ignore"
"""What ``words`` of the configuration may say beside an action: this word means nothing ("bitte")."""
