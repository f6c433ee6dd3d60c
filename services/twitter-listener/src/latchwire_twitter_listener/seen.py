"""Each post acts once: edits, duplicates and a restart included.

A post is claimed by the id of its first version before anything is published, and the claim is on the disk by
then: after a crash in between it is lost rather than done twice (its author sees no outcome and says it
again).

Claims are kept for :data:`KEEP_SECONDS`. That is enough: a post older than the freshness limit is not obeyed,
and X lets an author edit a post for an hour only, so no version of an older post can be fresh.
"""

import threading
from typing import Final

from latchwire_twitter_listener.store import Store

KEEP_SECONDS: Final = 7 * 24 * 3600.0


class Seen:
    """Which posts were acted on."""

    def __init__(self, *, store: Store) -> None:
        self._store = store

    def claim(self, origin_id: str, *, now: float) -> bool:
        """Whether this is the first time; it is remembered on the disk when this returns.

        Args:
            origin_id: the id of the post's first version.
            now: seconds since 1970.
        """
        self._store.change("DELETE FROM seen WHERE at < ?", now - KEEP_SECONDS)
        return self._store.change("INSERT OR IGNORE INTO seen VALUES (?, ?)", origin_id, now) == 1


class Latest:
    """The newest post that was obeyed, by device.

    X does not promise an order, and what is asked for after an interruption comes late. Somebody's ``#unlock``
    that comes after the ``#lock`` that was said later must not have the last word.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ids: dict[str, int] = {}

    def is_newest(self, device: str, post_id: str) -> bool:
        """Whether nothing newer was obeyed; ids of X grow with time."""
        with self._lock:
            newest = int(post_id) >= self._ids.get(device, 0)
            if newest:
                self._ids[device] = int(post_id)
            return newest
