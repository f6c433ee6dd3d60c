"""The command line: ``latchwire init, check, status, sign, send, watch``; each command is a module of its own."""

from latchwire.cli.main import main

__all__ = ["main"]
