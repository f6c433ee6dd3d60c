"""``docs/protocol.md`` is true: its commands print what it says, its vectors get its causes, by hand a door moves."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from latchwire.actuator import About, Actuator
from latchwire.bus import Endpoint, Login
from latchwire.config.agent import AgentConfig, DeviceConfig
from latchwire.model import Kind, State
from latchwire.protocol.claims import Receipt, parse_receipt
from latchwire.protocol.keys import parse_keyring
from latchwire.protocol.token import parse_claims, split
from latchwire.protocol.verdict import Accepted, Alert, Refused, Repeated
from support import protocol_page
from support.broker import Broker, free_port, wait_until
from support.tokens import judged, windows


def run(script: str, *, folder: Path, variables: Mapping[str, str] | None = None) -> str:
    """Runs it as a shell of the Debian kind does, and gives what it printed; fails if it complains."""
    env = {**os.environ, **(variables or {})}
    done = subprocess.run(
        ["sh", "-eu", "-c", script], cwd=folder, env=env, capture_output=True, text=True, timeout=30, check=False
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
    return done.stdout


# ------------------------------------------------------------------------------------- the vectors


@pytest.mark.parametrize("name", ["command", "receipts"])
def test_the_openssl_commands_print_the_very_tokens_of_the_page(name: str, tmp_path: Path) -> None:
    assert run(protocol_page.block("run", name), folder=tmp_path) == protocol_page.block("prints", name)


def test_the_token_in_three_lines_is_the_one_that_is_printed() -> None:
    lines = re.search(r"each on its line:\n\n((?:    \S+\n){3})", protocol_page.text())
    assert lines
    assert ".".join(lines[1].split()) == protocol_page.block("prints", "command").strip()


@pytest.mark.parametrize(("what", "token", "said"), protocol_page.vectors(), ids=lambda text: str(text)[:40])
def test_an_agent_says_of_each_vector_what_the_page_says(what: str, token: str, said: str) -> None:
    verdict = judged(token.encode(), to=windows(), now=3.0)
    told = verdict.cause.wire if isinstance(verdict, (Alert, Refused)) else type(verdict).__name__.lower()
    assert told == said, what


def test_there_are_vectors_and_the_good_one_is_repeated_when_it_comes_again() -> None:
    (_, good, said), *others = protocol_page.vectors()
    assert said == "accepted"
    assert len(others) >= 12
    assert good == protocol_page.block("prints", "command").strip()
    state = windows()
    assert isinstance(judged(good.encode(), to=state, now=3.0), Accepted)
    assert isinstance(judged(good.encode(), to=state, now=3.0), Repeated)


def test_the_receipts_of_the_page_are_read_and_written_again_alike() -> None:
    for token in protocol_page.block("prints", "receipts").split():
        claims = parse_claims(split(token.encode()).payload)
        receipt = parse_receipt(claims)
        assert isinstance(receipt, Receipt)
        assert receipt.to_claims() == claims


def test_the_table_of_causes_is_the_one_of_the_code() -> None:
    table = protocol_page.cause_table()
    assert table in protocol_page.text(), f"docs/protocol.md has to have this table:\n{table}"


# ------------------------------------------------------------------------------------------ by hand


class Door:
    """A handler with nothing behind it but its memory."""

    def __init__(self) -> None:
        self.state = State.LOCKED
        self.moved: list[str] = []

    def status(self) -> State:
        return self.state

    def lock(self) -> State:
        return self._move("lock", State.LOCKED)

    def unlock(self) -> State:
        return self._move("unlock", State.UNLOCKED)

    def _move(self, action: str, state: State) -> State:
        self.moved.append(action)
        self.state = state
        return state


class Demo:
    """The demo's state in a folder of its own, its broker, and an agent with a real kit and a door."""

    def __init__(self, folder: Path, start_broker: Callable[..., Broker]) -> None:
        self.folder = folder
        self.state = folder / "state"
        folder.mkdir()
        (folder / "latchwire").write_text(f'#!/bin/sh\nexec "{Path(sys.executable).parent}/latchwire" "$@"\n')
        (folder / "latchwire").chmod(0o755)
        self._init(free_port())
        logins = {path.name: path.read_text().strip() for path in (self.state / "logins").iterdir()}
        self.broker = start_broker(logins=logins)
        self._init(self.broker.port)
        self.door = Door()
        device = DeviceConfig("front-door", Kind.LOCK, 5, 0, {})
        self.agent = Actuator(
            config=AgentConfig("omega", "relay", "here", 30, None, {"front-door": device}, {}),
            keyring=parse_keyring((self.state / "keys" / "omega").read_text()),
            endpoint=Endpoint(self.broker.host, self.broker.port),
            login=Login("omega", logins["omega"]),
            handlers={"front-door": self.door},
            about=About("test", "0"),
        )

    @property
    def variables(self) -> dict[str, str]:
        return {"LATCHWIRE_STATE": str(self.state), "BROKER_PORT": str(self.broker.port), "BROKER_HOST": "127.0.0.1"}

    def _init(self, port: int) -> None:
        settings = {"LATCHWIRE_STATE": str(self.state), "BROKER_PORT": str(port)}
        run("./latchwire init", folder=self.folder, variables=settings)

    def type(self, block: str) -> str:
        return run(protocol_page.block("run", block), folder=self.folder, variables=self.variables)


@pytest.fixture
def demo(tmp_path: Path, start_broker: Callable[..., Broker]) -> Iterator[Demo]:
    made = Demo(tmp_path / "checkout", start_broker)
    made.agent.start()
    try:
        wait_until(lambda: made.agent.health().ok, "the agent is connected")
        yield made
    finally:
        made.agent.stop()


def test_what_latchwire_signs_and_mosquitto_pub_publishes_moves_the_door(demo: Demo) -> None:
    assert demo.type("sign") == ""
    wait_until(lambda: demo.door.moved == ["unlock"], "the door is unlocked")


def test_openssl_and_the_mosquitto_clients_alone_move_the_door_and_verify_the_receipt(demo: Demo) -> None:
    said = json.loads(demo.type("by-hand"))
    assert demo.door.moved == ["unlock"]
    assert (said["iss"], said["outcome"], said["state"]) == ("omega/front-door", "done", "unlocked")
