"""Runs in the guest: does to the relay chip what a line on standard input says, and tells what came of it.

``open DEVICES`` begins anew, as a process does at its start; ``METHOD DEVICE`` calls a method of that device's handler.
"""

import json
import sys
from pathlib import Path

sys.path.insert(0, sys.argv[1])

from latchwire.config.agent import parse_agent
from latchwire.errors import ActionError
from latchwire_relay_agent.hardware import open_devices

handlers = {}
for line in sys.stdin:
    method, _, rest = line.strip().partition(" ")
    if method == "open":
        document = {"name": "omega", "type": "relay", "runs": "elsewhere", "bus": 0, "address": "0x27"}
        handlers = open_devices(parse_agent(document | {"devices": json.loads(rest)}))
        answer = "opened"
    else:
        try:
            handler = handlers[rest]
            if method in {"hold", "forget"}:
                answer = str(getattr(handler, "hold")(method == "hold"))  # noqa: B009  # a switch has none
            else:
                answer = str(getattr(handler, method)())
        except ActionError as error:
            answer = error.cause.wire
    Path(sys.argv[2]).write_text(f"{answer}\n")
