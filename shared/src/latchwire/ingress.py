"""An ingress: somebody whom it can name said something; the kit decides, asks and tells.

    ingress = Ingress(issuer="whatsapp", places=places, variables=variables)
    ingress.start()
    answer = ingress.ask(identity="whatsapp:+15555550100", device="front-door", action="unlock", jti=…)

Heard → allowed → signed → carried → verified → told: the service brings the first and the last. Permissions come from
config.json as it is at that moment; a person who was taken out of it is refused at the next word.

What a device wants to have confirmed, ``ask`` refuses, always. An ingress that can ask back is given a ``Confirming``
and goes in two steps:

    question = ingress.question(identity=…, device=…, action=…)   # None: nothing to confirm, go on with ``ask``
    answer = ingress.confirm(question, pin=…, jti=…)              # when its person answered
"""

import datetime as dt
import json
import logging
from collections.abc import Callable, Mapping
from typing import Any, Final

from latchwire import __version__, topics
from latchwire.access import Access, NotAllowed
from latchwire.bus import Endpoint, Login
from latchwire.config.home import Config, Device, Person
from latchwire.config.reloading import Reloading
from latchwire.confirmation import Confirming, Question
from latchwire.health import Health
from latchwire.limits import Limits, Over
from latchwire.log import event
from latchwire.model import STATUS, Cause
from latchwire.protocol.keys import Keyring
from latchwire.sender import Answer, Sender
from latchwire.sender import answer as of

_log: Final = logging.getLogger("latchwire.ingress")


class Ingress:
    """One issuer with its people.

    Args:
        issuer: its name, its login's and that of its keys.
        service: its program's name, for its status.
        config: the user's file.
        keyring: the keys it shares with agents.
        endpoint: where the broker is.
        login: its login there.
        announce: whether to publish that it is there and how it is: a service does, a command line does not.
        confirming: how it asks back; ``None`` if it cannot, and then what wants a confirmation is not offered.
    """

    def __init__(
        self,
        *,
        issuer: str,
        service: str,
        config: Reloading,
        keyring: Keyring,
        endpoint: Endpoint,
        login: Login,
        announce: bool = True,
        confirming: Confirming | None = None,
    ) -> None:
        self._confirming, self._limits = confirming, Limits()
        self.issuer, self._service, self._reloading = issuer, service, config
        self._x_ids: Mapping[str, str] = {}
        self.extra_status: Callable[[], Mapping[str, object]] = dict
        self.extra_health: Callable[[], Health] = Health
        self.sender = Sender(issuer=issuer, keyring=keyring, endpoint=endpoint, login=login, announce=announce)
        self._announce = announce
        self._told: Health | None = None
        self.sender.on_connected = self.publish_status
        self._in_force = self._taken_over(config.current())

    @property
    def config(self) -> Config:
        """The configuration in force now."""
        return self._reloading.current()

    @property
    def access(self) -> Access:
        """The people of the configuration in force now."""
        return self._now_in_force()[1]

    def know_x_ids(self, x_ids: Mapping[str, str]) -> None:
        """Takes over which number each X name has, as the X ingress looked it up."""
        self._x_ids = dict(x_ids)
        self._in_force = self._taken_over(self._reloading.current())

    def _now_in_force(self) -> tuple[Config, Access]:
        """The configuration and the people of it, which belong together whatever is written meanwhile."""
        config, in_force = self._reloading.current(), self._in_force
        if config is not in_force[0]:
            self._in_force = in_force = self._taken_over(config)
            self.publish_status()
        return in_force

    def _taken_over(self, config: Config) -> tuple[Config, Access]:
        return config, Access(config, x_ids=self._x_ids)

    def use(self, keyring: Keyring, login: Login) -> None:
        """Asks with these keys, toward the same agents, and connects with this password from now on."""
        self.sender.use(keyring, login)
        self.publish_status()

    def start(self) -> None:
        """Begins to connect."""
        self.sender.start()

    def stop(self) -> None:
        """Disconnects."""
        self.sender.stop()

    def who(self, identity: str) -> Person | None:
        """The person of an identity, whatever they may do."""
        return self.access.who(identity)

    def usable(self, person: Person) -> dict[str, tuple[str, ...]]:
        """What the person may do now and here: the actions by device."""
        config, access = self._now_in_force()
        usable = access.usable(person, now=now())
        if self._confirming is not None:
            return usable
        here = {name: _without(actions, config.devices[name]) for name, actions in usable.items()}
        return {name: actions for name, actions in here.items() if actions}

    def question(self, *, identity: str, device: str, action: str) -> Question | Answer | None:
        """Opens a question where the action takes a confirmation; it replaces what this identity was asked before.

        Returns:
            What to ask the person, the refusal to tell them, or ``None``: there is nothing to confirm.
        """
        config, access = self._now_in_force()
        decision = access.decide(identity, device, action, now=now())
        if isinstance(decision, NotAllowed):
            return _not_allowed(identity, device, action, decision)
        found, person = config.devices[device], decision.person.name
        if action not in found.confirm:
            return None
        over = self._limits.look(person, device, found.limit)
        if over is not None:
            return _too_often(identity, device, action, over)
        if self._confirming is None:
            return _told(identity, of.refused_here(device, action, Cause.NEEDS_CONFIRMATION))
        asked = self._confirming.ask(identity=identity, person=person, device=found, action=action)
        if isinstance(asked, Answer):
            return _told(identity, asked)
        event(_log, logging.INFO, f"Asked back: {asked.by}.", device=device, action=action, who=identity)
        return asked

    def pending(self, identity: str) -> Question | None:
        """What this identity was asked last and did not answer yet; it may be too late for it."""
        return self._confirming.pending(identity) if self._confirming is not None else None

    def cancel(self, question: Question) -> bool:
        """Ends a question, for its person said something else; whether it was open."""
        return self._confirming is not None and self._confirming.cancel(question)

    def accept(self, question: Question, *, pin: str = "") -> Answer | None:
        """Judges a person's answer to a question: ``None`` if it is confirmed, now, by who was asked; else the refusal.

        Either ends the question, but for a wrong PIN while there are tries. :meth:`confirm` does this and goes on.
        """
        identity, device, action = question.identity, question.device, question.action
        config, access = self._now_in_force()
        decision = access.decide(identity, device, action, now=now())
        if isinstance(decision, NotAllowed):
            self.cancel(question)
            return _not_allowed(identity, device, action, decision)
        if self._confirming is None:
            return _told(identity, of.refused_here(device, action, Cause.NOT_ASKED))
        person, found = decision.person.name, config.devices[device]
        refusal = self._confirming.accept(question, person=person, device=found, pin=pin)
        return None if refusal is None else _told(identity, refusal)

    def confirm(
        self,
        question: Question,
        *,
        pin: str = "",
        jti: str | None = None,
        wait: float | None = None,
        patience: float | None = None,
        on_late: Callable[[Answer], None] | None = None,
    ) -> Answer:
        """Does what was asked back about, if the answer is good and the person may still do it; never raises.

        Args:
            question: the one that was answered, as :meth:`pending` gives it.
            pin: what was given as a PIN; "" if a YES was said.
            jti: the command's id, derived from the answering message's own.
            wait: as in :meth:`ask`; so are all others.
            patience: the same.
            on_late: the same.
        """
        refusal = self.accept(question, pin=pin)
        if refusal is not None:
            return refusal
        return self._ask(
            question.identity, question.device, question.action, confirmed=True,
            jti=jti, wait=wait, patience=patience, on_late=on_late,
        )  # fmt: skip

    def ask(
        self,
        *,
        identity: str,
        device: str,
        action: str,
        jti: str | None = None,
        wait: float | None = None,
        patience: float | None = None,
        on_late: Callable[[Answer], None] | None = None,
    ) -> Answer:
        """Does what somebody said, if they may, and tells how it ended; never raises.

        Args:
            identity: ``<issuer>:<stable id>``.
            device: its name in config.json.
            action: its name.
            jti: the command's id, derived from the heard message's own, so that hearing it twice is one command.
            wait: seconds that this call may take.
            patience: seconds after which it must not be begun any more.
            on_late: told the truth if it comes after ``no answer``.
        """
        return self._ask(
            identity, device, action, confirmed=False, jti=jti, wait=wait, patience=patience, on_late=on_late
        )

    def _ask(
        self, identity: str, device: str, action: str, *, confirmed: bool, jti: str | None, **options: Any
    ) -> Answer:
        config, access = self._now_in_force()
        decision = access.decide(identity, device, action, now=now())
        if isinstance(decision, NotAllowed):
            return _not_allowed(identity, device, action, decision)
        found = config.devices[device]
        if action in found.confirm and not confirmed:
            return _told(identity, of.refused_here(device, action, Cause.NEEDS_CONFIRMATION))
        if action != STATUS:
            over = self._limits.count(decision.person.name, device, found.limit, jti)
            if over is not None:
                return _too_often(identity, device, action, over)
        answer = self.sender.ask(agent=found.agent, device=device, action=action, sub=identity, jti=jti, **options)
        done = answer.ending is of.Ending.DONE
        event(
            _log, logging.INFO if done else logging.WARNING, "Asked.", device=device, action=action, who=identity,
            outcome=answer.ending, cause=answer.cause and answer.cause.wire, detail=answer.detail,
        )  # fmt: skip
        return answer

    def health(self) -> Health:
        """How it is: the connection, the configuration, and what the service itself adds."""
        connection, own = self.sender.health(), self.extra_health()
        asking = self._confirming.health() if self._confirming is not None else Health()
        return Health(
            connection.troubles + self._reloading.problems + asking.troubles + own.troubles,
            connection.notes + asking.notes + own.notes,
        )

    def refresh(self) -> Health:
        """How it is now: takes over a changed file though nobody says a word, and publishes what is news."""
        _ = self.access  # looks at the file
        health = self.health()
        if health != self._told:
            self.publish_status()
        return health

    def publish_status(self) -> None:
        """Publishes how it is."""
        if not self._announce:
            return
        health = self._told = self.health()
        status = {
            "service": self._service,
            "version": __version__,
            "config": self._reloading.current().digest,
            "health": health.word,
            "troubles": health.troubles,
            "notes": health.notes,
            "signs": self.sender.signs,
            **self.extra_status(),
        }
        self.sender.publish(topics.status(self.issuer), json.dumps(status, separators=(",", ":")))


def _not_allowed(identity: str, device: str, action: str, decision: NotAllowed) -> Answer:
    event(
        _log, logging.WARNING, f"Not allowed: {decision.reason}.",
        device=device, action=action, who=identity, outcome="refused", cause=Cause.FORBIDDEN.wire,
    )  # fmt: skip
    return of.refused_here(device, action, Cause.FORBIDDEN, decision.reason)


def _too_often(identity: str, device: str, action: str, over: Over) -> Answer:
    refusal = of.refused_here(device, action, Cause.TOO_OFTEN)
    return _told(identity, refusal._replace(wait=over.seconds, told_before=over.told_before))


def _told(identity: str, refusal: Answer) -> Answer:
    """The refusal, told to the log: once, where the person is told once."""
    event(
        _log, logging.DEBUG if refusal.told_before else logging.WARNING, "Refused here, nothing was published.",
        device=refusal.device, action=refusal.action, who=identity, outcome=refusal.ending,
        cause=refusal.cause and refusal.cause.wire, detail=refusal.detail, wait=refusal.wait, tries=refusal.tries,
    )  # fmt: skip
    return refusal


def _without(actions: tuple[str, ...], device: Device) -> tuple[str, ...]:
    return tuple(action for action in actions if action not in device.confirm)


def now() -> dt.datetime:
    """The time of day, aware of its zone, as permissions need it."""
    return dt.datetime.now(dt.UTC)
