"""The relay agent, with somebody killed at a named point of its first command: ``python -m support.striking_agent``.

``STRIKE_AT`` names the point; ``STRIKE_FILE`` holds the process id of whom to kill (``self`` is this process) and is
taken away when it is done, so a process that is started again strikes nobody. The real classes are wrapped from
outside; nothing in the services knows of it.
"""

import os
import signal
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from latchwire.actuator import commands
from latchwire.bus import Bus
from latchwire.protocol.verdict import Accepted
from latchwire_relay_agent.main import main
from latchwire_relay_agent.relays import LockRelay

POINTS: Final = ("before-check", "after-check", "after-write", "before-receipt", "before-acknowledgement")


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


def arm(point: str) -> None:
    """Wraps the real class at that point."""
    around = {"before-check": _judge, "after-check": _judge, "after-write": _unlock}
    around.get(point, _bus)(point)


def _judge(point: str) -> None:
    judge = commands.judge  # type: ignore[attr-defined]  # the name that the agent calls it by

    def struck(*arguments: Any) -> Any:
        if point == "before-check":
            strike()
        verdict = judge(*arguments)
        if point == "after-check" and isinstance(verdict, Accepted):
            strike()
        return verdict

    commands.judge = struck  # type: ignore[attr-defined, assignment]


def _unlock(_point: str) -> None:
    unlock = LockRelay.unlock

    def struck(relay: LockRelay) -> Any:
        state = unlock(relay)
        strike()
        return state

    LockRelay.unlock = struck  # type: ignore[method-assign, assignment]


def _bus(point: str) -> None:
    publish, on_message = Bus.publish, Bus._on_message
    answered = threading.Event()

    def struck_publish(bus: Bus, topic: str, *arguments: Any, **options: Any) -> Any:
        is_receipt = "/receipt/" in topic and "/self-test/" not in topic
        if is_receipt and point == "before-receipt":
            strike()
        ticket = publish(bus, topic, *arguments, **options)
        if is_receipt:
            answered.set()
        return ticket

    def struck_message(bus: Bus, client: Any, data: Any, message: Any) -> None:
        on_message(bus, client, data, message)
        if point == "before-acknowledgement" and message.topic.endswith("/front-door/command"):
            answered.wait(5)  # the thread that would send the receipt and the PUBACK is this one: neither is sent yet
            strike()

    for name, function in (("publish", struck_publish), ("_on_message", struck_message)):
        setattr(Bus, name, function)


if __name__ == "__main__":
    arm(os.environ["STRIKE_AT"])
    sys.exit(main())
