"""How many posts X has billed today (by UTC, as X counts), kept on the disk.

X bills a post once per UTC day however often it is returned, so ids are kept, not a count. Posts that come
along in ``includes`` are counted too: whether X bills them is not documented, and a budget has to err on the
high side.
"""

from collections.abc import Mapping
from datetime import UTC, datetime

from latchwire_twitter_listener.posts import is_id
from latchwire_twitter_listener.store import Store


class Billing:
    """Counts posts by UTC day."""

    def __init__(self, *, store: Store) -> None:
        self._store = store

    def count(self, message: Mapping[str, object], *, now: float) -> None:
        """Counts the post of this message and those that came along with it."""
        includes = message.get("includes")
        included = includes.get("tweets") if isinstance(includes, dict) else None
        posts = [message.get("data"), *(included if isinstance(included, list) else ())]
        day = _day(now)
        for post in posts:
            if isinstance(post, dict) and is_id(post.get("id")):
                self._store.change("INSERT OR IGNORE INTO billed VALUES (?, ?)", day, post["id"])
        self._store.change("DELETE FROM billed WHERE day <> ?", day)

    def today(self, *, now: float) -> int:
        """Posts billed since midnight UTC, as far as this service asked for them."""
        rows = self._store.rows("SELECT count(*) FROM billed WHERE day = ?", _day(now))
        return int(str(rows[0][0]))


def seconds_to_midnight(now: float) -> float:
    """Seconds until X starts a new day (UTC)."""
    return 86400 - now % 86400


def _day(now: float) -> str:
    return datetime.fromtimestamp(now, UTC).date().isoformat()
