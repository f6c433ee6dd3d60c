"""The clock of all programs, the broker's too, set years back and ahead while commands are under way.

A command ends as it would have, a door that is open for two seconds is open for two seconds, tokens are judged the
same. Only what is about a date goes by the date: until when a person may do something, and how old a post is.
"""

import datetime as dt
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import pytest

from latchwire import topics
from latchwire.protocol.claims import parse_receipt
from latchwire.protocol.token import parse_claims, split
from latchwire_whatsapp_webhook.say import form
from support.broker import wait_until
from support.clock import Clock
from support.home import DOOR
from support.house import PROGRAMS, House, crowd, example
from support.magiq_cloud import MagiqCloudServer
from support.post_house import House as PostHouse
from support.x_api import FakeX

YEARS: Final = (20, -20)
TOGGLE_SECONDS: Final = 2
AC: Final = "16612385"
DATED: Final = "+15555559001"
"""Somebody who may do something for one more year."""


@pytest.fixture(scope="module")
def clock(tmp_path_factory: pytest.TempPathFactory) -> Clock:
    return Clock(tmp_path_factory.mktemp("clock"))


@pytest.fixture
def numbers() -> Iterator[str]:
    return iter(crowd(document(), 20))


def document() -> dict[str, Any]:
    config = example()
    config["agents"]["omega"]["lifetime"] = 5
    config["devices"]["front-door"]["toggleSeconds"] = TOGGLE_SECONDS
    config["devices"]["ac"]["deviceId"] = AC
    config["agents"]["magiq"] = {"type": "magiq", "runs": "here", "pollSeconds": 60, "requestsPerMinute": 6000}
    crowd(config, 20)
    next_year = dt.datetime.now(dt.UTC).date() + dt.timedelta(days=365)
    config["people"]["dated"] = {"whatsapp": DATED, "until": str(next_year), "may": {"front-door": ["lock"]}}
    config["people"]["owner"] = {"manual": True, "may": "*"}
    return config


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MagiqCloudServer]:
    with MagiqCloudServer(folder=tmp_path_factory.mktemp("cloud")) as running:
        running.add(AC, name="ac")
        yield running


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, clock: Clock, cloud: MagiqCloudServer) -> Iterator[House]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in clock.environment.items():
            patch.setenv(name, value)  # for the broker
        made = House(folder=tmp_path_factory.mktemp("house"), document=document(), variables=cloud.environ)
    try:
        made.start("relay-agent", "whatsapp-webhook", "magiq-bridge", **clock.environment)
        yield made
    finally:
        made.close()


@pytest.fixture
def house(running: House, clock: Clock) -> Iterator[House]:
    """The house with its door locked and the right time, now and afterwards."""
    clock.set(0)
    running.wait_for_relay(closed=False)
    yield running
    clock.set(0)


def send(house: House, clock: Clock, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [PROGRAMS / "latchwire", "send", *arguments, "--json"], env=house.environment() | clock.environment,
        stdout=subprocess.PIPE, text=True, cwd=house.folder,
    )  # fmt: skip


def test_the_clock_of_a_test_is_set_for_its_programs_and_only_what_can_be_set(clock: Clock) -> None:
    clock.set(-20)
    told = "import time; print(time.time(), time.clock_gettime(time.CLOCK_BOOTTIME), time.monotonic())"
    done = subprocess.run(
        [sys.executable, "-c", told], env=clock.environment, capture_output=True, text=True, check=True
    )
    clock.set(0)
    wall, boot, monotonic = map(float, done.stdout.split())
    assert abs(time.time() - 20 * 31_556_952 - wall) < 60
    assert abs(time.clock_gettime(time.CLOCK_BOOTTIME) - boot) < 60
    assert abs(time.monotonic() - monotonic) < 60


@pytest.mark.parametrize("years", YEARS)
def test_a_toggle_under_way_is_done_and_closes_after_its_seconds(house: House, clock: Clock, years: int) -> None:
    wire = house.wire()
    house.pause("relay-agent")
    asking = send(house, clock, DOOR, "toggle", "--wait", "12")
    wait_until(lambda: len(wire.commands()) == 1, "the command is on its way", 20)
    clock.set(years)
    house.resume("relay-agent")
    house.wait_for_relay(closed=True)
    begun = time.monotonic()
    told = json.loads(asking.communicate(timeout=20)[0])
    assert (told["outcome"], told["state"]) == ("done", "unlocked")
    clock.set(0)  # and once more while it is open
    clock.set(-years)
    house.wait_for_relay(closed=False, seconds=TOGGLE_SECONDS + 3)
    assert TOGGLE_SECONDS - 1 < time.monotonic() - begun < TOGGLE_SECONDS + 1.5
    for action in ("unlock", "lock"):  # and the broker carries commands that expire as it did
        assert json.loads(send(house, clock, DOOR, action).communicate(timeout=20)[0])["outcome"] == "done"


@pytest.mark.parametrize("years", YEARS)
def test_a_token_is_as_good_or_as_old_as_it_was(house: House, clock: Clock, years: int) -> None:
    wire, topic = house.wire(), topics.command("omega", DOOR)
    manual = house.wire("manual", filters=("latchwire/+/nonce",))
    good, old = house.token(house.nonce(wire), "lock", until=10), house.token(house.nonce(wire), "unlock", until=1)
    clock.set(years)
    manual.publish(topic, good)
    assert outcome(wire, 1) == ("done", None)
    time.sleep(1.1)  # what makes it old is this second, and no clock
    clock.set(-years)
    manual.publish(topic, old)
    assert outcome(wire, 2) == ("refused", "stale-nonce")


def outcome(wire: Any, count: int) -> tuple[str, str | None]:
    topic = topics.receipt("omega", DOOR, "manual")
    wait_until(lambda: len(wire.on(topic)) >= count, f"receipt {count}")
    receipt = parse_receipt(parse_claims(split(wire.on(topic)[count - 1].payload).payload))
    return receipt.outcome.value, receipt.cause and receipt.cause.wire


@pytest.mark.parametrize("years", YEARS)
def test_a_message_under_way_is_answered_and_an_old_one_stays_done_once(
    house: House, clock: Clock, numbers: Iterator[str], years: int
) -> None:
    first, second = next(numbers), next(numbers)
    house.pause("relay-agent")
    with ThreadPoolExecutor(1) as pool:
        wire, unlock = house.wire(), form("unlock the front door", sender=first)
        reply = pool.submit(house.post, unlock)
        wait_until(lambda: len(wire.commands()) == 1, "the command is on its way", 20)
        clock.set(years)
        house.resume("relay-agent")
        assert reply.result(20).words == "Done: the front door is unlocked (simulated)."
    assert house.whatsapp("lock the front door", second).words.startswith("Done")
    for again in (years, -years, 0):
        clock.set(again)
        assert house.post(unlock).words == "Done: the front door is unlocked (simulated)."
        assert not house.relay_is_closed()
    assert house.healthy("whatsapp-webhook") == (True, house.healthy("whatsapp-webhook")[1])


def test_what_a_person_may_do_until_a_day_goes_by_the_day(house: House, clock: Clock) -> None:
    assert house.whatsapp("lock the front door", DATED).words.startswith("Done")
    clock.set(20)
    assert "nothing here that you may use" in house.whatsapp("lock the front door", DATED).words
    clock.set(0)
    assert house.whatsapp("lock the front door", DATED).words.startswith("Done")


@pytest.mark.parametrize("years", YEARS)
def test_a_cloud_that_does_not_take_our_time_is_told_and_works_when_the_clock_is_right(
    house: House, clock: Clock, cloud: MagiqCloudServer, years: int
) -> None:
    clock.set(years)
    told = json.loads(send(house, clock, "ac", "on").communicate(timeout=20)[0])
    assert (told["outcome"], told["happened"]) == ("failed", "no")
    assert is_on(cloud) is False
    clock.set(0)

    def works() -> bool:
        told = json.loads(send(house, clock, "ac", "on").communicate(timeout=20)[0])
        return bool(told["outcome"] == "done")

    wait_until(works, "the cloud is asked again", 30)
    assert is_on(cloud) is True
    send(house, clock, "ac", "off").communicate(timeout=20)


def is_on(cloud: MagiqCloudServer) -> bool:
    return cloud.sockets[AC].on


def test_a_post_is_not_obeyed_while_the_clock_is_wrong_and_is_when_it_is_right(tmp_path: Path, clock: Clock) -> None:
    with FakeX(accounts={"101": "example_john", "102": "example_jane"}) as x, PostHouse(folder=tmp_path, x=x) as house:
        clock.set(20)  # as a machine that starts with a wrong clock, before NTP
        house.environment |= clock.environment
        house.listen(x, "example_john", "example_jane")
        x.post("101", "#unlock")
        house.wait_for("x", "is this machine's clock right")
        clock.set(0)
        x.post("101", "#unlock")
        house.wait_for("relay", "is UNLOCKED")
        clock.set(-20)
        x.post("102", "#lock")
        house.wait_for("x", "this machine's clock is slow")
        clock.set(0)
        x.cut(clean=False)
        house.wait_for("x", "Listening to X", times=2)
        asked = len(x.asked("/tweets"))
        wait_until(lambda: len(x.asked("/tweets")) > asked, "what was posted meanwhile is asked for", 10)
        begin = x.asked("/tweets")[-1].query["start_time"]
        assert begin <= f"{dt.datetime.now(dt.UTC):%Y-%m-%dT%H:%M:%SZ}", "X refuses what begins in the future"
        x.post("102", "and #lock")
        house.wait_for("relay", "action=lock who=twitter:102 .*outcome=done")
        assert house.log("relay").count("is UNLOCKED") == 1
