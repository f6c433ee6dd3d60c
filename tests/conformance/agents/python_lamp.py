"""A lamp by the project's own kit, as a program like any other: ``LATCHWIRE_BUNDLE=FOLDER python python_lamp.py``."""

import logging
import os
import signal
import sys
import threading
from pathlib import Path
from typing import Final

from latchwire.actuator import About, Actuator
from latchwire.model import State
from latchwire.service.bundle import read_bundle


class Lamp:
    """A switch with nothing behind it but this memory."""

    simulated: Final = True

    def __init__(self) -> None:
        self._state = State.OFF

    def on(self) -> State:
        self._state = State.ON
        return self._state

    def off(self) -> State:
        self._state = State.OFF
        return self._state

    def status(self) -> State:
        return self._state


def main() -> None:
    logging.basicConfig(level=logging.INFO, stream=sys.stderr)
    setup = read_bundle(Path(os.environ["LATCHWIRE_BUNDLE"]), os.environ)
    agent = Actuator(
        config=setup.config,
        keyring=setup.keyring,
        endpoint=setup.endpoint,
        login=setup.login,
        handlers={name: Lamp() for name in setup.config.devices},
        about=About("python-lamp", "1.0.0", setup.digest),
    )
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    agent.start()
    ended.wait()
    agent.stop()


main()
