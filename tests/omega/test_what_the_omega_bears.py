"""What runs on the Omega: 64 MB, a split Python, a clock that jumps by years.

Its timed waits for locks and conditions end by the wall clock (musl), so there are none; and it imports little.
"""

import ast
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from latchwire import topics
from latchwire.config.home import agent_extract
from latchwire.config.loading import load
from support.broker import wait_until
from support.home import DOOR, Home

TOP: Final = Path(__file__).parents[2]
SHARED: Final = TOP / "shared/src/latchwire"
RELAY: Final = TOP / "services/relay-agent/src/latchwire_relay_agent"
ON_THE_OMEGA: Final = sorted(
    {
        *(SHARED / "protocol").glob("*.py"),
        *(SHARED / "bus").glob("*.py"),
        *(SHARED / "actuator").glob("*.py"),
        *(SHARED / f"{name}.py" for name in ("errors", "health", "log", "model", "topics", "waiting")),
        SHARED / "config/agent.py",
        SHARED / "config/strict_json.py",
        SHARED / "service/control.py",
        SHARED / "service/frame.py",
        *(path for path in RELAY.glob("*.py") if path.name not in {"main.py", "__main__.py"}),
    }
)
FORBIDDEN: Final = (
    "dataclasses", "inspect", "asyncio", "decimal", "xml", "importlib.metadata", "unicodedata", "concurrent",
    "secrets", "random", "tempfile", "sqlite3", "multiprocessing", "jsonschema", "queue", "sched", "ctypes", "smbus2",
)  # fmt: skip


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(), str(path))


def wakes(module: ast.Module) -> set[str]:
    """Names that are bound to a ``Wake``, whose wait ends by the kernel's monotonic clock."""
    found: set[str] = set()
    for node in ast.walk(module):
        if isinstance(node, ast.Assign):
            for target in node.targets:
                names = target.elts if isinstance(target, ast.Tuple) else [target]
                values = node.value.elts if isinstance(node.value, ast.Tuple) else [node.value]
                found |= {
                    ast.unparse(name)
                    for name, value in zip(names, values, strict=False)
                    if isinstance(value, ast.Call) and ast.unparse(value.func) == "Wake"
                }
    return found


def timed_waits(module: ast.Module) -> Iterator[str]:
    """Calls that wait by a clock which may jump, or that could."""
    safe = wakes(module)
    for node in ast.walk(module):
        if not isinstance(node, ast.Call):
            continue
        name = ast.unparse(node.func)
        receiver, _, method = name.rpartition(".")
        arguments = bool(node.args or node.keywords) and not ast.unparse(node).endswith("(blocking=False)")
        timed = (
            (method == "wait" and arguments and receiver not in safe)
            or method == "wait_for"
            or (method in {"acquire", "join"} and arguments and not receiver.startswith(("'", '"')))
            or name in {"threading.Timer", "threading.Event", "Event", "time.time", "datetime.now", "dt.datetime.now"}
        )
        if timed:
            yield f"line {node.lineno}: {ast.unparse(node)}"


@pytest.mark.parametrize("path", ON_THE_OMEGA, ids=lambda path: "/".join(path.parts[-2:]))
def test_nothing_waits_or_decides_by_a_clock_that_may_jump(path: Path) -> None:
    # The end of a certificate is a date; tests/tls/ shows that a clock which is wrong by years does no harm there.
    allowed = ["time.time()"] if path.match("bus/tls.py") else []
    assert [call.partition(": ")[2] for call in timed_waits(tree(path))] == allowed


@pytest.mark.parametrize(
    "line",
    [
        "self.x.wait(3)",
        "c.wait_for(f)",
        "lock.acquire(timeout=1)",
        "thread.join(2)",
        "time.time()",
        "threading.Event()",
    ],
)
def test_the_test_above_sees_a_timed_wait(line: str) -> None:
    assert list(timed_waits(ast.parse(line)))


@pytest.mark.parametrize("line", ["self.w = Wake()\nself.w.wait(3)", "a, b = 1, Wake()\nb.wait(2)", "thread.join()"])
def test_the_test_above_lets_a_safe_wait_pass(line: str) -> None:
    assert not list(timed_waits(ast.parse(line)))


@pytest.mark.parametrize("path", ON_THE_OMEGA, ids=lambda path: "/".join(path.parts[-2:]))
def test_no_module_imports_at_its_top_what_an_omega_lacks_or_cannot_afford(path: Path) -> None:
    imported: set[str] = set()
    for node in tree(path).body:
        if isinstance(node, ast.Import):
            imported |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            imported.add(node.module)
    assert not {
        name for name in imported if name.startswith(tuple(f"{item}." for item in FORBIDDEN)) or name in FORBIDDEN
    }


AGENT: Final = """
import sys

FORBIDDEN = {forbidden!r}

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if any(name == item or name.startswith(item + ".") for item in FORBIDDEN):
            raise ModuleNotFoundError(f"the Omega does not have {{name}}", name=name)

import paho.mqtt.client  # it imports urllib and with it some of these; its packages bring them

before = set(sys.modules)
sys.meta_path.insert(0, Blocker())
import json, logging, os
from latchwire.actuator import About, Actuator
from latchwire.bus import Endpoint, Login
from latchwire.config.agent import parse_agent
from latchwire.protocol.keys import parse_keyring
from latchwire_relay_agent.hardware import open_devices

given = json.load(sys.stdin)
config = parse_agent(given["agent"])
actuator = Actuator(
    config=config, keyring=parse_keyring(given["keys"]), endpoint=Endpoint("127.0.0.1", given["port"]),
    login=Login("omega", given["password"]), handlers=open_devices(config), about=About("relay-agent", "0"),
)
actuator.start()
print("started", flush=True)
os.read(int(sys.argv[1]), 1)
actuator.stop()
print("stopped", sorted(set(FORBIDDEN) & (set(sys.modules) - before)), flush=True)
"""


def test_a_whole_agent_runs_where_the_rest_of_the_standard_library_is_missing(home: Home) -> None:
    read, write = os.pipe()
    given = {
        "agent": agent_extract(load(home.places.config), "omega"), "port": home.broker.port,
        "keys": home.places.keys("omega").read_text(), "password": home.places.password("omega"),
    }  # fmt: skip
    process = subprocess.Popen(
        [sys.executable, "-S", "-c", AGENT.format(forbidden=FORBIDDEN), str(read)], text=True, pass_fds=[read],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        env={"PYTHONPATH": ":".join(path for path in sys.path if path)},
    )  # fmt: skip
    try:
        assert process.stdin is not None
        process.stdin.write(json.dumps(given))
        process.stdin.close()
        observer, sender = home.wire(), home.sender(connect_seconds=5.0)
        observer.wait_for(topics.availability("omega"))
        wait_until(lambda: sender._agents.is_online("omega"), "the agent is there")
        for action, state in (("unlock", "unlocked"), ("toggle", "unlocked"), ("lock", "locked")):
            answer = sender.ask(agent="omega", device=DOOR, action=action, sub="manual:test")
            assert (answer.ending.value, answer.state.value) == ("done", state)
        os.write(write, b"x")
        process.stdin = None
        out, _ = process.communicate(timeout=20)
        assert out.splitlines() == ["started", "stopped []"]
    finally:
        os.close(read)
        os.close(write)
        process.kill()
        process.wait(10)
