"""What is said on X and WhatsApp moves a relay and sockets, in the demo in containers.

The vendors' stand-ins are containers too (``fakes.yml``); the services find them by ``state/.env``, as the vendors.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import pytest

from support.broker import wait_until
from support.compose import FAKES, Stack
from support.magiq_cloud import KEY, SECRET, make_certificate
from support.x_http import BEARER

JOHN, JANE = "+15555550100", "+15555550101"
OLAT: Final = 16 * 7 + 10  # the latch of the board at 0x27, the eighth of 16 bytes each: simulated.py


class Fakes:
    """The stand-ins, running."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        folder = stack.folder / "certificates"
        folder.mkdir()
        make_certificate(folder, "fake-magiq")
        owner = stack.state.stat()
        authority = stack.state / "data" / "magiq-ca.pem"
        shutil.copy(folder / "magiq-ca.pem", authority)
        os.chown(authority, owner.st_uid, owner.st_gid)
        self.compose("up", "--detach", "--wait", "--no-deps", "fake-x", "fake-magiq")

    def compose(self, *words: str) -> subprocess.CompletedProcess[str]:
        return self._stack.compose(*FAKES, *words)

    def post(self, author: str, text: str) -> None:
        self.compose("exec", "-T", "fake-x", "python", "-m", "support.x_api", "post", "--author", author, text)

    def magiq(self) -> list[str]:
        """What the MagIQ cloud was asked, and when it answered, in that order."""
        return self._stack.log("fake-magiq").splitlines()

    def close(self) -> None:
        self.compose("rm", "--stop", "--force", "fake-x", "fake-magiq")
        (self._stack.state / "data" / "magiq-ca.pem").unlink()


@pytest.fixture(scope="module")
def fakes(stack: Stack) -> Iterator[Fakes]:
    running = Fakes(stack)
    yield running
    running.close()


def relays(stack: Stack) -> int:
    """The output latch of the simulated board, a bit a relay."""
    return (stack.state / "run" / "omega.simulated-board").read_bytes()[OLAT]


def lines(stack: Stack, service: str, words: str) -> int:
    return sum(words in line for line in stack.log(service).splitlines())


def wait_for_another(stack: Stack, service: str, words: str, before: int) -> None:
    wait_until(lambda: lines(stack, service, words) > before, f"{service} says: {words}", 20.0)


def test_turn_on_ac_on_whatsapp_switches_the_simulated_socket_and_says_that_it_is_simulated(stack: Stack) -> None:
    stack.latchwire("send", "ac", "off")
    answer = stack.whatsapp("turn on ac", number=JOHN)
    assert "the ac is on (simulated)" in answer
    assert stack.state_of("ac") == "on"


def test_a_post_reaches_the_relays_register(stack: Stack, fakes: Fakes) -> None:
    stack.latchwire("send", "front-door", "lock")
    assert relays(stack) == 0
    said = ("Listening to X", "Not allowed: jane", "idle without credentials")
    heard, refused, idle = (lines(stack, "twitter-listener", words) for words in said)
    with stack.settings(X_API_BASE="http://fake-x:8180", X_BEARER_TOKEN=BEARER):
        wait_for_another(stack, "twitter-listener", "Listening to X", heard)
        fakes.post("102", "I may only lock #unlock")
        wait_for_another(stack, "twitter-listener", "Not allowed: jane", refused)
        assert relays(stack) == 0
        fakes.post("101", "home soon #Unlock")
        wait_until(lambda: relays(stack) == 1, "the relay of the door is closed", 10.0)
        fakes.post("102", "#lock")
        wait_until(lambda: relays(stack) == 0, "the relay of the door is open", 10.0)
        assert "who=twitter:102" in stack.log("relay-agent")
    wait_for_another(stack, "twitter-listener", "idle without credentials", idle)


def test_a_socket_without_credentials_is_told_and_not_simulated(stack: Stack) -> None:
    told = lines(stack, "magiq-bridge", "magiq is idle: MAGIQ_API_KEY is not set")
    with stack.agent("magiq", runs="here"):
        wait_for_another(stack, "magiq-bridge", "magiq is idle: MAGIQ_API_KEY is not set", told)
        done = stack.latchwire("send", "ac", "on", check=False)
        assert done.returncode
        assert "lacks credentials" in done.stdout
        assert stack.health("magiq-bridge") == "healthy"
        assert lines(stack, "magiq-bridge", "magiq is idle: MAGIQ_API_KEY is not set") == told + 1


def test_two_whatsapp_messages_switch_two_sockets_in_the_cloud_at_the_same_time(stack: Stack, fakes: Fakes) -> None:
    cloud = {
        "MAGIQ_URL": "https://fake-magiq:8443/api-ext-magiq/device",
        "MAGIQ_CA": "state/data/magiq-ca.pem",
        "MAGIQ_API_KEY": KEY,
        "MAGIQ_API_SECRET": SECRET,
    }
    with stack.settings(**cloud), stack.agent("magiq", runs="here"), ThreadPoolExecutor(2) as people:
        wait_until(lambda: looks(fakes) == {"example-ac", "example-light"}, "both sockets were looked at", 20.0)
        stack.latchwire("send", "ac", "off")
        before = len(fakes.magiq())
        ac = people.submit(stack.whatsapp, "turn on ac", number=JOHN)
        light = people.submit(stack.whatsapp, "turn on light", number=JANE)
        assert "the ac is on." in ac.result()
        assert "the light is on." in light.result()
        sets = [line for line in fakes.magiq()[before:] if line.startswith("SET")]
        assert sorted(sets[:2]) == ["SET example-ac: asked", "SET example-light: asked"]
        assert sorted(sets[2:]) == ["SET example-ac: answered", "SET example-light: answered"]


def looks(fakes: Fakes) -> set[str]:
    """The sockets whose state was asked for and told."""
    return {line.split()[1].rstrip(":") for line in fakes.magiq() if line.startswith("GET") and "answered" in line}
