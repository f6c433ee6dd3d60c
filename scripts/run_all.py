"""Runs every line of the Procfile with one prefixed log, until Ctrl-C.

This is honcho, with state/.env read as the services read it, a look at the ports first, and two additions. A
terminal that is closed ends everything as Ctrl-C does (the hang-up tells so or, where it reaches only ``make``,
that nothing can be printed any more). A signal that comes during the start leaves no process behind.
"""

import os
import signal
import socket
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from honcho.environ import parse_procfile
from honcho.manager import Manager
from honcho.printer import Message, Printer

from latchwire.config.environment import environment, port, value
from latchwire.errors import ConfigurationError

LISTENERS: Final = {
    "broker": ("BROKER_BIND", "BROKER_PORT"),
    "whatsapp-webhook": ("WEBHOOK_BIND", "WEBHOOK_PORT"),
    "demo-x": ("", "DEMO_X_PORT"),
}
"""The lines of the Procfile that listen, and the variables that say where; "" for loopback."""


class LeavingPrinter(Printer):  # type: ignore[misc] # honcho has no types
    """Prints, and asks for the end of all, once, when nobody can read it any more."""

    asked = False

    def write(self, message: Message) -> None:
        """Prints one line of one process."""
        try:
            super().write(message)
        except OSError:
            if self.asked:
                return
            self.asked = True
            os.kill(os.getpid(), signal.SIGTERM)


class Runner(Manager):  # type: ignore[misc] # honcho has no types
    """honcho's manager, which loses what it is just starting when a signal comes while it starts."""

    def __init__(self, printer: Printer) -> None:
        super().__init__(printer)
        self._main = os.getpid()

    def terminate(self) -> None:
        """Ends all processes, once all have started."""
        if os.getpid() != self._main:
            return  # a child of honcho's, which inherited the handler and does not ignore the signal yet
        if self._all_started():
            super().terminate()
        else:
            signal.signal(signal.SIGALRM, lambda *_: self.terminate())
            signal.setitimer(signal.ITIMER_REAL, 0.05)


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


def check_port(bind: str, name: str, variables: Mapping[str, str]) -> None:
    """Raises ConfigurationError, with the line to type, if the port is taken."""
    address, number = value(variables, bind) if bind else "127.0.0.1", port(variables, name)
    if is_free(address, number):
        return
    others = [other for other in range(number + 1, min(number + 100, 65536)) if is_free(address, other)]
    if not others:
        raise ConfigurationError(f"{bind or name}: nothing can listen at {address}, on port {number} or the next")
    raise ConfigurationError(
        f"port {number} is taken by another program (is `make run` running in another terminal?). "
        f"Type:  {name}={others[0]} make run"
    )


def main() -> int | str:
    """Returns the exit status, 0 after Ctrl-C or SIGTERM (which is how this ends), or what is wrong."""
    os.chdir(Path(__file__).parents[1])
    processes = parse_procfile(Path("Procfile").read_text(encoding="utf-8")).processes
    try:
        variables = environment(Path(os.environ["LATCHWIRE_STATE"]))
        for process in processes.keys() & LISTENERS.keys():
            check_port(*LISTENERS[process], variables)
    except ConfigurationError as error:
        return f"latchwire: {error}"
    manager = Runner(LeavingPrinter(sys.stdout))
    for process, command in processes.items():
        manager.add_process(process, command, env={**os.environ, "PYTHONUNBUFFERED": "1"})
    # honcho's own children inherit this handler, and ignore the SIGTERM.
    signal.signal(signal.SIGHUP, lambda *_: os.kill(os.getpid(), signal.SIGTERM))
    manager.loop()
    ended_by_signal = (128 + signal.SIGINT, 128 + signal.SIGTERM)
    return 0 if manager.returncode in ended_by_signal else int(manager.returncode)


if __name__ == "__main__":
    sys.exit(main())
