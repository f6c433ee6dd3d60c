"""An agent of the kit whose devices are in memory: what the kit itself costs, without a chip or a simulation of one.

kit_agent HOST PORT STATE AGENT
"""

import sys
from pathlib import Path

from bench.worker import serve
from latchwire.actuator import About, Actuator
from latchwire.bus import Endpoint
from latchwire.bus.words import Login
from latchwire.config.agent import parse_agent
from latchwire.config.home import agent_extract
from latchwire.config.loading import load
from latchwire.config.places import Places
from latchwire.log import configure
from latchwire.model import Kind, State
from latchwire.service.one_cpu import settle


class Latch:
    """A lock in memory."""

    def __init__(self) -> None:
        self._state = State.LOCKED

    def lock(self) -> State:
        """Locks."""
        self._state = State.LOCKED
        return self._state

    def unlock(self) -> State:
        """Unlocks."""
        self._state = State.UNLOCKED
        return self._state

    def status(self) -> State:
        """Reads."""
        return self._state


class Lamp:
    """A switch in memory."""

    def __init__(self) -> None:
        self._state = State.OFF

    def on(self) -> State:
        """Switches on."""
        self._state = State.ON
        return self._state

    def off(self) -> State:
        """Switches off."""
        self._state = State.OFF
        return self._state

    def status(self) -> State:
        """Reads."""
        return self._state


def main(host: str, port: str, state: str, name: str) -> None:
    """Runs it."""
    settle("bench", {}, acts=True)  # as a service does
    places = Places(Path(state))
    config = parse_agent(agent_extract(load(places.config), name))
    configure(stream=(places.state / f"{name}.log").open("a", encoding="utf-8"))
    agent = Actuator(
        config=config,
        keyring=places.keyring(name),
        endpoint=Endpoint(host, int(port)),
        login=Login(name, places.password(name)),
        handlers={
            device.name: Latch() if device.kind is Kind.LOCK else Lamp() for device in config.devices.values()
        },
        about=About("bench", "0"),
    )  # fmt: skip
    agent.start()
    serve(lambda _: None)
    agent.stop()


if __name__ == "__main__":
    main(*sys.argv[1:])
