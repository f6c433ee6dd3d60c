"""A new password at the broker for one login, and the broker's files that hold it.

Mosquitto keeps one password for each login, and ends a connection whose password does not hold any more when it reads
its files again. So a service is given the new one first, and comes back with it at once.
"""

import datetime as dt
import secrets
import time
from collections.abc import Iterator
from typing import Final

from latchwire.cli import making, reloading
from latchwire.cli.files import Writer
from latchwire.cli.place import Place
from latchwire.config import expiry
from latchwire.config.expiry import Served
from latchwire.config.home import MANUAL, Config
from latchwire.config.places import Places
from latchwire.service.frame import RELOAD_SECONDS

TAKEN_SECONDS: Final = RELOAD_SECONDS + 2
"""After so long a service here has read its new password."""


CERTIFICATE_ENDS: Final = (
    "The broker keeps a connection that stands although its certificate does not count any more. Restart it:",
    "  Ctrl-C and `make run`, or:  docker compose run --rm setup && docker compose restart broker",
)
"""What to say where certificates are logins: Mosquitto looks at one only when it connects."""


def new(places: Places, writer: Writer, login: str) -> Served | None:
    """Makes a new password, and a new certificate where they are logins; needs the writer's lock.

    Returns:
        What the broker serves by TLS.

    Raises:
        ConfigurationError: a certificate has to be made, and cannot be.
    """
    served = expiry.read(places)
    if served is not None and served.certificates:
        tls = making.certificates()

        tls.Maker(places, writer, now=dt.datetime.now(dt.UTC)).revoke(login)
    writer.replace(places.login(login), f"{secrets.token_urlsafe(32)}\n")
    return served


def for_broker(config: Config, places: Places, writer: Writer, served: Served | None) -> list[str]:
    """Gives the broker the new password and list, and has it read them; needs the writer's lock.

    Nothing else of its folder is touched: in Compose the ports and addresses are known to ``setup`` alone.
    """
    before = len(writer.made)
    making.make_password_file(places, writer, making.make_logins(config, places, writer))
    if served is not None:
        making.copy_certificates(places, writer, served)
    making.give_to_broker(places)
    return reloading.tell(places, [name.removeprefix("broker/") for name in writer.made[before:]])


def change(here: Place, writer: Writer, login: str, *, wait: bool) -> Iterator[str]:
    """Changes a login's password; gives what to say, a line each, as it goes on.

    Args:
        here: the state folder.
        writer: of that folder, not locked.
        login: whose.
        wait: whether its service runs and is given the time to read it before the broker wants it.
    """
    config, places = here.config.current(), here.places
    with writer.locked():
        served = new(places, writer, login)
        if login == MANUAL:
            making.make_client_options(places, writer, endpoint=here.endpoint, password=places.password(login))
    if wait:
        yield f"Waiting {TAKEN_SECONDS:.0f} s, until the service of {login} has read its new password."
        time.sleep(TAKEN_SECONDS)
    with writer.locked():
        said = for_broker(config, places, writer, served)
    yield f"{login} has a new password at the broker."
    yield from said
    if served is not None and served.certificates:
        yield from CERTIFICATE_ENDS
