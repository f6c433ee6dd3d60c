"""A service, with somebody killed at a named point of its first command: ``python -m support.striking PROGRAM``.

``STRIKE_AT`` names the point; ``STRIKE_FILE`` holds the process id of whom to kill (``self`` is this process) and is
taken away when it is done, so a process that is started again strikes nobody. The real classes are wrapped from
outside; nothing in the services knows of it.
"""

import importlib
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

AGENT: Final = ("before-check", "after-check", "after-write", "before-receipt", "before-acknowledgement")
WEBHOOK: Final = (
    "before-journal",
    "after-journal",
    "before-publish",
    "after-publish",
    "after-receipt",
    "after-answered",
)
LISTENER: Final = ("before-claim", "after-claim", "before-publish", "after-publish", "after-receipt")
POINTS: Final[Mapping[str, tuple[str, ...]]] = {
    "relay-agent": AGENT,
    "magiq-bridge": ("before-check", "after-check", "before-write", *AGENT[2:]),
    "whatsapp-webhook": WEBHOOK,
    "twitter-listener": LISTENER,
}
"""From hearing to receipt, for each program."""


def order(path: Path, victim: str = "self") -> None:
    """Writes the file at once and whole, for the program may look just now."""
    new = path.with_suffix(".new")
    new.write_text(victim)
    new.rename(path)


def strike() -> None:
    """Kills whom the file names, once, and waits until that one is dead."""
    path = Path(os.environ["STRIKE_FILE"])
    try:
        text = path.read_text()
        path.unlink()
    except FileNotFoundError:
        return
    victim = os.getpid() if text == "self" else int(text)
    os.kill(victim, signal.SIGKILL)
    stat = Path(f"/proc/{victim}/stat")
    with suppress(OSError):  # its parent has reaped it meanwhile
        while stat.read_text().rpartition(")")[2].split()[0] != "Z":
            time.sleep(0.001)


def wrapped(owner: Any, name: str, *, before: bool, only: Callable[[Any], bool] = lambda _: True) -> None:
    """Strikes before or after each call of a function, where its result (or nothing yet) is of interest."""
    function = getattr(owner, name)

    def struck(*arguments: Any, **options: Any) -> Any:
        if before:
            strike()
        result = function(*arguments, **options)
        if not before and only(result):
            strike()
        return result

    setattr(owner, name, struck)


def arm(program: str, point: str) -> None:
    """Wraps the real class at that point."""
    {"relay-agent": _agent, "magiq-bridge": _agent, "whatsapp-webhook": _webhook, "twitter-listener": _listener}[
        program
    ](point)


def _agent(point: str) -> None:
    from latchwire.actuator import commands  # noqa: PLC0415  # a program loads what it needs and no more
    from latchwire.protocol.verdict import Accepted  # noqa: PLC0415

    if point in {"before-check", "after-check"}:
        before = point == "before-check"
        wrapped(commands, "judge", before=before, only=lambda verdict: isinstance(verdict, Accepted))
    elif point in {"before-write", "after-write"}:
        from latchwire_magiq_bridge.client import MagiqCloud  # noqa: PLC0415
        from latchwire_relay_agent.relays import LockRelay  # noqa: PLC0415

        wrapped(LockRelay, "unlock", before=point == "before-write")
        wrapped(MagiqCloud, "set", before=point == "before-write")
    else:
        _bus(point)


def _webhook(point: str) -> None:
    from latchwire_whatsapp_webhook.journal import Journal  # noqa: PLC0415

    if point.endswith(("-journal", "-answered")):
        name = "hear" if point.endswith("-journal") else "answered"
        wrapped(Journal, name, before=point.startswith("before"))
    else:
        _sender(point)


def _listener(point: str) -> None:
    from latchwire_twitter_listener.seen import Seen  # noqa: PLC0415

    if point.endswith("-claim"):
        wrapped(Seen, "claim", before=point.startswith("before"))
    else:
        _sender(point)


def _sender(point: str) -> None:
    from latchwire.bus import library  # noqa: PLC0415
    from latchwire.sender import Sender  # noqa: PLC0415

    if point == "before-publish":
        wrapped(Sender, "_send", before=True)
    elif point == "after-receipt":
        wrapped(Sender, "_wait", before=False)
    else:
        publish = library.publish

        def struck(client: Any, letter: Any) -> int:
            number = publish(client, letter)
            if letter.topic.endswith("/command") and "/self-test/" not in letter.topic:
                client.loop_write()  # it has left this process
                strike()
            return number

        library.publish = struck


def _bus(point: str) -> None:
    from latchwire.bus import Bus  # noqa: PLC0415

    publish, on_publication = Bus.publish, Bus._on_publication
    answered = threading.Event()

    def struck_publish(bus: Bus, topic: str, *arguments: Any, **options: Any) -> Any:
        is_receipt = "/receipt/" in topic and "/self-test/" not in topic
        if is_receipt and point == "before-receipt":
            strike()
        ticket = publish(bus, topic, *arguments, **options)
        if is_receipt:
            answered.set()
        return ticket

    def struck_publication(bus: Bus, topic: bytes, *message: Any) -> None:
        on_publication(bus, topic, *message)
        if point == "before-acknowledgement" and topic.endswith(b"/command") and b"/self-test/" not in topic:
            answered.wait(5)  # the thread that would send the receipt and the PUBACK is this one: neither is sent yet
            strike()

    for name, function in (("publish", struck_publish), ("_on_publication", struck_publication)):
        setattr(Bus, name, function)


if __name__ == "__main__":
    name = sys.argv.pop(1)
    arm(name, os.environ["STRIKE_AT"])
    sys.exit(importlib.import_module(f"latchwire_{name.replace('-', '_')}.main").main())
