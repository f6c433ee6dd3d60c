"""Services of one's own and the examples in Compose, by the lines that `latchwire new` and the examples' pages give."""

import json
import os
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.broker import TOP, wait_until
from support.compose import BY_HAND, Stack

MARK = "  # ---- Services of your own stand here: `latchwire new` writes them.\n"
EXAMPLES = ("notify", "schedule", "tasmota-bridge")


@pytest.fixture(scope="module")
def own(place: Path) -> Iterator[Stack]:
    """The demo with three services of somebody's own, and the three examples, up and healthy."""
    stack = Stack(folder=place / "own", project=f"latchwire-own-{os.getpid()}")
    try:
        stack.up()
        for kind, name in (("actuator", "garage"), ("observer", "diary"), ("ingress", "keypad")):
            said = stack.run(str(TOP / ".venv/bin/latchwire"), "new", kind, name).stdout
            assert BY_HAND in said
        take_over_examples(stack)
        assert BY_HAND in stack.latchwire("init").stdout
        stack.run("sh", "-c", BY_HAND)
        stack.compose("up", "--detach", "--build")
        well = (name for name in stack.services() if name != "tasmota-bridge")  # for there is no plug
        stack.compose("up", "--detach", "--wait", "--wait-timeout", "120", *well)
        yield stack
    finally:
        stack.close()


def take_over_examples(stack: Stack) -> None:
    """Does what their pages say, to docker-compose.yml and to config.json."""
    file, config = stack.folder / "docker-compose.yml", stack.state / "config/config.json"
    lines = [entry(TOP / "examples" / name / "README.md", name) for name in EXAMPLES]
    file.write_text(file.read_text().replace(MARK, MARK + "".join(lines)))
    document = json.loads(config.read_text())
    document["observers"]["notify"] = {"plainHttp": True}
    document["ingresses"]["schedule"] = {
        "timeZone": "Europe/Berlin",
        "rules": {"evening": {"at": "0 18 * * 1-5", "device": "front-door", "action": "lock"}},
    }
    document["people"]["evening"] = {"identities": ["schedule:evening"], "may": {"front-door": ["lock"]}}
    document["agents"]["omega"]["obeys"]["schedule"] = {"front-door": ["lock"]}
    document["agents"]["tasmota"] = {"type": "tasmota", "runs": "here"}
    document["devices"]["kettle"] = {"agent": "tasmota", "kind": "switch", "topic": "kitchen"}
    document["logins"] = {"tasmota-bridge": {"write": ["cmnd/#"], "read": ["stat/#", "tele/#"]}}
    config.write_text(json.dumps(document))
    with (stack.state / ".env").open("a") as env:
        env.write("NOTIFY_URL=http://127.0.0.1:9/nobody\n")


def entry(page: Path, name: str) -> str:
    """The service's lines in docker-compose.yml, as its page has them."""
    found = re.search(rf"(?m)^ *{name}:\n(?: +.*\n)+", page.read_text("utf-8"))
    assert found, page
    return textwrap.indent(textwrap.dedent(found[0]), "  ")


def test_all_of_them_are_at_work(own: Stack) -> None:
    assert {"garage", "diary", "keypad", *EXAMPLES} <= {*own.services()}
    status = own.latchwire("status", check=False).stdout
    for line in (
        r"agent garage +garage, simulated, \S+ +connected$", r"agent tasmota +tasmota, here, ",
        r"ingress keypad .* connected$", r"ingress schedule .* connected$",
        r"observer diary .* connected$", r"observer notify ",
    ):  # fmt: skip
        assert re.search(f"(?m)^{line}", status), status
    assert "garage-device is ON (simulated)." in own.latchwire("send", "garage-device", "on").stdout


def test_a_word_to_the_keypad_works_a_socket_and_is_in_the_diary(own: Stack) -> None:
    own.compose("exec", "-T", "keypad", "sh", "-c", 'echo "1234 ac on" > state/run/keypad.pipe')
    diary = own.state / "data/diary.txt"
    wait_until(lambda: diary.exists() and "keypad-guest: ac on, done" in diary.read_text(), "it is in the diary", 20)
