"""The command line: ``latchwire init, check, status, sign, send, watch``; each command is a module of its own."""

import signal


def main() -> int:
    """The console script. Ctrl-C ends it in silence while it is still being loaded, too."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    from latchwire.cli.main import main as run  # noqa: PLC0415  # after the line above

    return run()


__all__ = ["main"]
