"""The seam behind which posts come from: ``stream`` or ``poll``.

A source runs in a thread of its own, hands over what X sends without judging it, heals itself, and tells how
it is through :class:`~latchwire_twitter_listener.status.Status`. It ends at once when told to.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

Deliver = Callable[[Mapping[str, object]], None]
"""Takes a message as X sends it: ``{"data": <post>, "includes": {"tweets": […]}}``. It raises nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What to listen for.

    Attributes:
        usernames: present user names of the people.
        user_ids: their numeric ids.
        hashtags: the configured hashtags, without ``#``.
        retweets: whether any device obeys retweets.
    """

    usernames: tuple[str, ...] = ()
    user_ids: tuple[str, ...] = ()
    hashtags: tuple[str, ...] = ()
    retweets: bool = True

    @property
    def nothing(self) -> bool:
        """Whether there is nothing to listen for."""
        return not self.user_ids or not self.hashtags


class Source(Protocol):
    """Where posts come from."""

    def run(self, deliver: Deliver) -> None:
        """Delivers posts until :meth:`stop`; heals itself."""

    def want(self, wanted: Wanted) -> None:
        """What to listen for from now on."""

    def stop(self) -> None:
        """Ends :meth:`run` at once, also while it waits or reads."""
