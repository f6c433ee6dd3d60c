"""The command line's frame: finds the command, runs it, and says what is wrong in a sentence, never in a traceback."""

import argparse
import importlib
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from latchwire import __version__, log
from latchwire.errors import ConfigurationError, LatchwireError

_COMMANDS: Final = {
    "init": "init",
    "check": "check",
    "pin": "pin",
    "status": "status",
    "send": "asking",
    "sign": "asking",
    "watch": "watch",
    "ready": "ready",
    "bundle": "bundle",
    "revoke": "revoke",
    "new": "new",
    "rotate": "rotate",
}
"""Which module has which command; only the one that is asked for is imported."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command.

    Returns:
        The exit status.
    """
    _prepare_streams()
    try:
        status = _run(list(sys.argv[1:] if arguments is None else arguments))
        sys.stdout.flush()
    except BrokenPipeError:  # `latchwire watch | head`: nobody reads any more
        _let_go_of_output()
        return 141
    except ConfigurationError as error:
        sys.stderr.write("".join(f"{problem}\n" for problem in error.problems))
    except LatchwireError as error:
        sys.stderr.write(f"{error}\n")
    except OSError as error:  # of our own output: what reads or connects says its own sentences
        _let_go_of_output()
        sys.stderr.write(f"This cannot be printed or read: {error.strerror or error}\n")
    except KeyboardInterrupt:
        return 130
    else:
        return status
    return 1


def _run(words: Sequence[str]) -> int:
    signal.signal(signal.SIGINT, signal.default_int_handler)
    parser = argparse.ArgumentParser(
        prog="latchwire",
        description="Works locks and sockets by signed commands, and shows what passes.",
        epilog="Start with: latchwire status",
    )
    parser.add_argument("--version", action="version", version=f"latchwire {__version__}")
    subparsers = parser.add_subparsers(required=True, metavar="COMMAND")
    wanted = [_COMMANDS[word] for word in words[:1] if word in _COMMANDS] or [*_COMMANDS.values()]
    for module in dict.fromkeys(wanted):
        importlib.import_module(f"latchwire.cli.{module}").add(subparsers)
    options = parser.parse_args(words)
    log.configure(level=os.environ.get("LOG_LEVEL") or "ERROR", form=os.environ.get("LOG_FORMAT") or "text")
    return int(options.run(options))


def _prepare_streams() -> None:
    """Streams that are closed swallow what is written; a letter that a stream cannot show is written as its number."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115  # until the end
        elif mode == "w" and hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def _let_go_of_output() -> None:
    """Nothing can be printed any more, at the end of the process neither."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    sys.exit(main())
