"""Runs every line of the Procfile with one prefixed log, until Ctrl-C.

This is honcho, with state/.env read as the services read it, a look at the ports first, and two additions: a
terminal that is closed ends everything as Ctrl-C does, and output that cannot be printed any more (the same
closed terminal) does not end this program before it has ended the others.
"""

import os
import signal
import socket
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

from honcho.environ import parse_procfile
from honcho.manager import Manager
from honcho.printer import Message, Printer

from latchwire.config.environment import environment, port, value
from latchwire.errors import ConfigurationError

LISTENERS: Final = {"broker": "BROKER", "whatsapp-webhook": "WEBHOOK"}
"""The lines of the Procfile that listen at NAME_BIND, NAME_PORT."""


class LastingPrinter(Printer):  # type: ignore[misc] # honcho has no types
    """Prints where it can."""

    def write(self, message: Message) -> None:
        """Prints one line of one process."""
        with suppress(OSError):
            super().write(message)


def is_free(address: str, number: int) -> bool:
    """Whether a server could listen there now."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, number))
            probe.listen()
        except OSError:
            return False
    return True


def check_port(name: str, variables: Mapping[str, str]) -> None:
    """Raises ConfigurationError, with the line to type, if the port is taken."""
    address, number = value(variables, f"{name}_BIND"), port(variables, f"{name}_PORT")
    if is_free(address, number):
        return
    others = [other for other in range(number + 1, min(number + 100, 65536)) if is_free(address, other)]
    if not others:
        raise ConfigurationError(f"{name}_BIND: nothing can listen at {address}, on port {number} or the next")
    raise ConfigurationError(
        f"port {number} is taken by another program (is `make run` running in another terminal?). "
        f"Type:  {name}_PORT={others[0]} make run"
    )


def main() -> int | str:
    """Returns the exit status, 0 after Ctrl-C or SIGTERM (which is how this ends), or what is wrong."""
    os.chdir(Path(__file__).parents[1])
    processes = parse_procfile(Path("Procfile").read_text(encoding="utf-8")).processes
    try:
        variables = environment(Path(os.environ["LATCHWIRE_STATE"]))
        for process in processes.keys() & LISTENERS.keys():
            check_port(LISTENERS[process], variables)
    except ConfigurationError as error:
        return f"latchwire: {error}"
    manager = Manager(LastingPrinter(sys.stdout))
    for process, command in processes.items():
        manager.add_process(process, command, env={**variables, "PYTHONUNBUFFERED": "1"})
    # honcho's own children inherit this handler, and ignore the SIGTERM.
    signal.signal(signal.SIGHUP, lambda *_: os.kill(os.getpid(), signal.SIGTERM))
    manager.loop()
    asked = (128 + signal.SIGINT, 128 + signal.SIGTERM)
    return 0 if manager.returncode in asked else int(manager.returncode)


if __name__ == "__main__":
    sys.exit(main())
