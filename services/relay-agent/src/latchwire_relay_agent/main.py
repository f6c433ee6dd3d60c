"""The program: runs the relay agents of config.json that are ``simulated`` or ``here``.

The simulated board's registers are kept in a file beside the sockets, as a real board keeps its own while the agent's
process is killed and started again.
"""

import sys
from pathlib import Path

from latchwire import __version__
from latchwire.actuator import About, Actuator
from latchwire.config.environment import environment
from latchwire.config.places import find
from latchwire.errors import ConfigurationError
from latchwire.service.frame import Program
from latchwire.service.frame import main as run
from latchwire.service.home import AgentsHere, Setup
from latchwire_relay_agent.hardware import TYPE, open_devices

NAME = "relay-agent"


def make(setup: Setup, run_folder: Path) -> Actuator:
    """An agent with its relays.

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


def main() -> int:
    """Runs the service."""
    places = find()
    try:
        variables = environment(places.state)
    except ConfigurationError as error:
        sys.stderr.write("".join(f"{problem}\n" for problem in error.problems))
        return 1
    agents = AgentsHere(places=places, agent_type=TYPE, make=lambda setup: make(setup, places.run))
    return run(
        Program(
            name=NAME,
            purpose="Works locks and switches on relays, on the command of who may.",
            version=__version__,
            run_folder=places.run,
            find=agents.find,
            variables=variables,
        )
    )
