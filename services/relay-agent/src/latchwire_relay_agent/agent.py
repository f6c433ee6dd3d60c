"""Makes one agent with its relays, for both ways to run: beside the user's config.json, and from a bundle."""

from pathlib import Path
from typing import Final

from latchwire import __version__
from latchwire.actuator import About, Actuator
from latchwire.service.setup import Setup
from latchwire_relay_agent.hardware import open_devices

NAME: Final = "relay-agent"
PURPOSE: Final = "Works locks and switches on relays, on the command of who may."


def make(setup: Setup, run_folder: Path) -> Actuator:
    """An agent with its relays.

    A simulated board's registers are kept in a file beside the sockets, as a real board keeps its own while the agent's
    process is killed and started again.

    Raises:
        ConfigurationError: something in its part of the configuration is wrong.
    """
    config = setup.config
    memory = run_folder / f"{config.name}.simulated-board" if config.runs == "simulated" else None
    return Actuator(
        config=config,
        keyring=setup.keyring,
        endpoint=setup.endpoint,
        login=setup.login,
        handlers=open_devices(config, memory=memory),
        about=About(NAME, __version__, setup.digest),
        workers=4,  # one bus: more would only wait for each other
    )
