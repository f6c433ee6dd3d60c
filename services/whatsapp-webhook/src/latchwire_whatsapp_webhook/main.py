"""The program ``latchwire-whatsapp-webhook``: puts the parts together.

Its one member is made anew when a credential, a key or an address changes; people and words of config.json need not
even that.
"""

import logging
from collections.abc import Callable, Mapping
from socket import socket
from typing import Final

from latchwire.health import Health
from latchwire.kit.ingress import Ingress, run
from latchwire.kit.variables import port, secret, value
from latchwire.log import event
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
        ingress: whom to ask.
        listen_at: gives a listening socket for host and port.

    Raises:
        ConfigurationError: something it needs is missing or wrong.
    """

    def __init__(self, ingress: Ingress, *, listen_at: Callable[[str, int], socket] = listen) -> None:
        self._ingress, variables = ingress, ingress.variables
        token = secret(variables, "TWILIO_AUTH_TOKEN")
        account = value(variables, "TWILIO_ACCOUNT_SID")
        self._signing = Signing.checked(
            token=token,
            account=account,
            base_url=value(variables, "PUBLIC_BASE_URL"),
            proxies=value(variables, "TRUST_PROXY"),
        )
        self._host = value(variables, "WEBHOOK_BIND")
        listener = listen_at(
            self._host, port(variables, "WEBHOOK_PORT")
        )  # last: all else that can be wrong was looked at
        self._journal = Journal(path=ingress.data / "whatsapp.sqlite3")
        household = Household(self._ingress)
        self._asking = Asking(ask=household.ask)
        conversation = Conversation(
            journal=self._journal,
            who=household.who,
            asking=self._asking,
            ask_back=household,
            send=late.sender(account=account, token=token) if account and token else None,
        )
        app = create_app(
            conversation=conversation, signing=self._signing, troubles=lambda: self._ingress.health().troubles
        )
        self._server = Server(app, listener=listener, proxies=self._signing.proxies > 0)

    def start(self) -> None:
        """Listens, and tells where."""
        config = self._ingress.config
        for remark in remarks([Device(d.name, d.kind, d.names) for d in config.devices.values()], config.words):
            event(_log, logging.WARNING, remark)
        self._server.start()
        tell_where(self._signing, host=self._host, port=self._server.port)

    def stop(self) -> None:
        """Takes no more requests."""
        self._server.stop()
        self._asking.stop()
        self._journal.close()

    def hung(self) -> str:
        """What of it has died; "" if nothing."""
        return "" if self._server.is_serving else "the HTTP server"

    def health(self) -> Health:
        """How it is."""
        try:
            self._journal.check()
        except JournalError as error:
            return Health((str(error),))
        missing = [] if self._signing.token else [_NEEDS_TOKEN]
        return Health((), tuple(missing if self._signing.base_url else [*missing, _NEEDS_PUBLIC_URL]))


def where(variables: Mapping[str, str]) -> str:
    """What it is, in a line."""
    return f"WhatsApp on {value(variables, 'WEBHOOK_BIND')}:{value(variables, 'WEBHOOK_PORT')}"


def main() -> int:
    """The console script."""
    doorway = Doorway()
    return run(
        lambda ingress: Webhook(ingress, listen_at=doorway.listen),
        name=NAME,
        issuer=ISSUER,
        purpose="Hears WhatsApp messages through Twilio, and works locks and sockets by them.",
        version=__version__,
        variables=("TWILIO_", "PUBLIC_BASE_URL", "TRUST_PROXY", "WEBHOOK_"),
        summary=where,
        asks_back=True,
    )
