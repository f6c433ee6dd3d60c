"""One agent with its relays, for both ways to run: beside the user's config.json, and from a bundle."""

from typing import Final

from latchwire.kit.agent import Agent
from latchwire_relay_agent.hardware import Handler, open_devices

NAME: Final = "relay-agent"
PURPOSE: Final = "Works locks and switches on relays, on the command of who may."
WORKERS: Final = 4
"""One bus: more would only wait for each other."""


def open_relays(agent: Agent) -> dict[str, Handler]:
    """A handler for each device of the agent.

    A simulated board's registers are kept in a file beside the sockets, as a real board keeps its own while the agent's
    process is killed and started again.

    Raises:
        ConfigurationError: something in its part of the configuration is wrong.
    """
    memory = agent.run_folder / f"{agent.config.name}.simulated-board" if agent.simulated else None
    return open_devices(agent.config, memory=memory)
