"""The process of a service: starts its members, listens to signals, reloads, tells its health, ends in order.

A service has members (an actuator service one for each of its agents, an ingress one). They are looked up again every
few seconds; one whose configuration changed is stopped and made anew, the others go on. New keys and a new password are
handed to it at work: they change without an outage. What is wrong with the configuration is told once, keeps nothing
else down, and is looked at again.

A watchdog ends the process when a thread of a member hangs, and the kernel ends it when this one does (``alarm``, which
no change of the clock can hurry): whoever keeps the service starts it anew, and a start settles the outputs.

``--health`` asks the running process; ``--check`` says what it would start with.
"""

import gc
import logging
import os
import select
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol, runtime_checkable

from latchwire import log
from latchwire.bus import Login
from latchwire.errors import Anew, ConfigurationError
from latchwire.health import Health
from latchwire.protocol.keys import Keyring
from latchwire.service import control, one_cpu
from latchwire.service.setup import Secrets
from latchwire.waiting import Wake

if TYPE_CHECKING:
    from latchwire.service.watching import Watch

RELOAD_SECONDS: Final = 5.0
"""How often a service looks whether what it reads has changed, where nothing tells it."""
WATCHED_SECONDS: Final = 60.0
"""How often it looks where the kernel tells it: after what no file tells, and files that lie elsewhere."""
SETTLE_SECONDS: Final = 0.2
"""How long after a change it looks: who changes one file often changes more."""

ALARM_SECONDS: Final = 120
"""The main thread has hung if it does not turn for so long; it turns every few seconds, and may end a member first."""
HUNG_STATUS: Final = 70
"""The exit status after a hang that was seen (EX_SOFTWARE, sysexits.h)."""

_ALL: Final = "configuration"
"""Under this name is told what concerns no single member."""

_log = logging.getLogger("latchwire.service")


class Running(Protocol):
    """A member at work."""

    def start(self) -> None:
        """Begins; returns soon."""

    def stop(self) -> None:
        """Ends, within seconds."""

    def health(self) -> Health:
        """How it is."""


@runtime_checkable
class Adopting(Protocol):
    """A member that takes new keys and a new password while it works."""

    def use(self, keyring: Keyring, login: Login) -> None:
        """Works with these from now on."""


@runtime_checkable
class Watched(Protocol):
    """A member that can tell that it hangs."""

    def hung(self) -> str:
        """What of it hangs, in a few words; "" if nothing does."""


class Member(NamedTuple):
    """What a service could run now.

    Attributes:
        fingerprint: changes whenever the member has to be made anew.
        summary: what it is, in a line.
        make: makes it; raises ConfigurationError if something it needs is wrong.
        of_secrets: changes whenever its keys or its password change.
        secrets: reads these; raises ConfigurationError if one of them is wrong. None where it has none.
    """

    fingerprint: str
    summary: str
    make: Callable[[], Running]
    of_secrets: str = ""
    secrets: Callable[[], Secrets] | None = None


class Found(NamedTuple):
    """The members by name, and notes on what is not run, each a sentence with its cure."""

    members: Mapping[str, Member]
    notes: tuple[str, ...] = ()


class Program(NamedTuple):
    """A service as a program.

    Attributes:
        name: ``relay-agent``, for its log, its socket and its usage.
        purpose: a sentence for ``--help``.
        version: for ``--version``.
        run_folder: where its socket is.
        find: looks up its members; raises ConfigurationError.
        variables: the environment, for LOG_LEVEL, LOG_FORMAT and SERVICE_CPUS.
        watched: folders whose changes are worth a look at once; none where it looks every few seconds by itself.
        acts: whether it works devices.
    """

    name: str
    purpose: str
    version: str
    run_folder: Path
    find: Callable[[], Found]
    variables: Mapping[str, str]
    watched: tuple[Path, ...] = ()
    acts: bool = False


def main(program: Program, arguments: Sequence[str] | None = None) -> int:
    """Runs the program; the exit status is 0 after SIGTERM or SIGINT, and for healthy or valid answers.

    Raises:
        Anew: a member that was to be made has raised it, all has stopped, and nobody has asked for the end meanwhile.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    if arguments and (answered := _answer(program, arguments)) is not None:
        return answered
    log.configure(level=program.variables.get("LOG_LEVEL", "INFO"), form=program.variables.get("LOG_FORMAT", "text"))
    one_cpu.settle(program.name, program.variables, acts=program.acts)
    return _Process(program).run()


def _answer(program: Program, arguments: Sequence[str]) -> int | None:
    """Does what the arguments ask for instead of running; ``None`` if they ask for nothing else."""
    import argparse  # noqa: PLC0415  # memory that a service without arguments, as on the Omega, never needs

    parser = argparse.ArgumentParser(prog=f"latchwire-{program.name}", description=program.purpose)
    parser.add_argument("--version", action="version", version=f"latchwire-{program.name} {program.version}")
    parser.add_argument("--health", action="store_true", help="ask the running service how it is")
    parser.add_argument("--check", action="store_true", help="say what it would start with, and what is wrong")
    options = parser.parse_args(arguments)
    if options.health:
        return control.tell(program.run_folder, program.name)
    return _print_check(program) if options.check else None


def _print_check(program: Program) -> int:
    try:
        found = program.find()
    except ConfigurationError as error:
        sys.stdout.write("".join(f"{problem}\n" for problem in error.problems))
        return 1
    for member in found.members.values():
        sys.stdout.write(f"{program.name}: {member.summary}\n")
    sys.stdout.write("".join(f"{program.name}: {note}\n" for note in found.notes))
    return 0


def _watch(folders: Sequence[Path]) -> "Watch | None":
    try:
        from latchwire.service import watching  # noqa: PLC0415  # only where something is watched: it costs memory
    except ImportError:  # a Python without ctypes
        return None
    return watching.watch(folders)


class _Process:
    """One run of a service."""

    def __init__(self, program: Program) -> None:
        self._program = program
        self._wake = Wake()
        self._stopping = self._reload = False
        self._look_at = 0.0
        self._files = _watch(program.watched) if program.watched else None
        self._running: dict[str, tuple[Member, Running]] = {}
        self._troubles: dict[str, tuple[str, ...]] = {}
        self._notes: tuple[str, ...] = ()

    def run(self) -> int:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_stop)
        signal.signal(signal.SIGHUP, self._on_reload)
        threading.excepthook = self._on_fault
        try:
            listener = control.Control(self._program.run_folder, self._program.name)
        except OSError as error:
            _log.error("The folder %s cannot be used: %s", self._program.run_folder, error.strerror)
            return 1
        anew: Anew | None = None
        try:
            self._look()
            while not self._stopping:
                self._watch()
                self._wait(listener)
        except Anew as asked:
            anew = asked
        finally:
            self._stop_all()
            listener.close()
            signal.alarm(0)
        if anew is not None:
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, signal.SIG_DFL)  # nothing runs any more, so it may be ended at any moment
            if not self._stopping:
                raise anew
        _log.info("Stopped.")
        return 0

    def _stop_all(self) -> None:
        """At the same time: one whose hardware hangs must not keep another from locking its doors in time."""
        threads = [threading.Thread(target=running.stop) for _, running in self._running.values()]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _watch(self) -> None:
        signal.alarm(ALARM_SECONDS)
        for name, (_, running) in self._running.items():
            if isinstance(running, Watched) and (what := running.hung()):
                _log.critical("It hangs: %s. Ending, to be started again. agent=%s", what, name)
                os._exit(HUNG_STATUS)  # nothing that waits for the hung thread

    def _wait(self, listener: control.Control) -> None:
        left = max(0.0, self._look_at - time.monotonic())
        files = self._files
        sources = [self._wake.fileno(), listener.fileno(), *([] if files is None else [files.fileno()])]
        ready, _, _ = select.select(sources, [], [], left)
        if files is not None and files.fileno() in ready:
            files.clear()
            self._look_at = min(self._look_at, time.monotonic() + SETTLE_SECONDS)
        if listener.fileno() in ready:
            listener.answer(self._health())
        if self._wake.fileno() in ready:
            self._wake.clear()
        if not self._stopping and (self._reload or time.monotonic() >= self._look_at):
            self._reload = False
            self._look()

    def _on_stop(self, _number: int, _frame: object) -> None:
        self._stopping = True
        self._wake.set()

    def _on_fault(self, fault: threading.ExceptHookArgs) -> None:
        """A thread ends by a fault: in a moment, when it has ended, somebody may tell that it hangs."""
        name = fault.thread.name if fault.thread else ""
        _log.critical("The thread %s met a fault.", name, exc_info=fault.exc_value)
        self._look_at = min(self._look_at, time.monotonic() + SETTLE_SECONDS)
        self._wake.set()

    def _on_reload(self, _number: int, _frame: object) -> None:
        self._reload = True
        self._wake.set()

    def _look(self) -> None:
        """Looks up the members, and makes them so."""
        watched = self._files is not None and self._files.renew()  # before it reads: no change is missed
        self._look_at = time.monotonic() + RELOAD_SECONDS
        try:
            found = self._program.find()
        except ConfigurationError as error:
            self._tell(_ALL, error.problems)
            return
        self._tell(_ALL, ())
        for note in found.notes:
            if note not in self._notes:
                _log.info("%s", note)
        self._notes = found.notes
        for name in {*self._running, *self._troubles} - {*found.members, _ALL}:
            self._tell(name, ())
            if name in self._running:
                self._running.pop(name)[1].stop()
        for name, member in found.members.items():
            at_work = self._running[name][0] if name in self._running else None
            if at_work is None or at_work.fingerprint != member.fingerprint:
                self._start(name, member)
            elif at_work.of_secrets != member.of_secrets:
                self._hand_over(name, member)
            else:
                self._tell(name, ())
        health = self._health()  # a member that is asked how it is takes over what was written meanwhile
        if watched and health.ok:  # what is in trouble may be mended by what no file tells, and is tried again soon
            self._look_at = time.monotonic() + WATCHED_SECONDS

    def _start(self, name: str, member: Member) -> None:
        """Makes a member anew; where that cannot be done, the old one goes on."""
        try:
            running = member.make()
        except ConfigurationError as error:
            self._tell(name, error.problems)
            return
        self._tell(name, ())
        if name in self._running:
            self._running.pop(name)[1].stop()
            gc.collect()  # its parts hold each other, and files and memory with them, until somebody looks
        _log.info("Starting. %s", member.summary)
        self._running[name] = (member, running)
        running.start()

    def _hand_over(self, name: str, member: Member) -> None:
        """Gives a member at work its new keys and password; one that cannot take them is made anew."""
        running = self._running[name][1]
        if member.secrets is None or not isinstance(running, Adopting):
            self._start(name, member)
            return
        try:
            running.use(*member.secrets())
        except ConfigurationError as error:
            self._tell(name, error.problems)
            return
        self._tell(name, ())
        _log.info("New keys or a new password are in force. %s", member.summary)
        self._running[name] = (member, running)

    def _tell(self, name: str, problems: tuple[str, ...]) -> None:
        if self._troubles.get(name, ()) != problems:
            for problem in problems:
                _log.error("%s", problem)
        self._troubles[name] = problems

    def _health(self) -> Health:
        of_members = [running.health() for _, running in self._running.values()]
        troubles = [problem for problems in self._troubles.values() for problem in problems]
        troubles += [trouble for health in of_members for trouble in health.troubles]
        return Health(tuple(troubles), self._notes + tuple(note for health in of_members for note in health.notes))
