"""``latchwire pin``: gives a person a PIN, another one, or none.

It is asked for twice on a terminal and not shown; without one it is a line of standard input. It never stands on a
command line, where every user of the machine could read it, and only a hash of it is written. Services take it at once.
"""

import argparse
import getpass
import hmac
import sys
from typing import Any

from latchwire.cli.files import Writer
from latchwire.config.loading import load
from latchwire.config.places import Places, find
from latchwire.config.strict_json import quoted
from latchwire.config.wording import listed, meant
from latchwire.confirmation import hashes
from latchwire.errors import ConfigurationError


def add(subparsers: Any) -> None:
    """Adds the command to the command line."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "pin",
        help="give a person a PIN for what takes a confirmation",
        description="Gives a person a PIN: 4 to 12 digits, asked for on the terminal, or read from standard input. "
        "A new PIN also ends a lock-out by wrong ones.",
    )
    parser.add_argument("person", help="their name in config.json")
    parser.add_argument("--remove", action="store_true", help="take the PIN away; a YES confirms from then on")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Runs it.

    Raises:
        ConfigurationError: nobody has that name, or what was given is no PIN.
    """
    places, person = find(), options.person
    if options.remove:
        _change(places, person, None)
        print(f"{person} has no PIN any more.")
        return 0
    people = load(places.config).people
    if person not in people:
        what = f"nobody is called {quoted(person)}; there are: {listed(people)}{meant(person, people)}"
        raise ConfigurationError(f"config.json: people: {what}")
    _change(places, person, hashes.hashed(_asked(person)))
    print(f"{person} has a new PIN. It counts at once.")
    return 0


def given(prompt: str) -> str:
    """What is typed at the terminal without being shown, or else the next line of standard input; "" at its end."""
    if sys.stdin.isatty():
        try:
            return getpass.getpass(prompt).strip()
        except EOFError:
            return ""
    return sys.stdin.readline(1000).strip()


def _asked(person: str) -> str:
    pin = given(f"New PIN for {person}: ")
    if not hashes.FORM.match(pin):
        raise ConfigurationError("A PIN has 4 to 12 digits and nothing else; nothing was changed.")
    if hashes.is_guessed_first(pin):
        raise ConfigurationError("That PIN is among the first that anybody tries; nothing was changed. Take another.")
    if sys.stdin.isatty() and not hmac.compare_digest(given("The same again: ").encode(), pin.encode()):
        raise ConfigurationError("Those were two different PINs; nothing was changed.")
    return pin


def _change(places: Places, person: str, new: str | None) -> None:
    writer = Writer(places.state)
    with writer.locked():
        found = hashes.read(places)
        if new is None and person not in found:
            raise ConfigurationError(f"{quoted(person)} has no PIN; who has one: {listed(found)}{meant(person, found)}")
        found.pop(person, None)
        writer.replace(places.pins, hashes.written(found if new is None else {**found, person: new}))
