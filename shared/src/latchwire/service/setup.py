"""All that one agent is made of, wherever it was read: beside the user's config.json, or from a bundle."""

from collections.abc import Mapping
from typing import NamedTuple

from latchwire.bus import Endpoint, Login
from latchwire.config.agent import AgentConfig
from latchwire.protocol.keys import Keyring


class Secrets(NamedTuple):
    """What can change while a service works, without it being made anew: its keys, and its password at the broker."""

    keyring: Keyring
    login: Login


class Setup(NamedTuple):
    """All that one agent is made of."""

    config: AgentConfig
    keyring: Keyring
    endpoint: Endpoint
    login: Login
    digest: str
    variables: Mapping[str, str]
