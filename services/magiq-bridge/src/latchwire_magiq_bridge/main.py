"""The program: runs the magiq agents of config.json that are ``simulated`` or ``here``."""

import sys

from latchwire.actuator import About, Actuator
from latchwire.config.environment import environment
from latchwire.config.places import find
from latchwire.errors import ConfigurationError
from latchwire.service.frame import Program
from latchwire.service.frame import main as run
from latchwire.service.home import AgentsHere
from latchwire.service.setup import Setup
from latchwire_magiq_bridge import __version__
from latchwire_magiq_bridge.devices import TYPE, open_devices, workers

NAME = "magiq-bridge"


def make(setup: Setup) -> Actuator:
    """An agent with its sockets.

    Raises:
        ConfigurationError: something in its part of the configuration is wrong.
    """
    return Actuator(
        config=setup.config,
        keyring=setup.keyring,
        endpoint=setup.endpoint,
        login=setup.login,
        handlers=open_devices(setup.config, environ=setup.variables),
        about=About(NAME, __version__, setup.digest),
        workers=workers(len(setup.config.devices)),
    )


def main() -> int:
    """Runs the service."""
    places = find()
    try:
        variables = environment(places.state)
    except ConfigurationError as error:
        sys.stderr.write("".join(f"{problem}\n" for problem in error.problems))
        return 1
    agents = AgentsHere(places=places, agent_type=TYPE, make=make)
    return run(
        Program(
            name=NAME,
            purpose="Works MagIQ power sockets through their cloud, on the command of who may.",
            version=__version__,
            run_folder=places.run,
            find=agents.find,
            variables=variables,
        )
    )
