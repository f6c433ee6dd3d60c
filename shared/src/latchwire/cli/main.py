"""The command line's frame: finds the command and runs it."""

import argparse
from collections.abc import Sequence

from latchwire.cli import check, init


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command.

    Returns:
        The exit status.
    """
    parser = argparse.ArgumentParser(prog="latchwire", description="Signed commands for locks and sockets.")
    subparsers = parser.add_subparsers(required=True, metavar="COMMAND")
    for command in (init, check):
        command.add(subparsers)
    options = parser.parse_args(arguments)
    return int(options.run(options))


if __name__ == "__main__":
    raise SystemExit(main())
