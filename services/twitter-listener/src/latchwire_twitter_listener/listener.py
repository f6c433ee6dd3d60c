"""The listener: posts come in, commands are asked for, and somebody can ask how it is.

It knows nothing of signing or MQTT: the other half of the service hands in :class:`Ask` and publishes the
snapshots. Threads: the source's own (it hears), one that looks people up, and one per device (it asks and
waits).
"""

import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from latchwire.errors import LatchwireError
from latchwire.log import event
from latchwire_twitter_listener.answers import answer
from latchwire_twitter_listener.api import XApi
from latchwire_twitter_listener.asking import Ask
from latchwire_twitter_listener.backoff import Backoff
from latchwire_twitter_listener.billing import Billing
from latchwire_twitter_listener.connects import Connects
from latchwire_twitter_listener.credentials import WHAT_TO_SET, Credentials
from latchwire_twitter_listener.obeying import Command, Household, Ignored, decide
from latchwire_twitter_listener.people import AGAIN_SECONDS, People
from latchwire_twitter_listener.poll import Poll
from latchwire_twitter_listener.posts import NotAPost, Post, parse_post
from latchwire_twitter_listener.results import ApiError
from latchwire_twitter_listener.seen import Latest, Seen
from latchwire_twitter_listener.source import Source, Wanted
from latchwire_twitter_listener.start import Start
from latchwire_twitter_listener.status import Snapshot, Status
from latchwire_twitter_listener.store import Store
from latchwire_twitter_listener.stream import Stream
from latchwire_twitter_listener.transport import LIVE_BASE
from latchwire_twitter_listener.wishes import Settings, Wishes
from latchwire_twitter_listener.workers import Workers

log = logging.getLogger("latchwire.twitter")


class Listener:
    """The whole of it.

    Args:
        settings: how to listen.
        wishes: people and hashtags; may be changed by :meth:`update` at any time.
        credentials: the app's keys; without them the listener is idle and says what to set.
        data: the folder for what outlives a restart (``state/data``).
        ask: the signing half.
        base: where X is.
        on_change: called with each new snapshot; has to return at once.
        on_ids: called with the ids that were looked up, by lower-case name, before they count.
        pace: what each wait for X is multiplied with; 1 but in tests.
        wall: seconds since 1970.
    """

    def __init__(
        self,
        *,
        settings: Settings,
        wishes: Wishes,
        credentials: Credentials,
        data: Path,
        ask: Ask,
        base: str = LIVE_BASE,
        on_change: Callable[[Snapshot], None] = lambda _: None,
        on_ids: Callable[[Mapping[str, str]], None] = lambda _: None,
        pace: float = 1,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._settings = settings
        self._wishes = wishes
        self._credentials = credentials
        self._ask = ask
        self._pace = pace
        self._wall = wall
        self._on_ids = on_ids
        self._started = Start(wall=wall)
        self._store = Store(path=data / "twitter-listener.sqlite")
        self._seen = Seen(store=self._store)
        self._latest = Latest()
        self._hearing = threading.Lock()
        self._billing = Billing(store=self._store)
        self._status = Status(source=settings.source, on_change=on_change)
        self._api = XApi(credentials=credentials, base=base)
        self._people = People(store=self._store, lookup=self._api.accounts, tell=log.warning)
        self._household = Household()
        self._problems: frozenset[str] = frozenset()
        self._not_offered: tuple[str, ...] = ()
        self._source = self._make_source()
        self._workers = Workers()
        self._stopping = threading.Event()
        self._look_again = threading.Event()
        self._somebody_known = threading.Event()
        self._applying = threading.Lock()
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Begins to listen; returns at once."""
        if not self._credentials.can_listen:
            self._status.idle(f"The Twitter listener has no credentials. {WHAT_TO_SET}")
            return
        if self._settings.answer != "off" and not self._credentials.can_answer:
            log.warning(
                "The outcome cannot be posted: that takes X_CONSUMER_KEY, X_CONSUMER_SECRET, X_ACCESS_TOKEN "
                "and X_ACCESS_TOKEN_SECRET in state/.env."
            )
        self._apply()  # what the disk knows is in force before anybody is asked
        for name, target in (("x-people", self._look_people_up), ("x-source", self._hear)):
            thread = threading.Thread(target=target, name=name, daemon=True)
            self._threads.append(thread)
            thread.start()

    def stop(self) -> None:
        """Ends listening at once; what was begun is left to the signing half."""
        self._stopping.set()
        self._look_again.set()
        self._somebody_known.set()
        self._source.stop()
        self._workers.stop()
        for thread in self._threads:
            thread.join(timeout=0.5)  # one that is inside a look-up is a daemon and is left alone
        if not any(thread.is_alive() for thread in self._threads):
            self._store.close()

    def hung(self) -> str:
        """Which of its threads a fault has ended, in a few words; "" if none: then only a new process can help."""
        ended = [thread.name for thread in self._threads if thread.ident is not None and not thread.is_alive()]
        return "" if self._stopping.is_set() or not ended else f"the thread {ended[0]} has ended"

    def update(self, wishes: Wishes) -> None:
        """Takes changed people and hashtags."""
        self._wishes = wishes
        if self._threads:
            self._apply()
            self._look_again.set()

    def snapshot(self) -> Snapshot:
        """How it is now."""
        if self._stopping.is_set():
            return self._status.snapshot
        try:
            billed = self._billing.today(now=self._wall())
        except sqlite3.Error:
            return self._status.snapshot
        return replace(self._status.snapshot, billed_today=billed)

    def x_ids(self) -> dict[str, str]:
        """The ids of accounts that config.json gives by name, by lower-case name: what ``Access`` needs."""
        return self._people.ids_by_name(self._wishes.people)

    def heard(self, message: Mapping[str, object]) -> None:
        """Takes what the source delivers; raises nothing."""
        now = self._wall()
        post = parse_post(message)
        if isinstance(post, NotAPost):
            event(log, logging.INFO, "X sent a message that is no post; it was skipped.", cause=post.reason)
            return
        try:
            self._obey(post, now)
            self._billing.count(message, now=now)  # after it, for each write to a disk takes its time
            self._status.post(now=now, billed_today=self._billing.today(now=now))
        except sqlite3.Error as fault:
            # What cannot be remembered must not be done: it could be done twice.
            self._status.note(f"Posts are not obeyed: state/data cannot be written ({fault})", now=now)

    def _obey(self, post: Post, now: float) -> None:
        command = self._decide(post, now)
        if isinstance(command, Ignored):
            level = logging.INFO if command.told else logging.DEBUG
            who = f"twitter:{post.author_id}"
            event(log, level, "A post is ignored.", who=who, post=post.post_id, cause=command.reason)
            return
        with self._hearing:  # the stream and what catches up with it hear at the same time
            if not self._seen.claim(post.origin_id, now=now):
                said = "A post was heard again, as a duplicate or an edit; it acted already."
            elif not self._latest.is_newest(command.device, post.post_id):
                said = "A post came late and is ignored: a newer one for the device was obeyed already."
            else:
                self._workers.submit(command.device, lambda: self._do(command))
                return
        event(log, logging.INFO, said, device=command.device, who=command.person, command=command.jti)

    def _decide(self, post: Post, now: float) -> Command | Ignored:
        return decide(
            post,
            self._household,
            now=now,
            started_at=self._started.at(),
            fresh_seconds=self._settings.limit_seconds,
        )

    def _do(self, command: Command) -> None:
        """In the device's thread: the post may have grown old while the one before it was done."""
        about = {
            "device": command.device,
            "action": command.action,
            "who": command.person,
            "command": command.jti,
        }
        late = self._decide(command.post, self._wall())
        if isinstance(late, Ignored):
            event(log, logging.WARNING, "A post waited too long for its turn.", **about, cause=late.reason)
            return
        event(log, logging.INFO, "A post asks for an action.", **about)
        try:
            outcome = self._ask(
                identity=command.identity,
                device=command.device,
                action=command.action,
                message_id=command.jti,
            )
        except LatchwireError as fault:
            self._status.note(f"{command.device} could not be asked: {fault}", now=self._wall())
            return
        if self._credentials.can_answer and outcome.sentence:
            answer(self._api, self._settings.answer, command, outcome.sentence, now=self._wall())

    def _make_source(self) -> Source:
        if self._settings.source == "poll":
            return Poll(
                api=self._api,
                status=self._status,
                billed_today=lambda: self._billing.today(now=self._wall()),
                daily_posts=self._settings.posts_per_day,
                every_seconds=self._settings.poll_seconds,
                pace=self._pace,
                wall=self._wall,
            )
        return Stream(
            api=self._api,
            connects=Connects(store=self._store),
            status=self._status,
            pace=self._pace,
            wall=self._wall,
        )

    def _hear(self) -> None:
        self._somebody_known.wait()  # else the source would say that there is nobody to listen to
        if self._stopping.is_set():
            return
        try:
            self._source.run(self.heard)
        finally:
            if not self._stopping.is_set():
                self._status.dead(now=self._wall())

    def _apply(self) -> None:
        """Puts in force what is known of people and hashtags now."""
        with self._applying:  # so that old wishes never come after new ones
            try:
                self._apply_wishes(self._wishes)
            except sqlite3.Error as fault:
                self._household = Household()  # rather nobody than somebody who was taken out
                self._status.note(f"Nobody is obeyed: state/data cannot be read ({fault})", now=self._wall())

    def _apply_wishes(self, wishes: Wishes) -> None:
        directory = self._people.directory(wishes.people)
        self._problems = frozenset(directory.problems)
        self._on_ids(self._people.ids_by_name(wishes.people))
        self._household = Household(
            hashtags=wishes.hashtags,
            people=directory.people,
            no_retweets=wishes.no_retweets,
            to_confirm=wishes.to_confirm,
        )
        if wishes.not_offered() != self._not_offered:
            self._not_offered = wishes.not_offered()
            for sentence in self._not_offered:
                log.warning("%s", sentence)
        self._status.protected(directory.protected)
        if directory.people:
            self._somebody_known.set()
        self._source.want(
            Wanted(
                usernames=directory.usernames,
                user_ids=tuple(directory.people),
                hashtags=wishes.offered,
                retweets=wishes.retweets,
            )
        )

    def _look_people_up(self) -> None:
        """Asks X who is who: at the start, when people change, and daily."""
        backoff, told, found = Backoff(), frozenset[str](), False
        while not self._stopping.is_set():
            self._look_again.clear()
            now, wait = self._wall(), AGAIN_SECONDS / 24
            try:
                self._people.look(self._wishes.people, now=now)
                backoff, found = Backoff(), True
            except ApiError as fault:
                backoff, wait = backoff.after(fault.trouble, now=now, reset_at=fault.reset_at)
                self._not_looked_up(fault, now, wait)
            except sqlite3.Error as fault:
                self._status.note(f"The ids of people cannot be kept in state/data: {fault}", now=now)
            if self._stopping.is_set():
                return
            self._apply()
            if found:
                self._somebody_known.set()
            for problem in sorted(self._problems - told):
                self._status.note(problem, now=now)
            told = self._problems
            self._look_again.wait(max(wait * self._pace, 0.01))

    def _not_looked_up(self, fault: ApiError, now: float, wait: float) -> None:
        if self._somebody_known.is_set():
            self._status.note(f"X could not be asked who is who: {fault}", now=now)
        else:
            self._status.trouble(fault.trouble, f"{fault.detail} for who is who", now=now, wait=wait)
