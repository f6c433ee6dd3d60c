"""One device as config.json describes it: what an actuator's class is made with."""

from typing import Final

from latchwire.config.agent import DeviceConfig
from latchwire.errors import ConfigurationError
from latchwire.kit.agent import Agent
from latchwire.kit.settings import Settings
from latchwire.kit.variables import needed, value
from latchwire.model import Kind

__all__ = ["Device"]


class Device:
    """One device of config.json.

    Attributes:
        name: as in ``devices``.
        kind: ``lock`` or ``switch``.
        settings: what only its own code understands.
        agent: whose device it is.
    """

    def __init__(self, config: DeviceConfig, agent: Agent) -> None:
        self.name: Final = config.name
        self.kind: Final[Kind] = config.kind
        self.settings: Final = Settings(config.settings, place=f"devices.{config.name}")
        self.agent: Final = agent

    @property
    def agent_settings(self) -> Settings:
        """What the agent's own part of config.json holds for its devices together, as an address."""
        return Settings(self.agent.config.settings, place=f"agents.{self.agent.config.name}")

    def secret(self, name: str) -> str:
        """A secret from the environment or ``state/.env``, or from the file that ``NAME_FILE`` names.

        Raises:
            ConfigurationError: it is not set, or cannot be one.
        """
        return needed(self.agent.variables, name)

    def variable(self, name: str, default: str = "") -> str:
        """A variable of the environment or ``state/.env`` that is no secret."""
        return value(self.agent.variables, name, default)

    def require(self, kind: Kind) -> None:
        """For code that can work one kind of device only.

        Raises:
            ConfigurationError: this one is of another kind.
        """
        if self.kind is not kind:
            raise ConfigurationError(
                f'devices.{self.name}.kind: a "{self.kind}" cannot be worked by it; write "{kind}"'
            )
