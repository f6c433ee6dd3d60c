"""Settings and secrets from the environment, which ``state/.env`` completes.

``variables`` is what a service is handed: ``agent.variables``, ``ingress.variables``, ``here.variables``.
"""

from collections.abc import Mapping

from latchwire.config.environment import DEMO, port, secret, value
from latchwire.errors import ConfigurationError

__all__ = ["DEMO", "needed", "port", "secret", "value"]


def needed(variables: Mapping[str, str], name: str) -> str:
    """A secret that there has to be: from ``NAME``, or from the file that ``NAME_FILE`` names.

    Raises:
        ConfigurationError: it is not set, or cannot be a secret. The secret itself is never in the error.
    """
    found = secret(variables, name)
    if not found:
        raise ConfigurationError(f"{name} is not set; set it in state/.env")
    return found
