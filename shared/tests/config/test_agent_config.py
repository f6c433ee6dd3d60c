"""What an agent reads: strict in form, with the last word on whom it obeys, and light enough for an Omega."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from latchwire.config.agent import parse_agent, read_agent
from latchwire.errors import ConfigurationError

OMEGA: dict[str, Any] = {
    "name": "omega", "type": "relay", "runs": "elsewhere", "bus": 0,
    "obeys": {"whatsapp": "*", "twitter": ["lock"], "manual": {"front-door": ["unlock"]}, "away": {}},
    "devices": {
        "front-door": {"kind": "lock", "channel": 0, "locked": "released"},
        "lamp": {"kind": "switch", "channel": 1},
    },
}  # fmt: skip


@pytest.mark.parametrize(
    ("issuer", "device", "actions"),
    [
        ("whatsapp", "front-door", "lock unlock toggle status"),
        ("whatsapp", "lamp", "on off toggle status"),
        ("twitter", "front-door", "lock status"),
        ("twitter", "lamp", ""),
        ("manual", "front-door", "unlock status"),
        ("manual", "lamp", ""),
        ("away", "front-door", ""),
        ("stranger", "front-door", ""),
        ("whatsapp", "garage", ""),
    ],
)
def test_an_issuer_is_obeyed_in_exactly_what_was_granted(issuer: str, device: str, actions: str) -> None:
    agent = parse_agent(OMEGA)
    known = agent.devices[device].kind.actions if device in agent.devices else ("lock", "on", "status")
    # An action that the device does not know is not this question: it is refused as unknown-action after it.
    assert [action for action in known if agent.may(issuer, device, action)] == actions.split()


def test_without_obeys_every_issuer_whose_key_is_held_is_obeyed() -> None:
    without = {key: value for key, value in OMEGA.items() if key != "obeys"}
    assert parse_agent(without).may("whatsapp", "lamp", "on")


def test_an_empty_obeys_obeys_nobody() -> None:
    assert not parse_agent({**OMEGA, "obeys": {}}).may("whatsapp", "lamp", "on")


def test_what_is_left_out_has_its_default_and_the_rest_is_kept_for_the_service() -> None:
    agent = parse_agent(OMEGA)
    door = agent.devices["front-door"]
    assert (agent.lifetime, door.toggle_seconds, door.relock_after_seconds) == (30, 5, 0)
    assert dict(agent.settings) == {"bus": 0}
    assert dict(door.settings) == {"channel": 0, "locked": "released"}


def test_all_mistakes_of_an_agents_file_are_told_at_once(tmp_path: Path) -> None:
    file = tmp_path / "agent.json"
    wrong = {"name": "Omega", "lifetime": True, "obeys": {"x": ["on"], "y": 3, "z": {"q": "*"}, "U": "*"},
             "devices": {"a": {"kind": "lok", "toggleSeconds": 0}, "b": 3}}  # fmt: skip
    file.write_text(json.dumps(wrong))
    with pytest.raises(ConfigurationError) as caught:
        read_agent(file)
    assert caught.value.problems == (
        'agent.json: name: "Omega" is no name: 1 to 32 of a-z, 0-9 and -, and not self-test',
        "agent.json: type: is missing",
        "agent.json: runs: is missing; choose one of: simulated, here, elsewhere",
        "agent.json: lifetime: true is no whole number of seconds from 5 to 300",
        'agent.json: devices.a.kind: "lok" is none of them; choose one of: lock, switch',
        "agent.json: devices.a.toggleSeconds: 0 is no whole number of seconds from 1 to 3600",
        "agent.json: devices.b: 3 is no object {…}",
        "agent.json: devices.b.kind: is missing; choose one of: lock, switch",
        'agent.json: obeys.x: "on" is no action there; there are: lock, unlock, toggle, status',
        'agent.json: obeys.y: 3 is neither "*" nor a list of actions',
        'agent.json: obeys.z: "q" is no device of this agent; it has: a, b',
        'agent.json: obeys: "U" is no name: 1 to 32 of a-z, 0-9 and -, and not self-test',
    )


def test_a_name_that_stands_twice_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "agent.json"
    file.write_text('{"name": "omega", "name": "other"}')
    with pytest.raises(ConfigurationError, match='"name" stands twice'):
        read_agent(file)


def test_the_agents_reader_imports_nothing_that_the_omega_lacks() -> None:
    lacking = ("dataclasses", "inspect", "asyncio", "decimal", "xml", "uuid", "importlib.metadata", "unicodedata",
               "concurrent.futures", "secrets", "random", "tempfile", "jsonschema", "difflib")  # fmt: skip
    code = f"import sys, latchwire.config.agent; print(*[m for m in {lacking} if m in sys.modules])"
    # -I and -S: what this interpreter's site-packages import by themselves says nothing about us
    source = str(Path(parse_agent.__code__.co_filename).parents[2])
    code = f"import sys; sys.path.insert(0, {source!r}); {code}"
    done = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
