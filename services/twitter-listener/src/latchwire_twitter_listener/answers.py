"""Tells the author how it went: as a reply, as a direct message, or (by default) not at all.

It costs, and a reply is public: everybody who can read the post then knows whether the door is open. It takes
the user's own credentials. A failure here is told in the log and changes nothing about the command.
"""

import logging
from datetime import UTC, datetime
from typing import Literal, Protocol

from latchwire.log import event
from latchwire_twitter_listener.obeying import Command
from latchwire_twitter_listener.results import ApiError

log = logging.getLogger("latchwire.twitter")

How = Literal["off", "reply", "message"]
_MOST_CHARACTERS = 270


class AnswersApi(Protocol):
    """What is needed of X. Both raise ApiError."""

    def reply(self, *, post_id: str, text: str) -> None:
        """Posts an answer to that post."""

    def direct_message(self, *, user_id: str, text: str) -> None:
        """Sends that user a direct message."""


def answer_text(sentence: str, *, now: float) -> str:
    """What is posted: the time makes it unlike the last one (X refuses doubles), and no hashtag is in it."""
    plain = sentence.replace("#", "").replace("\uff03", "").replace("@", "")[:_MOST_CHARACTERS]
    return f"{plain} ({datetime.fromtimestamp(now, UTC):%H:%M:%S} UTC)"


def answer(api: AnswersApi, how: How, command: Command, sentence: str, *, now: float) -> None:
    """Tells the author of the post that made this command.

    Args:
        api: X.
        how: ``off``, ``reply`` or ``message``.
        command: what was done.
        sentence: the outcome in words.
        now: seconds since 1970.
    """
    if how == "off":
        return
    text = answer_text(sentence, now=now)
    try:
        if how == "reply":
            api.reply(post_id=command.post.post_id, text=text)
        else:
            api.direct_message(user_id=command.post.author_id, text=text)
    except ApiError as fault:
        event(
            log,
            logging.WARNING,
            "The outcome could not be told on X.",
            device=command.device,
            who=command.person,
            command=command.jti,
            cause=fault,
        )
