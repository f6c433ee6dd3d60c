"""An observer: sees what passes at the broker, as typed values, and does nothing to it.

    class Diary:
        def __init__(self, here: Here) -> None:
            self._file = (here.data / "diary.txt").open("a")

        def seen(self, event: Event) -> None:
            match event:
                case ReceiptSeen(device=device, verified=True):
                    print(event.who, event.action, device, event.outcome, file=self._file, flush=True)


    if __name__ == "__main__":
        sys.exit(run(Diary, name="diary"))

config.json names it, which gives it a login of its own that may read all: ``"observers": {"diary": {}}``.

``seen`` is called for each event, one after the other, in a thread of its own: it may block, or be ``async``, and the
connection does not wait for it. The events: :class:`ReceiptSeen` (what came of a command, by whom),
:class:`CommandSeen`, :class:`StateSeen`, :class:`AlertSeen`, :class:`AvailabilitySeen`, :class:`StatusSeen`,
:class:`NonceSeen`, :class:`ConnectionSeen` and :class:`Unreadable`. What was so before it connected, and all states
again after each reconnect, come marked ``retained``.

A command or a receipt is ``verified`` only where the key lies in ``state/keys`` and the signature is good. All else can
be made up by whoever has a login at the broker.

The class may also have ``tick()``, called every ``tick_seconds`` (1) in the same thread, for what has lasted too long;
``close()``, called at the end; and ``health()``, how it is, as :class:`latchwire.health.Health`.
"""

import json
import logging
import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from latchwire import __version__
from latchwire.access import Access
from latchwire.config import expiry
from latchwire.config.environment import prefix
from latchwire.config.home import Config, Person
from latchwire.config.places import Places, find
from latchwire.config.reloading import Reloading
from latchwire.errors import ConfigurationError
from latchwire.health import Health
from latchwire.kit.settings import Settings
from latchwire.log import event as log_event
from latchwire.observer import (
    AlertSeen,
    AvailabilitySeen,
    CommandSeen,
    NonceSeen,
    Observer,
    ReceiptSeen,
    StateSeen,
    StatusSeen,
    Unreadable,
)
from latchwire.service.frame import Program, Running, main
from latchwire.service.home import all_keys, endpoint, login, variables_at_start
from latchwire.service.single import SingleMember, Variables

__all__ = [
    "AlertSeen",
    "AvailabilitySeen",
    "CommandSeen",
    "Config",
    "ConnectionSeen",
    "Event",
    "Here",
    "NonceSeen",
    "Person",
    "ReceiptSeen",
    "StateSeen",
    "StatusSeen",
    "Unreadable",
    "run",
]

MOST_WAITING: Final = 10_000
"""Events that may wait for ``seen``; then the oldest are dropped, and that is told."""
TICK_SECONDS: Final = 1.0
END_SECONDS: Final = 5.0
"""How long the end waits for ``seen`` to get done with what waits."""

_log: Final = logging.getLogger("latchwire.observer")


class ConnectionSeen(NamedTuple):
    """The connection to the broker came or went.

    Attributes:
        trouble: "" when it stands, and all that was so before was seen; else why it does not.
    """

    trouble: str


Event = (
    CommandSeen
    | ReceiptSeen
    | StateSeen
    | AlertSeen
    | AvailabilitySeen
    | StatusSeen
    | NonceSeen
    | ConnectionSeen
    | Unreadable
)


class Here:
    """What an observer is made with.

    Attributes:
        name: its login.
        variables: the environment, completed by ``state/.env``.
        data: a folder for what it keeps.
        run_folder: a folder for sockets and pipes.
    """

    def __init__(self, *, name: str, places: Places, variables: Mapping[str, str]) -> None:
        self.name, self.variables, self.data, self.run_folder = name, variables, places.data, places.run
        self._places = places
        self._reloading = Reloading(places.config)
        self._access: tuple[Config, Access] | None = None

    @property
    def config(self) -> Config:
        """config.json as it is now: devices and people."""
        return self._reloading.current()

    @property
    def settings(self) -> Settings:
        """What ``observers.NAME`` of config.json holds; the service is made anew when it changes."""
        return Settings(self.config.observers.get(self.name, {}), place=f"observers.{self.name}")

    @property
    def notes(self) -> tuple[str, ...]:
        """What should be known of the broker beside this state folder: weeks ahead, that its certificate ends."""
        return expiry.note(self._places)

    @property
    def problems(self) -> tuple[str, ...]:
        """What keeps config.json from being taken over."""
        return self._reloading.problems

    def who(self, identity: str) -> Person | None:
        """The person of an identity, as an event's ``who`` gives it; ``None`` if it is nobody's."""
        config = self.config
        if self._access is None or self._access[0] is not config:
            self._access = config, Access(config)
        return self._access[1].who(identity)


def run(
    watcher: Callable[[Here], object],
    *,
    name: str,
    purpose: str = "",
    version: str = "",
    variables: Sequence[str] = (),
    arguments: Sequence[str] | None = None,
) -> int:
    """Runs a service that sees what passes, until SIGTERM or SIGINT.

    Args:
        watcher: the class: it is called with :class:`Here`.
        name: the program's name, and that of its login and its part of config.json.
        purpose: a sentence for ``--help``; the first line of the class's docstring, if it is left out.
        version: what ``--version`` says; Latchwire's, if it is left out.
        variables: beginnings of the names of environment variables that it reads: when one changes in ``state/.env``,
            it is made anew. ``("DIARY_",)`` for the name ``diary``, if it is left out.
        arguments: those of the command line, if they are left out.

    Returns:
        The exit status: 0 after an orderly end.
    """
    places = find()
    purpose = purpose or (watcher.__doc__ or "").partition("\n")[0]
    member = SingleMember(
        places=places,
        name=name,
        prefixes=tuple(variables) or (prefix(name),),
        made_of=lambda config, _: (config.observers.get(name), [key.line for key in all_keys(places, config)]),
        summary=lambda _: f"observer {name}: {purpose}",
        make=lambda found: make(watcher, name=name, places=places, variables=found),
    )
    program = Program(
        name=name,
        purpose=purpose,
        version=version or __version__,
        run_folder=places.run,
        find=member.find,
        variables=variables_at_start(places),
        watched=places.watched,
    )
    return main(program, sys.argv[1:] if arguments is None else arguments)


def make(watcher: Callable[[Here], object], *, name: str, places: Places, variables: Variables) -> Running:
    """Makes the service and its connection; neither has begun.

    Raises:
        ConfigurationError: what is missing or wrong.
    """
    here = Here(name=name, places=places, variables=variables)
    if name not in here.config.observers:
        raise ConfigurationError(
            f'config.json: observers.{name}: is missing; write "observers": {{"{name}": {{}}}}, and type: '
            "./latchwire init"
        )
    made: Any = watcher(here)
    if not callable(getattr(made, "seen", None)):
        raise ConfigurationError(f"{type(made).__name__} has no method seen; write it: def seen(self, event: Event)")
    return _AtWork(here, made, places)


class _AtWork:
    """The service at work, for the frame: what is seen goes through a queue of its own."""

    def __init__(self, here: Here, watcher: Any, places: Places) -> None:
        self._here, self._watcher = here, watcher
        self._what = type(watcher).__name__
        self._tick_seconds = float(getattr(watcher, "tick_seconds", TICK_SECONDS))
        self._waiting: deque[Event] = deque()
        self._changed = threading.Condition()
        self._stopping = False
        self._dropped, self._fault, self._lost = 0, "", "not connected yet"
        self._told = Health(), ""
        self._runner: Any = None
        self._thread = threading.Thread(target=self._work, name="seen", daemon=True)
        self._observer = Observer(
            keyring=all_keys(places, here.config),
            endpoint=endpoint(here.variables),
            login=login(places, here.name),
            on_event=self._put,
            on_connection=self._connection,
            name=here.name,
            status=self._status,
        )

    def start(self) -> None:
        self._thread.start()
        self._observer.start()

    def stop(self) -> None:
        self._observer.stop()
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        self._thread.join(END_SECONDS)

    def health(self) -> Health:
        own = self._watcher.health() if callable(getattr(self._watcher, "health", None)) else Health()
        troubles = [f"No connection to the broker: {self._lost}"] if self._lost else []
        troubles += [self._fault] if self._fault else []
        troubles += [f"{self._what}.seen is too slow: {self._dropped} events were dropped"] if self._dropped else []
        digest = self._here.config.digest  # looks at the file, before its problems are asked for
        health = Health((*troubles, *self._here.problems, *own.troubles), own.notes)
        if (health, digest) != self._told:
            self._told = health, digest
            self._observer.publish_status()
        return health

    def _status(self) -> str:
        health, digest = self._told
        status = {
            "service": self._here.name,
            "version": __version__,
            "config": digest or self._here.config.digest,
            "health": health.word,
            "troubles": health.troubles,
            "notes": health.notes,
        }
        return json.dumps(status, separators=(",", ":"))

    def _connection(self, trouble: str) -> None:
        if trouble and trouble != self._lost:
            log_event(_log, logging.WARNING, "The broker is away, trying again.", reason=trouble)
        elif not trouble:
            log_event(_log, logging.INFO, "Connected, and sees what passes.", observer=self._here.name)
        self._lost = trouble
        self._put(ConnectionSeen(trouble))

    def _put(self, event: Event) -> None:
        with self._changed:
            self._waiting.append(event)
            if len(self._waiting) > MOST_WAITING:
                self._waiting.popleft()
                self._dropped += 1
            self._changed.notify_all()

    # ------------------------------------------------------------------------- in the thread of its own

    def _work(self) -> None:
        ticks = callable(getattr(self._watcher, "tick", None))
        next_tick = time.monotonic() + self._tick_seconds
        while True:
            left = max(0.0, next_tick - time.monotonic()) if ticks else None
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._stopping, left)
                event = self._waiting.popleft() if self._waiting else None
                if event is None and self._stopping:
                    break
            if event is not None:
                self._call(self._watcher.seen, event)
            if ticks and time.monotonic() >= next_tick:
                self._call(self._watcher.tick)
                next_tick = time.monotonic() + self._tick_seconds
        if callable(getattr(self._watcher, "close", None)):
            self._call(self._watcher.close)
        if self._runner is not None:
            self._runner.close()

    def _call(self, method: Callable[..., Any], *arguments: object) -> None:
        name = f"{self._what}.{method.__name__}"
        try:
            result = method(*arguments)
            if hasattr(result, "__await__"):
                self._run(result)
        except Exception as fault:  # noqa: BLE001  # whatever it is, it is told and seeing goes on
            self._fault = f"{name} failed: {fault!r}"
            log_event(_log, logging.ERROR, f"{self._fault}; it goes on with the next.")
            _log.debug("Where it failed:\n%s", traceback.format_exc())
        else:
            if self._fault.startswith(name):
                self._fault = ""

    def _run(self, call: Any) -> None:
        if self._runner is None:
            import asyncio  # noqa: PLC0415  # only for who uses it

            self._runner = asyncio.Runner()
        self._runner.run(call)
