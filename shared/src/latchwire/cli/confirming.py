"""Asks at the terminal whether a command is meant, in the words that the kit's question stands for."""

import argparse
import sys

from latchwire.cli.pin import given
from latchwire.config.home import Confirm
from latchwire.confirmation import Question
from latchwire.model import Cause
from latchwire.sender import Answer
from latchwire.sender.answer import refused_here


def add(parser: argparse.ArgumentParser) -> None:
    """Adds ``--yes`` to a command."""
    parser.add_argument(
        "--yes", action="store_true", help="confirm what takes a YES, for scripts; a PIN is read from standard input"
    )


def said(question: Question | Answer | None, *, yes: bool) -> str | Answer:
    """What whoever types says to the kit's question: their PIN, or "" for a YES; or the refusal that ends it.

    Args:
        question: of the kit; a refusal is given back, and to no question the answer is "".
        yes: whether they said yes on the command line.
    """
    if question is None or isinstance(question, Answer):
        return question or ""
    what = f"{question.action.capitalize()} {question.device}?"
    if question.by is Confirm.PIN:
        return given(f"{what} PIN of {question.person}: ") or _refused(question, "no PIN was given")
    if yes:
        return ""
    if not sys.stdin.isatty():
        return _refused(question, "there is no terminal to ask at; a script says --yes")
    sys.stderr.write(f"{what} Type YES: ")
    sys.stderr.flush()
    typed = sys.stdin.readline(1000).strip().casefold()
    return "" if typed in {"yes", "y"} else _refused(question, "you did not type YES")


def _refused(question: Question, detail: str) -> Answer:
    return refused_here(question.device, question.action, Cause.NEEDS_CONFIRMATION, detail)
