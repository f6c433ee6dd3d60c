"""Replays a transcript: what a relay agent is told, and what the chip's registers are after each step.

A transcript is JSON, so that one list serves every chip there is: the simulated one, the one that an emulated
Omega has, and a real one on a bench.

    {"title": "…", "devices": {"front-door": {"kind": "lock", "channel": 0, "locked": "released"}},
     "steps": [
        {"do": "settle", "device": "front-door", "state": "locked", "registers": {"OLAT": 0, "IODIR": 254}},
        {"fault": "nak"}, {"do": "lock", "device": "front-door", "cause": "hardware"}, {"fault": "none"},
        {"do": "restart"}]}

``do`` is a method of the handler (``hold`` and ``forget`` are its ``hold(True)`` and ``hold(False)``) or
``restart``: the process begins anew. Of a step's ``state``, ``cause`` and ``registers`` those that it has are
compared.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from latchwire.errors import ActionError
from latchwire_relay_agent.hardware import Handler

Step = Mapping[str, Any]


def read_transcripts(path: Path) -> list[Mapping[str, Any]]:
    """All transcripts of a file."""
    transcripts: list[Mapping[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
    return transcripts


def replay(
    steps: Sequence[Step],
    *,
    start: Callable[[], Mapping[str, Handler]],
    registers: Callable[[], Mapping[str, int]],
    fault: Callable[[str], None],
) -> None:
    """Does what a transcript says and asserts what it expects.

    Args:
        steps: of the transcript.
        start: what a process does at its start: opens the devices, on the chip as it is.
        registers: the chip's registers by name.
        fault: makes the chip fail from now on: ``nak`` (it does not answer), or ``none``.
    """
    handlers = start()
    for number, step in enumerate(steps):
        where = f"step {number}: {json.dumps(step)}"
        if "fault" in step:
            fault(step["fault"])
        elif step["do"] == "restart":
            handlers = start()
        else:
            found = _act(handlers[step["device"]], step["do"])
            expected = step.get("cause") or step.get("state") or "None"
            assert found == expected, f"{where}: {found}"
        now = registers() if "registers" in step else {}
        for name, value in step.get("registers", {}).items():
            assert now[name] == value, f"{where}: {name} is {now[name]:#04x}"


def _act(handler: Handler, action: str) -> str:
    try:
        if action in {"hold", "forget"}:
            return str(getattr(handler, "hold")(action == "hold"))  # noqa: B009 - a switch has none
        return str(getattr(handler, action)())
    except ActionError as error:
        return error.cause.wire
