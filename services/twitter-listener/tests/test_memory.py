"""What outlives a restart: posts that acted, bills, and who is who."""

import logging
import sqlite3
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from latchwire.errors import ConfigurationError
from latchwire_twitter_listener.backoff import Trouble
from latchwire_twitter_listener.billing import Billing, seconds_to_midnight
from latchwire_twitter_listener.connects import Connects
from latchwire_twitter_listener.people import People, Person
from latchwire_twitter_listener.results import Account, ApiError
from latchwire_twitter_listener.seen import KEEP_SECONDS, Latest, Seen
from latchwire_twitter_listener.start import Start
from latchwire_twitter_listener.store import Store

NOW = 1_790_000_000.0
JOHN = Person(name="john", username="@John_Smith")
PINNED = Person(name="jane", username="example-jane", user_id="102")


def test_a_post_is_claimed_once_though_two_threads_hear_it(store: Store) -> None:
    seen, found, start = Seen(store=store), list[bool](), threading.Barrier(8)

    def claim() -> None:
        start.wait()
        found.append(seen.claim("20", now=NOW))

    threads = [threading.Thread(target=claim) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == [False] * 7 + [True]


def test_a_claim_outlives_a_restart_and_ends_when_no_version_can_be_fresh(tmp_path: Path) -> None:
    first = Store(path=tmp_path / "data.sqlite")
    assert Seen(store=first).claim("20", now=NOW)
    first.close()
    second = Store(path=tmp_path / "data.sqlite")
    assert not Seen(store=second).claim("20", now=NOW + 3700)
    assert Seen(store=second).claim("21", now=NOW + KEEP_SECONDS + 1)
    assert second.rows("SELECT count(*) FROM seen") == [(1,)], "it does not grow for ever"
    second.close()


def test_the_memory_is_for_its_owner_alone_and_on_the_disk_at_once(tmp_path: Path) -> None:
    path = tmp_path / "data" / "data.sqlite"
    store = Store(path=path)
    Seen(store=store).claim("20", now=NOW)
    assert path.stat().st_mode & 0o077 == 0
    other = sqlite3.connect(path)
    assert other.execute("SELECT origin FROM seen").fetchall() == [("20",)]
    assert store.rows("PRAGMA synchronous") == [(2,)]
    other.close()
    store.close()


def test_a_damaged_memory_is_set_aside_and_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "data.sqlite"
    path.write_bytes(b"this is no database" * 100)
    store = Store(path=path)
    assert Seen(store=store).claim("20", now=NOW)
    store.close()
    assert "was damaged" in caplog.text
    assert (tmp_path / "data.damaged").exists()


def test_a_memory_that_cannot_be_used_is_told_with_its_cure(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file where a folder should be")
    with pytest.raises(ConfigurationError, match=r"data/x\.sqlite cannot be used .*; look at the disk's space"):
        Store(path=tmp_path / "data" / "x.sqlite")
    (tmp_path / "x.sqlite").mkdir()
    with pytest.raises(ConfigurationError, match="unable to open"):
        Store(path=tmp_path / "x.sqlite")


def test_connects_are_counted_across_restarts(tmp_path: Path) -> None:
    for number in range(15):
        store = Store(path=tmp_path / "data.sqlite")
        assert Connects(store=store).seconds_to_wait(now=NOW + number) == 0
        Connects(store=store).note(now=NOW + number)
        store.close()
    store = Store(path=tmp_path / "data.sqlite")
    assert Connects(store=store).seconds_to_wait(now=NOW + 15) == 29
    store.close()


def test_a_post_is_billed_once_a_day_and_what_comes_along_counts(store: Store) -> None:
    billing = Billing(store=store)
    message = {"data": {"id": "3"}, "includes": {"tweets": [{"id": "2"}, {"id": "bad"}, None]}}
    for _ in range(2):
        billing.count(message, now=NOW)
    assert billing.today(now=NOW) == 2
    tomorrow = NOW + seconds_to_midnight(NOW) + 1
    assert billing.today(now=tomorrow) == 0
    billing.count(message, now=tomorrow)
    assert billing.today(now=tomorrow) == 2


class FakeLookup:
    def __init__(self, *accounts: Account) -> None:
        self.accounts = list(accounts)
        self.asked: list[tuple[str, ...]] = []
        self.fault: ApiError | None = None

    def __call__(self, *, usernames: Sequence[str] = (), ids: Sequence[str] = ()) -> list[Account]:
        self.asked.append((*(f"@{name}" for name in usernames), *ids))
        if self.fault:
            raise self.fault
        names = [name.casefold() for name in usernames]
        return [a for a in self.accounts if a.id in ids or a.username.casefold() in names]


def people(store: Store, lookup: FakeLookup) -> People:
    return People(store=store, lookup=lookup, tell=logging.getLogger("latchwire.twitter").warning)


def test_a_name_is_looked_up_once_and_only_its_id_is_looked_at_again_daily(store: Store) -> None:
    lookup = FakeLookup(Account("101", "john_smith", False))
    for hours in (0, 1, 23, 25, 26):
        people(store, lookup).look([JOHN], now=NOW + hours * 3600)
    assert lookup.asked == [("@John_Smith",), ("101",)]
    assert people(store, lookup).directory([JOHN]).people == {"101": "john"}
    assert people(store, lookup).ids_by_name([JOHN, PINNED]) == {"john_smith": "101"}


def test_who_takes_over_a_name_gets_nobodys_rights(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    lookup = FakeLookup(Account("101", "john_smith", False))
    people(store, lookup).look([JOHN], now=NOW)
    lookup.accounts = [Account("101", "john_moved", False), Account("666", "john_smith", False)]
    people(store, lookup).look([JOHN], now=NOW + 90_000)
    directory = people(store, lookup).directory([JOHN])
    assert directory.people == {"101": "john"}
    assert directory.usernames == ("john_moved",)
    assert "@john_smith is called @john_moved now; the id 101 still counts." in caplog.text


def test_a_pinned_person_is_never_asked_for_by_name(store: Store) -> None:
    lookup = FakeLookup(Account("102", "jane_doe", False))
    assert people(store, lookup).directory([PINNED]).people == {"102": "jane"}, "in force before anybody was asked"
    people(store, lookup).look([PINNED], now=NOW)
    assert lookup.asked == [("102",)]
    assert people(store, lookup).directory([PINNED]).usernames == ("jane_doe",)


def test_protected_and_unknown_accounts_are_told(store: Store) -> None:
    lookup = FakeLookup(Account("102", "jane_doe", True))
    mistyped = Person(name="bob", username="bbo")
    impossible = Person(name="eve", username="no-such-name")
    asking = people(store, lookup)
    asking.look([PINNED, mistyped, impossible], now=NOW)
    asking.look([PINNED, mistyped, impossible], now=NOW + 60)
    assert lookup.asked == [("102",), ("@bbo",)], "who is not found is not asked for (and paid for) again at once"
    directory = asking.directory([PINNED, mistyped, impossible])
    assert directory.protected == ("jane_doe",)
    assert any("X knows no @bbo" in problem for problem in directory.problems)
    assert any("@no-such-name cannot be a name on X" in problem for problem in directory.problems)


def test_two_people_cannot_be_one_account(store: Store) -> None:
    twin = Person(name="twin", user_id="102")
    directory = people(store, FakeLookup()).directory([PINNED, twin])
    assert directory.people == {"102": "jane"}
    assert directory.problems == ("people.twin: is the same account on X as people.jane",)


def test_what_is_known_stays_in_force_when_x_cannot_be_asked(store: Store) -> None:
    lookup = FakeLookup(Account("101", "john_smith", False))
    people(store, lookup).look([JOHN], now=NOW)
    lookup.fault = ApiError(Trouble.SERVER, "HTTP 503")
    with pytest.raises(ApiError):
        people(store, lookup).look([JOHN], now=NOW + 90_000)
    assert people(store, lookup).directory([JOHN]).people == {"101": "john"}


def test_more_than_a_hundred_people_are_looked_up_in_turns(store: Store) -> None:
    lookup = FakeLookup()
    people(store, lookup).look([Person(name=f"p{n}", username=f"user{n}") for n in range(250)], now=NOW)
    assert [len(asked) for asked in lookup.asked] == [100, 100, 50]


@pytest.mark.parametrize(("username", "user_id"), [("", ""), ("john", "not a number"), ("@", "")])
def test_a_person_without_name_or_id_is_refused_at_once(username: str, user_id: str) -> None:
    with pytest.raises(ValueError, match=r"people\.x"):
        Person(name="x", username=username, user_id=user_id)


def test_the_post_that_was_said_last_has_the_last_word() -> None:
    latest = Latest()
    assert latest.is_newest("front-door", "99")
    assert latest.is_newest("front-door", "100"), "by number, not by letters"
    assert not latest.is_newest("front-door", "99")
    assert latest.is_newest("ac", "99")


def test_who_was_looked_up_while_the_clock_was_ahead_is_looked_up_again(store: Store) -> None:
    asked: list[tuple[Sequence[str], Sequence[str]]] = []

    def lookup(*, usernames: Sequence[str] = (), ids: Sequence[str] = ()) -> list[Account]:
        asked.append((usernames, ids))
        return [Account("101", "John_Smith", protected=False)]

    people = People(store=store, lookup=lookup, tell=lambda *_: None)
    for now in (NOW + 600_000_000, NOW, NOW + 60):
        people.look([JOHN], now=now)
    assert len(asked) == 2


def test_the_start_is_never_in_the_future_however_the_clock_is_set() -> None:
    wall, up = [NOW + 1000.0], [50.0]
    start = Start(wall=lambda: wall[0], up=lambda: up[0])
    assert start.at() == NOW + 1000
    for shown, begun in ((1030, 1000), (0, -30), (9999, 1000), (1030, 1000)):
        wall[0], up[0] = NOW + shown, 80.0
        assert start.at() == NOW + begun


def test_a_thread_that_is_kept_waiting_between_the_clocks_obeys_nothing_from_before_the_start() -> None:
    wall, up = [NOW], [50.0]

    def kept_waiting() -> float:
        seen = up[0]
        wall[0] += 5
        up[0] += 5
        return seen

    start = Start(wall=lambda: wall[0], up=lambda: up[0])
    start._up = kept_waiting
    assert start.at() >= NOW
