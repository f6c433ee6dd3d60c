"""The program: runs the magiq agents of config.json that are ``simulated`` or ``here``."""

from latchwire.kit.actuator import Agent, run_together
from latchwire_magiq_bridge import __version__
from latchwire_magiq_bridge.devices import TYPE, Handler, open_devices

NAME = "magiq-bridge"


def open_sockets(agent: Agent) -> dict[str, Handler]:
    """A handler for each socket of the agent."""
    return open_devices(agent.config, environ=agent.variables)


def main() -> int:
    """Runs the service."""
    return run_together(
        open_sockets,
        name=NAME,
        agent_type=TYPE,
        purpose="Works MagIQ power sockets through their cloud, on the command of who may.",
        version=__version__,
    )
