"""What every command that talks to the broker needs: configuration, keys, login and address, or all that is wrong."""

import os
import pwd
from typing import NamedTuple

from latchwire.bus import Endpoint
from latchwire.config.environment import environment
from latchwire.config.home import MANUAL, Device
from latchwire.config.places import Places, find
from latchwire.config.reloading import Reloading
from latchwire.config.strict_json import quoted
from latchwire.config.wording import meant, spoken
from latchwire.confirmation import Confirming, Pins
from latchwire.errors import ConfigurationError
from latchwire.ingress import Ingress
from latchwire.protocol.keys import Keyring
from latchwire.service.home import all_keys, endpoint, login

OBSERVER = "observer"


class Place(NamedTuple):
    """Where the command line works."""

    places: Places
    config: Reloading
    variables: dict[str, str]
    endpoint: Endpoint

    def device(self, text: str) -> Device:
        """The device of that name, or that other name.

        Raises:
            ConfigurationError: there is none; it says which there are.
        """
        config = self.config.current()
        if text in config.devices:
            return config.devices[text]
        for device in config.devices.values():
            if spoken(text) in {spoken(name) for name in (device.name, *device.names)}:
                return device
        known = ", ".join(config.devices) or "none; add one to config.json"
        raise ConfigurationError(f"There is no device {quoted(text)}{meant(text, config.devices)}; you have: {known}")

    def by_hand(self) -> Ingress:
        """An ingress for this terminal's user, under the issuer ``manual``."""
        return Ingress(
            issuer=MANUAL,
            service="latchwire",
            config=self.config,
            keyring=self.places.keyring(MANUAL),
            endpoint=self.endpoint,
            login=login(self.places, MANUAL),
            announce=False,
            confirming=Confirming(Pins(self.places)),
        )

    def all_keys(self) -> Keyring:
        """Every key that lies in the state folder, for verifying what passes."""
        return all_keys(self.places, self.config.current())


def here() -> Place:
    """Reads all of it.

    Raises:
        ConfigurationError: with all that is wrong.
    """
    places = find()
    if not places.config.exists():
        raise ConfigurationError(f"{places.config} is not there; type: ./latchwire init   (make run does it, too)")
    variables = environment(places.state)
    return Place(places, Reloading(places.config), variables, endpoint(variables))


def identity() -> str:
    """Who types: ``manual:<Unix user>``; ``LATCHWIRE_USER`` names the one outside a container."""
    name = os.environ.get("LATCHWIRE_USER", "")
    if not name:
        try:
            name = pwd.getpwuid(os.getuid()).pw_name
        except KeyError:
            name = str(os.getuid())
    name = "".join(character if "!" <= character <= "~" else "-" for character in name)[:100]
    return f"{MANUAL}:{name}"
