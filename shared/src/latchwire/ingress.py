"""An ingress: somebody whom it can name said something; the kit decides, asks and tells.

    ingress = Ingress(issuer="whatsapp", places=places, variables=variables)
    ingress.start()
    answer = ingress.ask(identity="whatsapp:+15555550100", device="front-door", action="unlock", jti=…)

Heard → allowed → signed → carried → verified → told: the service brings the first and the last. Permissions come from
config.json as it is at that moment; a person who was taken out of it is refused at the next word.
"""

import datetime as dt
import json
import logging
from collections.abc import Callable, Mapping
from typing import Final

from latchwire import __version__, topics
from latchwire.access import Access, NotAllowed
from latchwire.bus import Endpoint, Login
from latchwire.config.home import Config, Person
from latchwire.config.reloading import Reloading
from latchwire.health import Health
from latchwire.log import event
from latchwire.model import Cause
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
    ) -> None:
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
        """What the person may do now: the actions by device."""
        return self.access.usable(person, now=now())

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
        config, access = self._now_in_force()
        decision = access.decide(identity, device, action, now=now())
        if isinstance(decision, NotAllowed):
            event(
                _log, logging.WARNING, f"Not allowed: {decision.reason}.",
                device=device, action=action, who=identity, outcome="refused", cause=Cause.FORBIDDEN.wire,
            )  # fmt: skip
            return of.refused_here(device, action, Cause.FORBIDDEN, decision.reason)
        answer = self.sender.ask(
            agent=config.devices[device].agent, device=device, action=action, sub=identity,
            jti=jti, wait=wait, patience=patience, on_late=on_late,
        )  # fmt: skip
        done = answer.ending is of.Ending.DONE
        event(
            _log, logging.INFO if done else logging.WARNING, "Asked.", device=device, action=action, who=identity,
            outcome=answer.ending, cause=answer.cause and answer.cause.wire, detail=answer.detail,
        )  # fmt: skip
        return answer

    def health(self) -> Health:
        """How it is: the connection, the configuration, and what the service itself adds."""
        connection, own = self.sender.health(), self.extra_health()
        return Health(
            connection.troubles + self._reloading.problems + own.troubles,
            connection.notes + own.notes,
        )

    def hung(self) -> str:
        """What of it hangs, for the watchdog; "" if nothing."""
        return self.sender.hung()

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
            **self.extra_status(),
        }
        self.sender.publish(topics.status(self.issuer), json.dumps(status, separators=(",", ":")))


def now() -> dt.datetime:
    """The time of day, aware of its zone, as permissions need it."""
    return dt.datetime.now(dt.UTC)
