"""What lies in the state folder, for a program beside a service: a tool, a test, a demonstration.

A service itself is handed these, and again when they change.
"""

from latchwire.config.environment import environment
from latchwire.config.home import Config
from latchwire.config.loading import load
from latchwire.config.places import find

__all__ = ["Config", "config", "variables"]


def config() -> Config:
    """config.json.

    Raises:
        ConfigurationError: with all that is wrong with it.
    """
    return load(find().config)


def variables() -> dict[str, str]:
    """The environment, completed by ``state/.env``.

    Raises:
        ConfigurationError: lines of ``.env`` that cannot be read.
    """
    return environment(find().state)
