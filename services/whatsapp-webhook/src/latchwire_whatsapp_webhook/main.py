"""The program ``latchwire-whatsapp-webhook``: puts the parts together, in the frame that all services share.

Its one member is made anew when a credential, a key or an address changes; people and words of config.json need not
even that.
"""

import hashlib
import logging
from collections.abc import Callable, Mapping
from socket import socket
from typing import Final

from latchwire.config import expiry
from latchwire.config.environment import environment, port, secret, value
from latchwire.config.examples import check_example_people
from latchwire.config.loading import load
from latchwire.config.places import Places, find
from latchwire.config.reloading import Reloading
from latchwire.errors import ConfigurationError
from latchwire.health import Health
from latchwire.ingress import Ingress
from latchwire.log import event
from latchwire.service import frame
from latchwire.service.home import endpoint, login
from latchwire_whatsapp_webhook import __version__, late
from latchwire_whatsapp_webhook.app import Signing, create_app
from latchwire_whatsapp_webhook.asking import Asking
from latchwire_whatsapp_webhook.conversation import Conversation
from latchwire_whatsapp_webhook.household import Household
from latchwire_whatsapp_webhook.journal import Journal, JournalError
from latchwire_whatsapp_webhook.server import Doorway, Server, listen, tell_where
from latchwire_whatsapp_webhook.words import Device, remarks

NAME: Final = "whatsapp-webhook"
ISSUER: Final = "whatsapp"
_NEEDS_PUBLIC_URL: Final = "PUBLIC_BASE_URL is not set: Twilio cannot reach the webhook by itself (docs/whatsapp.md)."
_NEEDS_TOKEN: Final = "TWILIO_AUTH_TOKEN is not set: WhatsApp is idle (docs/whatsapp.md)."  # noqa: S105 - a sentence

_log: Final = logging.getLogger("latchwire.whatsapp")


class Webhook:
    """The service at work.

    Args:
        places: the state folder.
        variables: the environment.
        listen_at: gives a listening socket for host and port.

    Raises:
        ConfigurationError: something it needs is missing or wrong.
    """

    def __init__(
        self, *, places: Places, variables: Mapping[str, str], listen_at: Callable[[str, int], socket] = listen
    ) -> None:
        token = secret(variables, "TWILIO_AUTH_TOKEN")
        account = value(variables, "TWILIO_ACCOUNT_SID")
        self._signing = Signing.checked(
            token=token,
            account=account,
            base_url=value(variables, "PUBLIC_BASE_URL"),
            proxies=value(variables, "TRUST_PROXY"),
        )
        config = Reloading(places.config)
        check_example_people(config.current(), variables)
        keyring, where, our_login = places.keyring(ISSUER), endpoint(variables), login(places, ISSUER)
        self._host = value(variables, "WEBHOOK_BIND")
        listener = listen_at(
            self._host, port(variables, "WEBHOOK_PORT")
        )  # last: all else that can be wrong was looked at
        self._ingress = Ingress(
            issuer=ISSUER, service=NAME, config=config, keyring=keyring, endpoint=where, login=our_login
        )
        self._ingress.extra_health = self._own_health
        self._journal = Journal(path=places.data / "whatsapp.sqlite3")
        household = Household(self._ingress)
        self._asking = Asking(ask=household.ask)
        conversation = Conversation(
            journal=self._journal,
            who=household.who,
            asking=self._asking,
            send=late.sender(account=account, token=token) if account and token else None,
        )
        app = create_app(
            conversation=conversation, signing=self._signing, troubles=lambda: self._ingress.health().troubles
        )
        self._server = Server(app, listener=listener, proxies=self._signing.proxies > 0)

    def start(self) -> None:
        """Connects, listens, and tells where."""
        config = self._ingress.config
        for remark in remarks([Device(d.name, d.kind, d.names) for d in config.devices.values()], config.words):
            event(_log, logging.WARNING, remark)
        self._ingress.start()
        self._server.start()
        tell_where(self._signing, host=self._host, port=self._server.port)

    def stop(self) -> None:
        """Takes no more requests, and disconnects."""
        self._server.stop()
        self._asking.stop()
        self._ingress.stop()
        self._journal.close()

    def health(self) -> Health:
        """How it is."""
        return self._ingress.refresh()

    def hung(self) -> str:
        """What of it hangs or has died; "" if nothing."""
        return self._ingress.hung() or ("" if self._server.is_serving else "the HTTP server")

    def _own_health(self) -> Health:
        try:
            self._journal.check()
        except JournalError as error:
            return Health((str(error),))
        missing = [] if self._signing.token else [_NEEDS_TOKEN]
        return Health((), tuple(missing if self._signing.base_url else [*missing, _NEEDS_PUBLIC_URL]))


def members(places: Places, doorway: Doorway) -> frame.Found:
    """What to run now, for the frame.

    Args:
        places: the state folder.
        doorway: where the webhook listens.

    Raises:
        ConfigurationError: what is wrong with ``.env``.
    """
    variables = environment(places.state)
    member = frame.Member(
        _fingerprint(places, variables),
        f"WhatsApp on {value(variables, 'WEBHOOK_BIND')}:{value(variables, 'WEBHOOK_PORT')}",
        lambda: Webhook(places=places, variables=variables, listen_at=doorway.listen),
    )
    return frame.Found({ISSUER: member}, expiry.note(places))


def main() -> int:
    """The console script."""
    places, doorway = find(), Doorway()
    try:
        variables: Mapping[str, str] = environment(places.state)
    except ConfigurationError:
        variables = {}  # told by the frame, which looks again
    return frame.main(
        frame.Program(
            name=NAME,
            purpose="Hears WhatsApp messages through Twilio, and works locks and sockets by them.",
            version=__version__,
            run_folder=places.run,
            find=lambda: members(places, doorway),
            variables=variables,
        )
    )


def _fingerprint(places: Places, variables: Mapping[str, str]) -> str:
    """Changes with what the member is made of; config.json counts only by whether it may be used at all."""
    parts = [
        f"{name}={variables[name]}"
        for name in sorted(variables)
        if name.startswith(("TWILIO_", "PUBLIC_BASE_URL", "TRUST_PROXY", "WEBHOOK_", "BROKER_", "MQTT_", "LATCHWIRE_"))
    ]
    for path in (places.keys(ISSUER), places.login(ISSUER)):
        try:
            parts.append(path.read_text("ascii", "replace"))
        except OSError as error:
            parts.append(str(error.errno))
    try:
        check_example_people(load(places.config), variables)
    except ConfigurationError as error:
        if not places.config.exists() or "invented" in str(error):
            parts.append(str(error))
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()
