"""Runs the relay agents of config.json that are ``simulated`` or ``here``."""

import sys
from collections.abc import Sequence

from latchwire import __version__
from latchwire.config.environment import environment
from latchwire.config.places import find
from latchwire.errors import ConfigurationError
from latchwire.service.frame import Program, main
from latchwire.service.home import AgentsHere
from latchwire_relay_agent.agent import NAME, PURPOSE, make
from latchwire_relay_agent.hardware import TYPE


def run(arguments: Sequence[str]) -> int:
    """Runs the service beside the user's config.json; the exit status."""
    places = find()
    try:
        variables = environment(places.state)
    except ConfigurationError as error:
        sys.stderr.write("".join(f"{problem}\n" for problem in error.problems))
        return 1
    agents = AgentsHere(places=places, agent_type=TYPE, make=lambda setup: make(setup, places.run))
    program = Program(
        name=NAME,
        purpose=PURPOSE,
        version=__version__,
        run_folder=places.run,
        find=agents.find,
        variables=variables,
    )
    return main(program, arguments)
