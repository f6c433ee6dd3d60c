"""How the listener is, for the status topic, ``latchwire status`` and the log.

One trouble is told once, in words that say what to do, and not again until something else happens: a service
that waits for new credits all night writes one line about it.
"""

import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Literal

from latchwire_twitter_listener.backoff import CURE, Trouble

log = logging.getLogger("latchwire.twitter")

Health = Literal["idle", "starting", "connected", "waiting", "dead"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """How the listener is at one moment. Times are seconds since 1970, or ``None``.

    Attributes:
        source: ``stream`` or ``poll``.
        health: ``idle`` (there is nothing to do until somebody sets something), ``starting``, ``connected``,
            ``waiting`` (until ``next_try``), ``dead`` (an unforeseen fault; the watchdog ends the process).
        message: what to do, in words; "" when all is well.
        connected_since: since when posts are heard.
        last_post: when the last post was heard (of anybody who matched).
        last_error: the last thing that went wrong, in words; stays when it is over.
        last_error_at: when that was.
        next_try: when X is asked again.
        billed_today: posts billed since midnight UTC.
        protected: user names whose posts X hides and that will never be heard.
    """

    source: str
    health: Health = "starting"
    message: str = ""
    connected_since: float | None = None
    last_post: float | None = None
    last_error: str = ""
    last_error_at: float | None = None
    next_try: float | None = None
    billed_today: int = 0
    protected: tuple[str, ...] = ()

    def sentences(self) -> Iterator[str]:
        """For ``latchwire status``: what a person wants to know, a sentence each. Times are UTC."""
        if self.connected_since is not None:
            yield f"Listening to X by {self.source} since {_rfc3339(self.connected_since)}."
        if self.last_post is not None:
            yield f"The last post was heard at {_rfc3339(self.last_post)}."
        if self.next_try is not None:
            yield f"X is asked again at {_rfc3339(self.next_try)}."
        if self.last_error and self.last_error_at is not None:
            yield f"The last trouble was at {_rfc3339(self.last_error_at)}: {self.last_error}"
        if self.billed_today:
            yield f"Posts billed today: {self.billed_today}."
        for username in self.protected:
            yield f"@{username} is a protected account on X and will never be heard."

    def as_json(self) -> Mapping[str, object]:
        """For the status topic: camelCase names, times in RFC 3339, what is empty left out."""
        values: dict[str, object] = {}
        for name, value in asdict(self).items():
            if value in (None, "", ()):
                continue
            head, *rest = name.split("_")
            written = _rfc3339(value) if isinstance(value, float) else value
            values[head + "".join(word.title() for word in rest)] = written
        return values


class Status:
    """The present snapshot; safe to use from several threads.

    Args:
        source: ``stream`` or ``poll``.
        on_change: called with each new snapshot, in the thread that caused it; has to return at once.
    """

    def __init__(self, *, source: str, on_change: Callable[[Snapshot], None] = lambda _: None) -> None:
        self._lock = threading.Lock()
        self._snapshot = Snapshot(source=source)
        self._told: Trouble | None = None
        self._on_change = on_change

    @property
    def snapshot(self) -> Snapshot:
        """How it is now."""
        return self._snapshot

    def idle(self, message: str) -> None:
        """There is nothing to do until somebody sets something."""
        if self._snapshot.message != message:
            log.warning("%s", message)
        self._set(health="idle", message=message, connected_since=None, next_try=None)

    def dead(self, *, now: float) -> None:
        """Something that nobody foresaw ended listening."""
        said = "The Twitter listener has a fault of its own and hears nothing any more; it ends, to be started anew."
        log.error("%s", said)
        self._set(health="dead", message=said, connected_since=None, next_try=None, last_error=said, last_error_at=now)

    def connected(self, *, now: float) -> None:
        """Posts are heard from now on."""
        if self._snapshot.connected_since is None:
            log.info("Listening to X. source=%s", self._snapshot.source)
            self._told = None
            self._set(health="connected", message="", connected_since=now, next_try=None)

    def post(self, *, now: float, billed_today: int) -> None:
        """A post was heard."""
        self._set(last_post=now, billed_today=billed_today)

    def protected(self, usernames: tuple[str, ...]) -> None:
        """Tells whose posts will never be heard."""
        for username in usernames:
            if username not in self._snapshot.protected:
                log.warning("@%s is a protected account: X never sends its posts to this listener.", username)
        self._set(protected=usernames)

    def trouble(self, trouble: Trouble, detail: str, *, now: float, wait: float) -> None:
        """Something went wrong; X is asked again in ``wait`` seconds."""
        said = f"{trouble.value[0].upper()}{trouble.value[1:]}{f' ({detail})' if detail else ''}."
        cure = CURE.get(trouble, "")
        if self._told is not trouble:
            self._told = trouble
            log.warning("%s Trying again in %.0f seconds. %s", said, wait, cure)
        else:
            log.debug("%s Trying again in %.0f seconds.", said, wait)
        self._set(
            health="waiting",
            message=cure or said,
            connected_since=None,
            last_error=said,
            last_error_at=now,
            next_try=now + wait,
        )

    def note(self, said: str, *, now: float) -> None:
        """Something went wrong that does not end listening."""
        if self._snapshot.last_error != said:
            log.warning("%s", said)
        self._set(last_error=said, last_error_at=now)

    def _set(self, **changes: object) -> None:
        with self._lock:
            before = self._snapshot
            self._snapshot = replace(before, **changes)  # type: ignore[arg-type]  # each name is one of Snapshot's
            after = self._snapshot
        if after != before:
            self._on_change(after)


def _rfc3339(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
