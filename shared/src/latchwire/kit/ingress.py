"""An ingress: hears somebody, says who it was, what they want and of which device; all else is done here.

    class Keypad:
        def __init__(self, ingress: Ingress) -> None:
            self._ingress = ingress

        def listen(self) -> None:
            for code in read_codes():
                answer = self._ingress.ask(identity=f"keypad:{code}", device="front-door", action="unlock")
                show("open" if answer.ending is Ending.DONE else "no")


    if __name__ == "__main__":
        sys.exit(run(Keypad, name="keypad"))

config.json says who that is and what they may do:

    "ingresses": {"keypad": {}},
    "people": {"anna": {"identities": ["keypad:1234"], "may": {"front-door": ["unlock"]}}}

Whether they may, the signature, waiting for the receipt and its verification are done by :meth:`Ingress.ask`; it ends
with exactly one of the five :class:`Ending`. A person who is taken out of config.json is refused at the next word.

What a device wants to have confirmed is refused, unless the ingress can ask back: ``run(…, asks_back=True)``. Then
:meth:`Ingress.question` before ``ask`` says whether there is something to confirm, and :meth:`Ingress.confirm` goes on
with the answer.

The class has ``listen()``, which may block, or be ``async``, and runs in a thread of its own; what it raises is told,
and it is called again. Or it has ``start()``, which begins to listen elsewhere and returns soon. It may also have:

``stop()``    ends listening; for ``listen`` it makes that return, if ``ingress.stopping`` does not
``health()``  how it is, as :class:`latchwire.health.Health`: what to set, what is away
``status()``  what else its status at the broker holds, as a mapping
``look()``    called when a file may have changed, and now and then: for what it has made of config.json

``__init__`` may raise :class:`latchwire.errors.ConfigurationError` for what is missing: it is told, and tried again
within seconds.
"""

import logging
import sys
import threading
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, Final

from latchwire import __version__
from latchwire import ingress as base
from latchwire.bus import Login
from latchwire.config.environment import prefix
from latchwire.config.examples import check_example_people
from latchwire.config.home import Config, Confirm, Person
from latchwire.config.places import Places, find
from latchwire.config.reloading import Reloading
from latchwire.confirmation import Confirming, Pins, Question
from latchwire.errors import ConfigurationError
from latchwire.health import Health
from latchwire.kit.settings import Settings
from latchwire.log import event
from latchwire.protocol.keys import Keyring
from latchwire.sender import Answer, Ending
from latchwire.sender.answer import waiting
from latchwire.service.frame import Program, Running, main
from latchwire.service.home import endpoint, login, variables_at_start
from latchwire.service.single import SingleMember, Variables

__all__ = ["Answer", "Config", "Confirm", "Ending", "Ingress", "Person", "Question", "run", "waiting"]

PAUSES: Final = (1.0, 2.0, 5.0, 10.0, 30.0)
"""Seconds after which ``listen`` is called again when it ended by itself; the last one is repeated."""

_log: Final = logging.getLogger("latchwire.ingress")


class Ingress(base.Ingress):
    """What an ingress is made with: whom it may ask, and what config.json says of it.

    Attributes:
        issuer: under which name it signs: the first part of an identity.
        variables: the environment, completed by ``state/.env``.
        data: a folder for what it keeps.
        run_folder: a folder for sockets and pipes.
        stopping: set when the service is to end, or to be made anew.
    """

    def __init__(
        self, *, issuer: str, service: str, places: Places, variables: Mapping[str, str], asks_back: bool = False
    ) -> None:
        config = Reloading(places.config)
        check_example_people(config.current(), variables)
        if issuer not in config.current().issuers():
            raise ConfigurationError(
                f'config.json: ingresses.{issuer}: is missing; write "ingresses": {{"{issuer}": {{}}}}, and type: '
                "./latchwire init"
            )
        self.variables, self.data, self.run_folder = variables, places.data, places.run
        self.stopping = threading.Event()
        super().__init__(
            issuer=issuer,
            service=service,
            config=config,
            keyring=places.keyring(issuer),
            endpoint=endpoint(variables),
            login=login(places, issuer),
            confirming=Confirming(Pins(places)) if asks_back else None,
        )

    @property
    def settings(self) -> Settings:
        """What ``ingresses.NAME`` of config.json holds; the service is made anew when it changes."""
        return Settings(self.config.ingresses.get(self.issuer, {}), place=f"ingresses.{self.issuer}")


def run(
    service: Callable[[Ingress], object],
    *,
    name: str,
    issuer: str = "",
    purpose: str = "",
    version: str = "",
    variables: Sequence[str] = (),
    summary: Callable[[Mapping[str, str]], str] | None = None,
    made_of: Callable[[Config, Mapping[str, str]], object] | None = None,
    asks_back: bool = False,
    arguments: Sequence[str] | None = None,
) -> int:
    """Runs a service that hears somebody, until SIGTERM or SIGINT.

    Args:
        service: the class: it is called with an :class:`Ingress`.
        name: the program's name: for its socket, its status and its usage.
        issuer: under which name it signs; ``name``, if it is left out.
        purpose: a sentence for ``--help``; the first line of the class's docstring, if it is left out.
        version: what ``--version`` says; Latchwire's, if it is left out.
        variables: beginnings of the names of environment variables that it reads: when one changes in ``state/.env``,
            it is made anew. ``("KEYPAD_",)`` for the issuer ``keypad``, if it is left out.
        summary: a line for the log and ``--check``, of the variables.
        made_of: what it is made of besides ``ingresses.NAME``: when the result changes, it is made anew.
        asks_back: whether it asks people to confirm what a device wants to have confirmed, by
            :meth:`Ingress.question`; what it cannot ask about, it cannot do.
        arguments: those of the command line, if they are left out.

    Returns:
        The exit status: 0 after an orderly end.
    """
    issuer, places = issuer or name, find()
    purpose = purpose or (service.__doc__ or "").partition("\n")[0]

    def parts(config: Config, found: Variables) -> object:
        return config.ingresses.get(issuer), made_of(config, found) if made_of else None

    member = SingleMember(
        places=places,
        name=issuer,
        prefixes=tuple(variables) or (prefix(issuer),),
        made_of=parts,
        summary=summary or (lambda _: f"ingress {issuer}: {purpose}"),
        make=lambda found: make(service, issuer=issuer, name=name, places=places, variables=found, asks_back=asks_back),
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


def make(
    service: Callable[[Ingress], object],
    *,
    issuer: str,
    name: str,
    places: Places,
    variables: Mapping[str, str],
    asks_back: bool = False,
) -> Running:
    """Makes the service and its connection; neither has begun.

    Raises:
        ConfigurationError: what is missing or wrong.
    """
    ingress = Ingress(issuer=issuer, service=name, places=places, variables=variables, asks_back=asks_back)
    try:
        made = service(ingress)
        return _AtWork(ingress, made)
    except ConfigurationError:
        ingress.stop()
        raise


class _AtWork:
    """The service at work, for the frame."""

    def __init__(self, ingress: Ingress, service: Any) -> None:
        self._ingress, self._service = ingress, service
        self._what = type(service).__name__
        if not callable(getattr(service, "listen", None)) and not callable(getattr(service, "start", None)):
            raise ConfigurationError(f"{self._what} has neither a method listen nor a method start; write one of them")
        self._trouble = ""
        self._cancel: Callable[[], object] | None = None
        self._thread = threading.Thread(target=self._listen, name="listen", daemon=True)
        ingress.extra_health = self._own_health
        if callable(getattr(service, "status", None)):
            ingress.extra_status = service.status

    def start(self) -> None:
        self._ingress.start()
        if callable(getattr(self._service, "start", None)):
            self._service.start()
        if callable(getattr(self._service, "listen", None)):
            self._thread.start()

    def stop(self) -> None:
        self._ingress.stopping.set()
        try:
            if callable(getattr(self._service, "stop", None)):
                self._service.stop()
        finally:
            if cancel := self._cancel:
                with suppress(RuntimeError):  # it ended by itself just now
                    cancel()
            self._ingress.stop()

    def use(self, keyring: Keyring, login: Login) -> None:
        self._ingress.use(keyring, login)

    def health(self) -> Health:
        if callable(getattr(self._service, "look", None)):
            self._service.look()
        return self._ingress.refresh()

    def hung(self) -> str:
        """What of it hangs, for the watchdog; "" if nothing. A service may have a method ``hung`` of its own."""
        own = self._service.hung() if callable(getattr(self._service, "hung", None)) else ""
        return own or self._ingress.hung()

    def _own_health(self) -> Health:
        own = self._service.health() if callable(getattr(self._service, "health", None)) else Health()
        return Health(((self._trouble,) if self._trouble else ()) + own.troubles, own.notes)

    def _listen(self) -> None:
        stopping, tries = self._ingress.stopping, 0
        while not stopping.is_set():
            try:
                result = self._service.listen()
                if hasattr(result, "__await__"):
                    self._run(result)
                self._trouble = f"{self._what}.listen ended"
            except Exception as fault:  # noqa: BLE001  # whatever it is, it is told and listening goes on
                self._trouble = f"{self._what}.listen failed: {fault!r}"
                _log.debug("Where it failed:\n%s", traceback.format_exc())
            if stopping.is_set():
                return
            pause = PAUSES[min(tries, len(PAUSES) - 1)]
            tries += 1
            event(
                _log, logging.ERROR, f"{self._trouble}; it is called again.", issuer=self._ingress.issuer, after=pause
            )
            self._ingress.publish_status()
            stopping.wait(pause)

    def _run(self, call: Any) -> None:
        """Runs a coroutine to its end, or until the service is to end."""
        import asyncio  # noqa: PLC0415  # only for who uses it

        async def until_stopped() -> None:
            task = asyncio.ensure_future(call)
            self._cancel = partial(asyncio.get_running_loop().call_soon_threadsafe, task.cancel)
            if self._ingress.stopping.is_set():
                task.cancel()
            try:
                await task
            except asyncio.CancelledError:
                if not self._ingress.stopping.is_set():
                    raise
            finally:
                self._cancel = None

        asyncio.run(until_stopped())
