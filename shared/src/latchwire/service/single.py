"""The one member of a service beside the user's config.json: an ingress or an observer.

It is made anew when its variables or its own settings change, or when it shares keys with other agents than before. New
keys and a new password are handed to it at work. People and devices of config.json need not even that: they are read at
every word (``latchwire.config.reloading``).
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Final

from latchwire.config import expiry
from latchwire.config.environment import environment
from latchwire.config.examples import check_example_people
from latchwire.config.home import Config
from latchwire.config.loading import load
from latchwire.config.places import Places
from latchwire.errors import ConfigurationError
from latchwire.service.fingerprint import fingerprint
from latchwire.service.frame import Found, Member, Running
from latchwire.service.home import counterparts, of_secrets, secrets

_EVERYBODYS: Final = ("BROKER_", "MQTT_", "LATCHWIRE_")

Variables = Mapping[str, str]


class SingleMember:
    """Looks up the member, for a service's frame.

    Args:
        places: the state folder.
        name: its login.
        prefixes: how the names of the variables begin that it reads.
        made_of: what else of config.json it is made of; of the last valid file, which stays in force.
        summary: what it is, in a line.
        make: makes it.
    """

    def __init__(
        self,
        *,
        places: Places,
        name: str,
        prefixes: Sequence[str],
        made_of: Callable[[Config, Variables], object],
        summary: Callable[[Variables], str],
        make: Callable[[Variables], Running],
    ) -> None:
        self._places, self._name, self._prefixes = places, name, (*prefixes, *_EVERYBODYS)
        self._made_of, self._summary, self._make = made_of, summary, make
        self._taken = ""

    def find(self) -> Found:
        """Looks.

        Raises:
            ConfigurationError: what is wrong with ``.env``.
        """
        variables = environment(self._places.state)
        parts = [*self._of_config(variables), counterparts(self._places, self._name)]
        found = fingerprint(parts, (), variables, self._prefixes)
        mark = of_secrets(self._places, self._name)
        read = partial(secrets, self._places, self._name)
        member = Member(found, self._summary(variables), lambda: self._make(variables), mark, read)
        return Found({self._name: member}, expiry.note(self._places))

    def _of_config(self, variables: Variables) -> list[str]:
        try:
            config = load(self._places.config)
        except ConfigurationError as error:  # told by `Reloading`; what was in force stays, unless there is no file
            return [self._taken] if self._places.config.exists() else [self._taken, str(error)]
        self._taken = repr(self._made_of(config, variables))
        try:
            check_example_people(config, variables)
        except ConfigurationError as error:
            return [self._taken, str(error)]
        return [self._taken]
