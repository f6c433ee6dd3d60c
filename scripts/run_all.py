"""Runs every line of the Procfile, and of those of services of your own, with one prefixed log, until Ctrl-C.

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
from typing import NamedTuple

from honcho.environ import parse_procfile
from honcho.manager import Manager
from honcho.printer import Message, Printer

from latchwire.cli.listeners import LOOPBACK, plan
from latchwire.config import expiry
from latchwire.config.environment import environment, port, value
from latchwire.config.places import Places
from latchwire.errors import ConfigurationError


class Listener(NamedTuple):
    """Where a line of the Procfile listens, and the variables that say so; "" if none does."""

    address: str
    port: int
    bind_variable: str
    port_variable: str


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


def listeners(process: str, places: Places, variables: Mapping[str, str]) -> list[Listener]:
    """Where that line of the Procfile listens."""
    if process == "whatsapp-webhook":
        bind, number = value(variables, "WEBHOOK_BIND"), port(variables, "WEBHOOK_PORT")
        return [Listener(bind, number, "WEBHOOK_BIND", "WEBHOOK_PORT")]
    if process == "demo-x":
        return [Listener(LOOPBACK, port(variables, "DEMO_X_PORT"), "", "DEMO_X_PORT")]
    if process != "broker":
        return []
    planned = plan(variables, expiry.read(places))
    found = [Listener(*one, "BROKER_BIND", "BROKER_PORT") for one in (planned.plain, planned.home) if one]
    return [*found, *(Listener(*one, "BROKER_BIND", "BROKER_TLS_PORT") for one in (planned.tls,) if one)]


def check_port(listener: Listener) -> None:
    """Raises ConfigurationError, with the line to type, if the port is taken."""
    address, number = listener.address, listener.port
    if is_free(address, number):
        return
    others = [other for other in range(number + 1, min(number + 100, 65536)) if is_free(address, other)]
    if not others:
        name = listener.bind_variable or listener.port_variable
        raise ConfigurationError(f"{name}: nothing can listen at {address}, on port {number} or the next")
    raise ConfigurationError(
        f"port {number} is taken by another program (is `make run` running in another terminal?). "
        f"Type:  {listener.port_variable}={others[0]} make run"
    )


def processes_of(checkout: Path) -> Mapping[str, str]:
    """The command of each process by its name: of the Procfile, and of those that `latchwire new` wrote."""
    files = [checkout / "Procfile", *sorted(checkout.glob("services/*/Procfile"))]
    text = "\n".join(file.read_text(encoding="utf-8") for file in files)
    found: Mapping[str, str] = parse_procfile(text).processes
    return found


def main() -> int | str:
    """Returns the exit status, 0 after Ctrl-C or SIGTERM (which is how this ends), or what is wrong."""
    os.chdir(Path(__file__).parents[1])
    processes = processes_of(Path())
    try:
        places = Places(Path(os.environ["LATCHWIRE_STATE"]))
        variables = environment(places.state)
        for process in processes:
            for listener in listeners(process, places, variables):
                check_port(listener)
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
