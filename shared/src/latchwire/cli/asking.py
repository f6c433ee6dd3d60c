"""``latchwire send`` and ``latchwire sign``: a command by hand, by the same rules as any service's.

What takes a confirmation is asked for on the terminal, by both. That keeps people from a slip, and a guest at an open
terminal from the door. It is no wall: whoever may read the state folder holds the keys, and can sign without this.
"""

import argparse
import json
import shlex
import sys
from pathlib import Path
from typing import Any, Final

from latchwire import topics
from latchwire.cli import confirming, place, words
from latchwire.config.home import Device
from latchwire.config.strict_json import quoted
from latchwire.confirmation import Question
from latchwire.errors import ConfigurationError
from latchwire.sender import Answer, Ending
from latchwire.sender import answer as of

EXIT: Final = {
    Ending.DONE: 0,
    Ending.REFUSED: 3,
    Ending.FAILED: 4,
    Ending.NOBODY_LISTENING: 5,
    Ending.NO_ANSWER: 6,
}
"""The exit status tells the outcome; 1 is a mistake in the configuration, 2 one in the arguments."""

_EXITS: Final = """exit status:
  0  done                 3  refused             5  nobody is listening: nothing was or will be done
  1  configuration wrong  4  failed              6  no answer: it may have happened
  2  wrong arguments"""


def add(subparsers: Any) -> None:
    """Adds both commands to the command line."""
    send = subparsers.add_parser(
        "send",
        help="do something, wait for the receipt and say what it says",
        description="Signs a command, publishes it and waits for the agent's signed receipt.",
        epilog=_EXITS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    send.add_argument("device", help="its name in config.json, or one of its other names")
    send.add_argument("action", help="lock, unlock, toggle or status; on, off, toggle or status")
    send.add_argument(
        "--wait", type=_seconds, metavar="SECONDS",
        help="how long to wait for the answer (default: until it cannot be done any more)",
    )  # fmt: skip
    send.add_argument(
        "--within", type=_seconds, metavar="SECONDS",
        help="refuse it rather than do it later than that (default: a little more than the agent's nonce lives)",
    )  # fmt: skip
    confirming.add(send)
    send.add_argument("--json", action="store_true", help="print the answer as one JSON object")
    send.set_defaults(run=run_send)
    sign = subparsers.add_parser(
        "sign",
        help="print a signed command for mosquitto_pub",
        description="Prints a signed command; publish it within a minute, by mosquitto_pub or whatever you like.",
    )
    sign.add_argument("device", help="its name in config.json, or one of its other names")
    sign.add_argument("action", help="lock, unlock, toggle or status; on, off, toggle or status")
    confirming.add(sign)
    sign.set_defaults(run=run_sign)


def run_send(options: argparse.Namespace) -> int:
    """Runs ``send``."""
    here, device = _prepare(options)
    ingress, who = here.by_hand(), place.identity()
    back = ingress.question(identity=who, device=device.name, action=options.action)
    said = confirming.said(back, yes=options.yes)
    if isinstance(said, Answer):
        return tell(said, as_json=options.json)
    ingress.start()
    try:
        if isinstance(back, Question):
            answer = ingress.confirm(back, pin=said, wait=options.wait, patience=options.within)
        else:
            answer = ingress.ask(
                identity=who, device=device.name, action=options.action, wait=options.wait, patience=options.within
            )
    except KeyboardInterrupt:
        answer = of.no_answer(device.name, options.action, 0.0, "you did not wait for it")
    finally:
        ingress.stop()
    return tell(answer, as_json=options.json)


def run_sign(options: argparse.Namespace) -> int:
    """Runs ``sign``."""
    here, device = _prepare(options)
    ingress, who = here.by_hand(), place.identity()
    back = ingress.question(identity=who, device=device.name, action=options.action)
    said = confirming.said(back, yes=options.yes)
    no = ingress.accept(back, pin=said) if isinstance(back, Question) and isinstance(said, str) else said
    if isinstance(no, Answer):
        return tell(no, stream=sys.stderr)
    ingress.start()
    try:
        token = ingress.sender.sign(agent=device.agent, device=device.name, action=options.action, sub=who)
    finally:
        ingress.stop()
    if not isinstance(token, str):
        return tell(token, stream=sys.stderr)
    print(token)
    if sys.stdout.isatty():
        print(f"Publish it soon:  {publish_line(here, device)}", file=sys.stderr)
    return 0


def publish_line(here: place.Place, device: Device) -> str:
    """The mosquitto_pub line that publishes what ``sign`` prints, password and address from its options file."""
    folder = here.places.mosquitto
    if folder.is_relative_to(Path.cwd()):
        folder = folder.relative_to(Path.cwd())
    topic = topics.command(device.agent, device.name)
    return f"XDG_CONFIG_HOME={shlex.quote(str(folder))} mosquitto_pub -t {topic} -s"


def tell(answer: Answer, *, as_json: bool = False, stream: Any = None) -> int:
    """Prints the answer and gives its exit status."""
    stream = stream or sys.stdout
    if as_json:
        print(json.dumps(as_document(answer)), file=stream)
    else:
        first, *rest = words.sentences(answer)
        tint = {Ending.DONE: "green", Ending.NO_ANSWER: "yellow"}.get(answer.ending, "red")
        print("\n".join([words.colour(first, tint, stream), *rest]), file=stream)
    return EXIT[answer.ending]


def as_document(answer: Answer) -> dict[str, Any]:
    """The answer for ``--json``: the claims' own names, and only what says something."""
    document = {
        "outcome": answer.ending.value, "device": answer.device, "action": answer.action, "state": answer.state.value,
        "changed": answer.changed, "locksIn": answer.locks_in, "simulated": answer.simulated or None,
        "cause": answer.cause and answer.cause.wire, "happened": answer.happened and answer.happened.value,
        "until": None if answer.until is None else round(answer.until, 1), "detail": answer.detail or None,
    }  # fmt: skip
    document |= {"wait": answer.wait, "tries": answer.tries}
    if answer.cause is not None:
        document |= {"sentence": answer.cause.sentence, "remedy": answer.cause.remedy}
    return {name: value for name, value in document.items() if value is not None}


def _prepare(options: argparse.Namespace) -> tuple[place.Place, Device]:
    here = place.here()
    device = here.device(options.device)
    if options.action not in device.kind.actions:
        raise ConfigurationError(
            f"A {device.kind} does not know {quoted(options.action)}; "
            f"{device.name} knows: {', '.join(device.kind.actions)}"
        )
    return here, device


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 1 <= seconds <= 600:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds from 1 to 600")
    return seconds
