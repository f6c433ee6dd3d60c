"""The program ``latchwire-twitter-listener``: puts the parts together.

Its one member is made anew when a credential, a key, an address or ``ingresses.twitter`` of config.json changes.
Changed people and hashtags are taken over within seconds without that.
"""

from collections.abc import Mapping
from typing import Final

from latchwire.errors import ConfigurationError
from latchwire.health import Health
from latchwire.kit.ingress import Config, Ending, Ingress, run
from latchwire.kit.variables import DEMO, value
from latchwire_twitter_listener import __version__
from latchwire_twitter_listener.asking import Answer
from latchwire_twitter_listener.credentials import Credentials
from latchwire_twitter_listener.listener import Listener
from latchwire_twitter_listener.outcome import sentence
from latchwire_twitter_listener.status import Snapshot
from latchwire_twitter_listener.transport import LIVE_BASE
from latchwire_twitter_listener.wishes import ISSUER, settings_of, wishes_of

NAME: Final = "twitter-listener"
WAIT_SECONDS: Final = 20.0
"""How long a receipt is waited for; nobody holds a line open for it, so longer than a chat would."""
VARIABLES: Final = ("X_",)
"""How the names of the variables begin that it reads."""
_LONG_WAIT: Final = 60.0


class TwitterListener:
    """The service at work.

    Raises:
        ConfigurationError: something it needs is missing or wrong.
    """

    def __init__(self, ingress: Ingress) -> None:
        self._ingress, variables = ingress, ingress.variables
        base = value(variables, "X_API_BASE") or LIVE_BASE
        if not base.startswith(("https://", "http://")):
            raise ConfigurationError(f'X_API_BASE: "{base}" is no address; it starts with https://')
        self._taken = ingress.config
        self._listener = Listener(
            settings=settings_of(self._taken),
            wishes=wishes_of(self._taken),
            credentials=credentials_for(self._taken, variables),
            data=ingress.data,
            ask=self._ask,
            base=base,
            on_change=lambda _: self._ingress.publish_status(),
            on_ids=self._know,
        )
        self._ids: Mapping[str, str] = {}
        self._billed = 0

    def start(self) -> None:
        """Listens to X."""
        self._listener.start()

    def stop(self) -> None:
        """Hears nothing more."""
        self._listener.stop()

    def health(self) -> Health:
        """How it is."""
        return health_of(self._listener.snapshot())

    def status(self) -> Mapping[str, object]:
        """What its status holds of X."""
        return {"x": self._listener.snapshot().as_json()}

    def hung(self) -> str:
        """What of it has died; "" if nothing."""
        if self._follower.ident is not None and not self._follower.is_alive() and not self._stopping.is_set():
            return f"the thread {self._follower.name} has ended"
        return self._listener.hung()

    def _ask(self, *, identity: str, device: str, action: str, message_id: str) -> Answer:
        answer = self._ingress.ask(identity=identity, device=device, action=action, jti=message_id, wait=WAIT_SECONDS)
        return Answer(done=answer.ending is Ending.DONE, sentence=sentence(answer))

    def _know(self, ids: Mapping[str, str]) -> None:
        if ids != self._ids:
            self._ids = dict(ids)
            self._ingress.know_x_ids(ids)

    def look(self) -> None:
        """Takes over changed people and hashtags; an invalid file is told by ``Reloading`` and changes nothing."""
        before, self._billed = self._billed, self._listener.snapshot().billed_today
        config = self._ingress.config
        if config is not self._taken:
            self._taken = config
            self._listener.update(wishes_of(config))
        elif self._billed >= before:  # else it is past midnight, and nothing else may happen that is told
            return
        self._ingress.publish_status()


def health_of(snapshot: Snapshot) -> Health:
    """Idle is healthy and says what to set; X away for a moment is no trouble, for a minute or longer it is."""
    if snapshot.health == "idle":
        return Health((), (snapshot.message,))
    notes = tuple(snapshot.sentences())
    if snapshot.health == "dead":
        return Health((snapshot.message,), notes)
    waits = (snapshot.next_try or 0) - (snapshot.last_error_at or 0)
    if snapshot.health == "waiting" and waits >= _LONG_WAIT:
        return Health((f"X: {snapshot.last_error} {snapshot.message}".strip(),), notes)
    return Health((), notes)


def credentials_for(config: Config, variables: Mapping[str, str]) -> Credentials:
    """The credentials that may be used: the demo's stand-in for X, where anybody here can post, moves nothing real.

    Raises:
        ConfigurationError: a credential that cannot be read.
    """
    found = Credentials.from_environment(variables)
    is_stand_in = found.bearer_token.startswith(DEMO)
    if is_stand_in and not all(agent.simulated for agent in config.agents.values()):
        return Credentials()
    return found


def made_of(config: Config, variables: Mapping[str, str]) -> object:
    """What of config.json makes the listener anew: how to listen, and whether it may."""
    return settings_of(config), credentials_for(config, variables).can_listen


def summary(variables: Mapping[str, str]) -> str:
    """What it is, in a line."""
    listens = Credentials.from_environment(variables).can_listen
    return "posts on X" if listens else "posts on X, idle without credentials"


def main() -> int:
    """The console script."""
    return run(
        TwitterListener,
        name=NAME,
        issuer=ISSUER,
        purpose="Hears posts on X, and works locks and sockets by them.",
        version=__version__,
        variables=VARIABLES,
        summary=summary,
        made_of=made_of,
    )
