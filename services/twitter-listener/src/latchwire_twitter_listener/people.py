"""Names on X → numeric ids: looked up once, kept on the disk, looked at again daily.

A name can change hands, an id cannot. So a name is looked up one single time; from then on the id is what
counts and the daily look asks by id: it notices a new name (the stream's rules need it) and a protected
account, and it never gives a person's rights to somebody who took their old name. A person may also be pinned
to an id in config.json. To give a name to another id on purpose, pin the new id.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from latchwire_twitter_listener.posts import is_id
from latchwire_twitter_listener.results import Account
from latchwire_twitter_listener.store import Store

AGAIN_SECONDS: Final = 86400.0
_USERNAME: Final = re.compile(r"[A-Za-z0-9_]{1,15}\Z", re.ASCII)
_AT_ONCE: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody in config.json who has an account on X.

    Attributes:
        name: their name in config.json.
        username: on X, with or without ``@``; may be empty where an id is pinned.
        user_id: the pinned numeric id, or "".
    """

    name: str
    username: str = ""
    user_id: str = ""

    def __post_init__(self) -> None:
        if self.user_id and not is_id(self.user_id):
            raise ValueError(f"people.{self.name}: {self.user_id!r} is no numeric id of X")
        if not self.user_id and not self.plain_username:
            raise ValueError(f"people.{self.name}: neither a user name on X nor a numeric id")

    @property
    def plain_username(self) -> str:
        """The user name without ``@``."""
        return self.username.strip().removeprefix("@")

    @property
    def key(self) -> str:
        """Under which the account is kept on the disk."""
        return f"id:{self.user_id}" if self.user_id else f"@{self.plain_username.casefold()}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Directory:
    """Who is who.

    Attributes:
        people: numeric id → the person's name in config.json.
        usernames: what ``from:`` of a rule takes: present user names, or an id where the name is not known.
        protected: user names whose posts X hides.
        problems: sentences about people who will not be heard.
    """

    people: dict[str, str]
    usernames: tuple[str, ...]
    protected: tuple[str, ...]
    problems: tuple[str, ...]


class Lookup(Protocol):
    """Asks X about accounts, by names or by ids; those not found are left out. Raises ApiError."""

    def __call__(self, *, usernames: Sequence[str] = (), ids: Sequence[str] = ()) -> list[Account]:
        """Looks up at most 100 of one of them."""


@dataclass(slots=True)
class _Known:
    account: Account
    looked_at: float


class People:
    """Resolves people.

    Args:
        store: where ids are kept.
        lookup: asks X.
        tell: takes a sentence for the log about a name that changed, as ``logging`` does.
    """

    def __init__(self, *, store: Store, lookup: Lookup, tell: Callable[[str, str, str, str], None]) -> None:
        self._store = store
        self._lookup = lookup
        self._tell = tell
        self._not_found: dict[str, float] = {}

    def look(self, people: Sequence[Person], *, now: float) -> None:
        """Asks X about whoever is new or was last looked at a day ago; keeps what it says.

        Raises:
            ApiError: X could not be asked; what was known stays in force (see :meth:`directory`).
        """
        known = self._known()
        waiting = {key for key, at in self._not_found.items() if not _is_due(at, now)}
        due = [p for p in people if p.key not in waiting and _is_due(_looked_at(known, p.key), now)]
        ids = {p.key: known[p.key].account.id if p.key in known else p.user_id for p in due}
        by_id = {key: user_id for key, user_id in ids.items() if user_id}
        by_name = {p.key: p.plain_username for p in due if not ids[p.key] and _USERNAME.match(p.plain_username)}
        for some in _chunks(list(by_id.items())):
            found = {account.id: account for account in self._lookup(ids=[user_id for _, user_id in some])}
            for key, user_id in some:
                self._keep(key, found.get(user_id), known.get(key), now)
        for some in _chunks(list(by_name.items())):
            names = {a.username.casefold(): a for a in self._lookup(usernames=[name for _, name in some])}
            for key, name in some:
                self._keep(key, names.get(name.casefold()), None, now)

    def directory(self, people: Sequence[Person]) -> Directory:
        """Who is who, as far as it is known now; asks nobody."""
        known = self._known()
        ids: dict[str, str] = {}
        usernames: list[str] = []
        protected: list[str] = []
        problems: list[str] = []
        for person in people:
            entry = known.get(person.key)
            user_id = entry.account.id if entry else person.user_id
            username = entry.account.username if entry else person.plain_username
            if not user_id:
                problems.append(_unknown(person, asked=person.key in self._not_found))
            elif user_id in ids:
                problems.append(f"people.{person.name}: is the same account on X as people.{ids[user_id]}")
            else:
                ids[user_id] = person.name
                usernames.append(username if _USERNAME.match(username) else user_id)
                if person.key in self._not_found:
                    problems.append(f"people.{person.name}: X has no account with the id {user_id} any more")
                if entry and entry.account.protected:
                    protected.append(username)
        return Directory(people=ids, usernames=tuple(usernames), protected=tuple(protected), problems=tuple(problems))

    def ids_by_name(self, people: Sequence[Person]) -> dict[str, str]:
        """The ids that are known of people who are given by name alone, by lower-case name."""
        known = self._known()
        return {p.plain_username.lower(): known[p.key].account.id for p in people if not p.user_id and p.key in known}

    def _keep(self, key: str, account: Account | None, before: _Known | None, now: float) -> None:
        if account is None:
            self._not_found[key] = now
            return
        self._not_found.pop(key, None)
        if before and before.account.username.casefold() != account.username.casefold():
            self._tell(
                "@%s is called @%s now; the id %s still counts.",
                before.account.username,
                account.username,
                account.id,
            )
        self._store.change(
            "INSERT OR REPLACE INTO accounts VALUES (?, ?, ?, ?, ?)",
            key, account.id, account.username, account.protected, now,
        )  # fmt: skip

    def _known(self) -> dict[str, _Known]:
        rows = self._store.rows("SELECT asked, id, username, protected, at FROM accounts")
        return {
            str(asked): _Known(Account(str(user_id), str(username), bool(protected)), float(str(at)))
            for asked, user_id, username, protected, at in rows
        }


def _is_due(looked_at: float, now: float) -> bool:
    """Whether that was a day ago, or is to come: then the clock was wrong."""
    return not 0 <= now - looked_at < AGAIN_SECONDS


def _looked_at(known: dict[str, _Known], key: str) -> float:
    return known[key].looked_at if key in known else 0.0


def _chunks(items: list[tuple[str, str]]) -> list[list[tuple[str, str]]]:
    return [items[start : start + _AT_ONCE] for start in range(0, len(items), _AT_ONCE)]


def _unknown(person: Person, *, asked: bool) -> str:
    name = person.plain_username[:40]
    if not _USERNAME.match(name):
        return f"people.{person.name}.twitter: @{name} cannot be a name on X (letters, digits and _, at most 15)"
    if asked:
        return f"people.{person.name}.twitter: X knows no @{name}; compare the spelling"
    return f"people.{person.name}.twitter: the id of @{name} is not known yet"
