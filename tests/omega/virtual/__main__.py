"""The virtual Omega2 at the command line, for everybody who has none and wants to try.

    python -m omega.virtual build                      make the kernel and the root image (once)
    python -m omega.virtual missing                    print which Debian packages this machine lacks for it
    python -m omega.virtual run FILE [-- COMMAND…]     boot, run the file in the guest, and end as it does

While it runs, ``relays`` are told on standard error, and a line typed is done in the guest's shell; ``fault nak``,
``fault silent`` and ``fault none`` make the relay chip fail and heal. In the guest this machine's loopback is 10.0.2.2.
"""

import argparse
import shlex
import sys
import threading
from pathlib import Path

from omega.virtual.expansion import FAULTS, Transfer
from omega.virtual.images import build
from omega.virtual.machine import Machine
from omega.virtual.recipe import OmegaError, default_cache, missing_packages, say


def main() -> int:
    """Runs one command; the exit status."""
    arguments = sys.argv[1:]
    cut = arguments.index("--") if "--" in arguments else len(arguments)
    parser = argparse.ArgumentParser(
        prog="omega.virtual", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cache", type=Path, default=default_cache(), help="where the images are (%(default)s)")
    commands = parser.add_subparsers(dest="do", required=True)
    commands.add_parser("missing")
    commands.add_parser("build").add_argument("--force", action="store_true", help="also if they are there")
    commands.add_parser("run").add_argument("file", type=Path)
    options = parser.parse_args(arguments[:cut])
    try:
        if options.do == "missing":
            say_out(" ".join(missing_packages()))
        elif options.do == "build":
            build(options.cache, force=options.force)
        else:
            build(options.cache)
            return run(options.cache, options.file, arguments[cut + 1 :])
    except OmegaError as error:
        say(error)
        return 1
    return 0


def run(cache: Path, file: Path, command: list[str]) -> int:
    """Boots and runs the file, or the command; the program's exit status."""
    words = command or ["python3", file.name]
    console = Path("virtual-omega.log")
    machine = Machine(
        cache=cache,
        files={f"/app/{file.name}": file.read_bytes()},
        command=f"exec {shlex.join(words)}",
        console=console,
        tell=_tell,
    )
    with machine:
        say(f"booted in {machine.boot_seconds:.0f} s; its console is in {console}")
        threading.Thread(target=_obey, args=(machine,), daemon=True).start()
        while (status := machine.wait(3600)) is None:
            pass
        return status


def _obey(machine: Machine) -> None:
    for line in sys.stdin:
        words = line.split()
        if words[:1] == ["fault"] and words[1:] and words[1] in FAULTS:
            machine.expansion.fault = words[1]
        elif words:
            try:
                answer = machine.run(line.strip())
            except OmegaError as error:
                say(error)
            else:
                say_out(f"{answer.output}\n[{answer.status}]")


def _tell(transfer: Transfer) -> None:
    if transfer.operation == "write":
        say(f"{transfer.register} = {transfer.value:#04x} ({transfer.result}); relays closed: {transfer.relays:#04b}")


def say_out(text: str) -> None:
    """Prints a line."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
