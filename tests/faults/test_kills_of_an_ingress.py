"""SIGKILL of the webhook and of the listener at each step between hearing and receipt, and at random ones, in a loop.

The real programs, a simulated relay. Whatever was killed, the message is heard again afterwards, as Twilio or X (or
somebody who kept it) may send it: the door was opened at most once, is locked again by itself, and nobody who was told
"nothing was done" stands before an open one.
"""

import http.client
import random
import sys
import time
import urllib.error
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final

import pytest

from latchwire_whatsapp_webhook import replies
from latchwire_whatsapp_webhook.say import form
from support.broker import TOP, wait_until
from support.house import House, crowd, example
from support.post_house import House as PostHouse
from support.striking import LISTENER, WEBHOOK, order
from support.x_api import FakeX

KILLS: Final = 10
PEOPLE: Final = 6
OPENED: Final = "front-door is UNLOCKED"
UNLOCKED: Final = "Done: the front door is unlocked"
TOGGLE_SECONDS: Final = 1


def document() -> dict[str, Any]:
    config = example()
    config["devices"]["front-door"]["toggleSeconds"] = TOGGLE_SECONDS
    crowd(config, 64)
    for person in config["people"].values():
        if "front-door" in person.get("may", {}):
            person["may"]["front-door"] = ["lock", "unlock", "toggle"]
    return config


# -------------------------------------------------------------------------------- the webhook


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    made = House(folder=tmp_path_factory.mktemp("house"), document=document())
    try:
        made.start("relay-agent")
        yield made
    finally:
        made.close()


@pytest.fixture(scope="module")
def numbers() -> Iterator[str]:
    return iter(crowd(document(), 64))


def openings(house: House) -> int:
    return house.log("relay-agent").count(OPENED)


def post(house: House, fields: dict[str, str]) -> str | None:
    """What stands in the chat; ``None`` if the webhook was not there to the end."""
    try:
        return house.post(fields).words
    except (urllib.error.URLError, http.client.HTTPException, OSError):
        return None


def wait_until_locked(house: House) -> None:
    house.wait_for_relay(closed=False, seconds=TOGGLE_SECONDS + 4)


@pytest.mark.parametrize("point", WEBHOOK)
def test_a_webhook_killed_at_a_named_step_does_nothing_twice_and_says_what_it_knows(
    house: House, numbers: Iterator[str], tmp_path: Path, point: str
) -> None:
    strike = tmp_path / "strike"
    house.start("whatsapp-webhook", as_module="support.striking", STRIKE_AT=point, STRIKE_FILE=str(strike))
    order(strike)
    before = openings(house)
    toggle = form("toggle the front door", sender=next(numbers))
    assert post(house, toggle) is None
    assert house.wait_for_end("whatsapp-webhook") == -9
    house.start("whatsapp-webhook")
    again = post(house, toggle)
    wait_until_locked(house)
    once = {"before-journal", "after-publish", "after-receipt", "after-answered"}
    assert openings(house) - before == (1 if point in once else 0)
    if point == "before-journal":
        assert again is not None
        assert again.startswith("Done")
    elif point == "after-answered":
        assert again is not None
        assert again.startswith("Done"), "a repetition gets the first answer"
    else:
        assert again == replies.HEARD_BEFORE
    assert post(house, toggle) == again
    assert openings(house) - before == (1 if point in once else 0)
    house.kill("whatsapp-webhook")


def test_a_webhook_killed_again_and_again_while_people_write_does_nothing_twice(
    house: House, numbers: Iterator[str]
) -> None:
    dice = random.Random(1)  # noqa: S311  # a plan, no secret
    people = [next(numbers) for _ in range(PEOPLE)]
    delays = [0.3 * dice.random() ** 3 for _ in range(KILLS)]  # most of them within the milliseconds that it takes
    endings = [ending for delay in delays for ending in kill_while_they_write(house, people, delay)]
    assert None in endings, "no kill came before an answer"
    assert any(ending is not None for ending in endings), "each kill came before the first answer"


def kill_while_they_write(house: House, people: list[str], delay: float) -> list[str | None]:
    """One kill so long after they began to write; what each was told before it."""
    house.start("whatsapp-webhook")
    before = openings(house)
    toggles = [form("toggle the front door", sender=person) for person in people]
    with ThreadPoolExecutor(PEOPLE) as pool:
        told = [pool.submit(post, house, toggle) for toggle in toggles]
        time.sleep(delay)  # not for luck: when it is killed is what is tried
        house.kill("whatsapp-webhook")
    house.start("whatsapp-webhook")
    again = [post(house, toggle) for toggle in toggles]
    wait_until_locked(house)
    words = [one.result() for one in told]
    opened, story = openings(house) - before, f"killed after {delay:.3f} s: {words}, {again}"
    assert sum(one is not None and one.startswith(UNLOCKED) for one in words) <= opened <= PEOPLE, story
    for first, second in zip(words, again, strict=True):
        assert second is not None, story
        assert first is None or second == first, f"who was answered gets the same answer again; {story}"
    house.kill("whatsapp-webhook")
    return words


# -------------------------------------------------------------------------------- the listener


@pytest.fixture
def x() -> Iterator[FakeX]:
    with FakeX(accounts={"101": "example_john", "102": "example_jane"}) as fake:
        yield fake


@pytest.fixture
def post_house(tmp_path: Path, x: FakeX) -> Iterator[PostHouse]:
    with PostHouse(folder=tmp_path, x=x) as made:
        yield made


@pytest.mark.parametrize("point", LISTENER)
def test_a_listener_killed_at_a_named_step_obeys_no_post_twice(post_house: PostHouse, x: FakeX, point: str) -> None:
    strike = post_house.folder / "strike"
    started = ready(post_house)
    post_house.run(
        "x", sys.executable, "-m", "support.striking", "twitter-listener",
        STRIKE_AT=point, STRIKE_FILE=str(strike), PYTHONPATH=str(TOP / "tests"),
    )  # fmt: skip
    wait_until_it_hears(post_house, x, started)
    order(strike)
    heard = time.time()
    wait_until(lambda: int(time.time()) > heard, "it is another second than that of its start")
    x.ahead = 0.0  # as close to the next start as can be
    said = x.post("101", "home #unlock")
    x.ahead = 1.0
    assert post_house.running.pop("x").wait(10) == -9
    started = ready(post_house)
    post_house.run("x", "latchwire-twitter-listener")
    wait_until_it_hears(post_house, x, started)
    for _ in range(2):
        x.send({"data": x.posts[said]})  # X may deliver a post again
    x.post("102", "now #lock")
    post_house.wait_for("relay", "action=lock who=twitter:102 .*outcome=done")
    opened = post_house.log("relay").count(OPENED)
    assert opened == (1 if point in {"after-publish", "after-receipt"} else 0)
    assert post_house.log("relay").count("relay 0 opened") == opened


def ready(house: PostHouse) -> int:
    return house.log("x").count("Listening to X") if (house.folder / "x.log").exists() else 0


def wait_until_it_hears(house: PostHouse, x: FakeX, started: int) -> None:
    house.wait_for("x", "Listening to X", times=started + 1)
    house.wait_for("x", "ready to ask", times=started + 1)
    x.wait_for_stream()
    wait_until(
        lambda: all(
            any(name in rule["value"] for rule in x.rules.values()) for name in ("example_john", "example_jane")
        ),
        "the rules name both",
    )
