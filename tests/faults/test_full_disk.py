"""A full disk: what cannot be remembered is not done, doors close all the same, and with space all goes on."""

import fcntl
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import pytest

from latchwire.sender import Ending
from latchwire_whatsapp_webhook import replies
from latchwire_whatsapp_webhook.say import form
from support.broker import wait_until
from support.home import DOOR, Home
from support.house import PROGRAMS, House, crowd, example
from support.post_house import House as PostHouse
from support.small_disk import TmpDisk, limit
from support.x_api import FakeX

DONE: Final = "Done: the front door is unlocked (simulated)."


def document() -> dict[str, Any]:
    config = example()
    crowd(config, 64)
    return config


@pytest.fixture
def numbers() -> Iterator[str]:
    return iter(crowd(document(), 64))


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(folder=tmp_path / "house", document=document())
    try:
        yield made
    finally:
        made.close()


@pytest.fixture(autouse=True)
def house_folder(tmp_path: Path) -> None:
    (tmp_path / "house").mkdir()


def does_nothing_until_there_is_space(house: House, numbers: Iterator[str], free: Any) -> None:
    """What the webhook does while its memory cannot be written, and afterwards."""
    kept = form("unlock the front door", sender=next(numbers))
    assert house.post(kept).words == replies.NOT_WRITTEN_DOWN
    assert not house.relay_is_closed()
    assert house.post(kept).words == replies.NOT_WRITTEN_DOWN
    assert "cannot be used" in house.log("whatsapp-webhook")
    free()
    assert house.post(kept).words == DONE, "it was not done before, so now it is the first time"
    assert house.relay_is_closed()
    assert house.command_line("send", "front-door", "lock").returncode == 0
    assert house.post(kept).words == DONE
    assert not house.relay_is_closed(), "but it is done once"


def test_a_webhook_whose_disk_is_full_opens_no_door_and_goes_on_when_there_is_space(
    house: House, numbers: Iterator[str]
) -> None:
    with TmpDisk(house.places.data, pages=40) as disk:
        house.start("relay-agent", "whatsapp-webhook")
        assert house.whatsapp("unlock the front door", next(numbers)).words == DONE
        assert house.whatsapp("lock the front door", next(numbers)).words.startswith("Done")
        disk.fill()
        does_nothing_until_there_is_space(house, numbers, disk.free)
        house.end("whatsapp-webhook")


def test_a_webhook_whose_files_may_not_grow_opens_no_door_and_goes_on_when_they_may(
    house: House, numbers: Iterator[str]
) -> None:
    house.start("relay-agent", "whatsapp-webhook")
    limit(house.pid("whatsapp-webhook"), 0)
    reply = house.whatsapp("unlock the front door", next(numbers)).words
    assert reply == replies.NOT_WRITTEN_DOWN
    assert not house.relay_is_closed()
    limit(house.pid("whatsapp-webhook"), None)
    assert house.whatsapp("unlock the front door", next(numbers)).words == DONE


def test_a_webhook_that_starts_on_a_full_disk_opens_no_door_and_goes_on_when_there_is_space(
    house: House, numbers: Iterator[str]
) -> None:
    with TmpDisk(house.places.data, pages=40) as disk:
        disk.fill()
        house.start("relay-agent", "whatsapp-webhook")
        well, told = house.healthy("whatsapp-webhook")
        assert not well
        assert "Free some disk" in told
        does_nothing_until_there_is_space(house, numbers, disk.free)
        assert house.healthy("whatsapp-webhook")[0]


def test_a_listener_whose_disk_is_full_obeys_no_post_and_goes_on_when_there_is_space(tmp_path: Path) -> None:
    with (
        FakeX(accounts={"101": "example_john", "102": "example_jane"}) as x,
        PostHouse(folder=tmp_path, x=x) as house,
        ExitStack() as disks,
    ):
        disk = disks.enter_context(TmpDisk(house.state / "data", pages=80))
        disks.callback(house.end, "x")
        house.listen(x, "example_john")
        x.post("101", "#unlock")
        house.wait_for("relay", "UNLOCKED")
        x.post("102", "#lock")
        house.wait_for("relay", "LOCKED", times=2)
        disk.fill()
        lost = x.post("101", "I am back #unlock")
        house.wait_for("x", "Posts are not obeyed: state/data cannot be written")
        assert house.log("relay").count("UNLOCKED") == 1
        disk.free()
        x.send({"data": x.posts[lost]})
        house.wait_for("relay", "UNLOCKED", times=2)
        x.send({"data": x.posts[lost]})
        x.post("102", "#lock")
        house.wait_for("relay", "action=lock who=twitter:102 .*outcome=done", times=2)
        assert house.log("relay").count("UNLOCKED") == 2


def test_a_simulated_board_without_space_is_told_with_its_cure_and_comes_with_it(house: House) -> None:
    with TmpDisk(house.places.run, pages=8) as disk:
        disk.fill()
        house.launch("relay-agent")
        house.wait_for_log("relay-agent", "simulated board cannot keep its registers there")
        disk.free()
        house.wait_for_log("relay-agent", "ready for commands", seconds=20)
        house.end("relay-agent")


# ------------------------------------------------------------------------------------ the log


class Agent:
    """The relay agent of a home, its log going wherever a test wants."""

    def __init__(self, home: Home, log: int) -> None:
        self.process = subprocess.Popen(
            [PROGRAMS / "latchwire-relay-agent"], env={**home.environment(), "LOG_LEVEL": "DEBUG"}, stdout=log,
            stderr=log, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        self.sender = home.sender()
        wait_until(lambda: self.sender._agents.is_online("omega"), "the agent is there", 20)

    def ask(self, action: str, device: str = DOOR, wait: float = 3.0) -> Any:
        return self.sender.ask(agent="omega", device=device, action=action, sub="manual:test", wait=wait)

    def end(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(10)


def works(agent: Agent, home: Home) -> None:
    """Commands are done and a toggle ends, however many lines that makes."""
    for number in range(400):
        answer = agent.ask(("on", "off")[number % 2], "lamp")
        assert answer.ending is Ending.DONE, f"after {number}: {answer}"
    assert agent.ask("toggle").ending is Ending.DONE
    assert agent.ask("toggle").changed is False
    wire = home.wire()
    begun = time.monotonic()
    topic = f"latchwire/omega/{DOOR}/state"
    wire.wait_for(topic, lambda heard: json.loads(heard.payload)["state"] == "locked", 4)
    assert time.monotonic() - begun < 3
    assert agent.end() == 0


def test_an_agent_whose_log_is_on_a_full_disk_works_on(home: Home) -> None:
    full = os.open("/dev/full", os.O_WRONLY)
    agent = Agent(home, full)
    os.close(full)
    works(agent, home)


def test_an_agent_whose_log_nobody_reads_works_on(home: Home) -> None:
    reader, writer = os.pipe()  # as behind `| less`, a terminal after Ctrl-S, or a log collector that hangs
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 8192)  # full soon: many lines of a kind are not logged but counted
    agent = Agent(home, writer)
    os.close(writer)
    try:
        works(agent, home)
        assert len(os.read(reader, 1 << 20)) > 4_000, "the pipe was full, or this proves nothing"
    finally:
        os.close(reader)


def test_an_agent_whose_log_has_no_reader_any_more_works_on(home: Home) -> None:
    reader, writer = os.pipe()
    agent = Agent(home, writer)
    os.close(writer)
    os.close(reader)
    works(agent, home)
