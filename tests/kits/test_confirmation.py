"""Asking back, over a real broker to an agent that acts: nothing moves unless it was confirmed by who may, just now."""

import copy
from collections.abc import Callable
from typing import Any

import pytest

from latchwire.config.reloading import Reloading
from latchwire.confirmation import Confirming, Pins, Question, hashes
from latchwire.ingress import Ingress
from latchwire.model import Cause, State
from latchwire.sender import Answer, Ending
from support.broker import wait_until
from support.handlers import Bolt, Lamp
from support.home import CONFIG, DOOR, PHONE, Home

JANE = "whatsapp:+15555550101"


class Clock:
    time = 100.0

    def __call__(self) -> float:
        return self.time


class Scene:
    """A home whose door takes a confirmation, John and Jane, and an ingress that can ask back."""

    def __init__(self, make_home: Callable[..., Home]) -> None:
        self.document = copy.deepcopy(dict(CONFIG))
        self.document["devices"]["front-door"]["confirm"] = ["unlock"]
        self.document["people"]["jane"] = {"whatsapp": JANE.removeprefix("whatsapp:"), "may": "*"}
        self.home = make_home(document=self.document)
        self.bolt, self.clock = Bolt(), Clock()
        self.home.actuator({"front-door": self.bolt, "lamp": Lamp()})
        self.ingress = self.start()

    def start(self, *, asks: bool = True) -> Ingress:
        """An ingress of a new process."""
        places = self.home.places
        ingress = Ingress(
            issuer="whatsapp", service="test", config=Reloading(places.config), keyring=places.keyring("whatsapp"),
            endpoint=self.home.endpoint(), login=self.home.login("whatsapp"), announce=False,
            confirming=Confirming(Pins(places), clock=self.clock) if asks else None,
        )  # fmt: skip
        ingress.start()
        self.home._running.callback(ingress.stop)
        wait_until(lambda: ingress.health().ok, "the ingress is ready")
        return ingress

    def asks(self, identity: str = PHONE, action: str = "unlock") -> Question:
        found = self.ingress.question(identity=identity, device=DOOR, action=action)
        assert isinstance(found, Question)
        return found

    def refused(self, answer: Answer | Question | None, cause: Cause) -> bool:
        assert isinstance(answer, Answer)
        assert answer.ending is Ending.REFUSED
        assert answer.cause is cause
        return self.bolt.count("unlock") == 0

    def change(self, change: Callable[[dict[str, Any]], object]) -> None:
        change(self.document)
        self.home.write_config(self.document)

    def pin(self, **pins: str) -> None:
        self.home.places.pins.touch(0o600)
        written = {person: hashes.hashed(pin, cost=(2, 8, 1)) for person, pin in pins.items()}
        self.home.places.pins.write_text(hashes.written(written))


@pytest.fixture
def scene(make_home: Callable[..., Home]) -> Scene:
    return Scene(make_home)


@pytest.mark.parametrize("action", ["unlock", "toggle"])
def test_what_takes_a_confirmation_is_not_done_without_whoever_asks(scene: Scene, action: str) -> None:
    assert scene.refused(scene.ingress.ask(identity=PHONE, device=DOOR, action=action), Cause.NEEDS_CONFIRMATION)
    assert scene.ingress.ask(identity=PHONE, device=DOOR, action="lock").ending is Ending.DONE
    assert scene.ingress.question(identity=PHONE, device=DOOR, action="lock") is None


def test_an_ingress_that_cannot_ask_does_not_offer_it_and_refuses_it(scene: Scene) -> None:
    mute = scene.start(asks=False)
    john = mute.who(PHONE)
    assert john is not None
    assert mute.usable(john) == {DOOR: ("lock", "status")}
    assert scene.ingress.usable(john) == {DOOR: ("lock", "unlock", "toggle", "status")}
    assert scene.refused(mute.ask(identity=PHONE, device=DOOR, action="unlock"), Cause.NEEDS_CONFIRMATION)
    assert scene.refused(mute.question(identity=PHONE, device=DOOR, action="unlock"), Cause.NEEDS_CONFIRMATION)
    assert scene.refused(mute.confirm(scene.asks()), Cause.NOT_ASKED)


def test_a_confirmed_question_is_done_once(scene: Scene) -> None:
    asked = scene.asks()
    answer = scene.ingress.confirm(asked, jti="the-message-that-said-yes")
    assert (answer.ending, answer.state) == (Ending.DONE, State.UNLOCKED)
    assert scene.ingress.confirm(asked).cause is Cause.NOT_ASKED
    assert scene.bolt.count("unlock") == 1


def test_a_minute_later_it_is_too_late_and_a_moment_before_it_is_not(scene: Scene) -> None:
    asked = scene.asks()
    scene.clock.time += 60.1
    assert scene.refused(scene.ingress.confirm(asked), Cause.TOO_LATE)
    asked = scene.asks()
    scene.clock.time += 59.9
    assert scene.ingress.confirm(asked).ending is Ending.DONE


def test_another_question_replaces_the_one_before(scene: Scene) -> None:
    first, second = scene.asks(), scene.asks(action="toggle")
    assert scene.refused(scene.ingress.confirm(first), Cause.NOT_ASKED)
    assert scene.ingress.confirm(second).locks_in == 1


def test_two_people_are_asked_for_one_door_and_each_answers_for_themselves(scene: Scene) -> None:
    john, jane = scene.asks(), scene.asks(JANE)
    assert scene.ingress.cancel(john)
    assert scene.refused(scene.ingress.confirm(john), Cause.NOT_ASKED)
    assert scene.ingress.confirm(jane).ending is Ending.DONE
    assert scene.bolt.count("unlock") == 1


@pytest.mark.parametrize(
    "change",
    [
        lambda it: it["people"]["john"].update(suspended=True),
        lambda it: it["people"]["john"].update(until="2020-01-01"),
        lambda it: it["people"]["john"].update(may={DOOR: ["lock"]}),
        lambda it: it["people"].pop("john"),
        lambda it: it["devices"].pop(DOOR) and it["people"]["john"].update(may="*"),
    ],
    ids=["suspended", "their rights ended", "may no more", "taken out", "the device is gone"],
)
def test_who_may_no_more_at_the_moment_of_the_yes_is_refused(
    scene: Scene, change: Callable[[dict[str, Any]], object]
) -> None:
    asked = scene.asks()
    scene.change(change)
    assert scene.refused(scene.ingress.confirm(asked), Cause.FORBIDDEN)
    assert scene.ingress.pending(PHONE) is None, "and it does not wait for better times"


def test_somebody_else_who_got_the_number_meanwhile_confirms_nothing(scene: Scene) -> None:
    asked = scene.asks()
    scene.change(lambda it: it["people"].update(jack=it["people"].pop("john")))
    assert scene.refused(scene.ingress.confirm(asked), Cause.NOT_ASKED)


def test_a_restart_forgets_what_was_asked(scene: Scene) -> None:
    asked = scene.asks()
    scene.ingress.stop()
    scene.ingress = scene.start()
    assert scene.ingress.pending(PHONE) is None
    assert scene.refused(scene.ingress.confirm(asked), Cause.NOT_ASKED)


def test_a_pin_takes_the_place_of_the_yes_and_three_wrong_ones_lock_out_over_a_restart(scene: Scene) -> None:
    scene.pin(john="4711")
    asked = scene.asks()
    assert scene.refused(scene.ingress.confirm(asked), Cause.WRONG_PIN), "a YES is no PIN"
    assert scene.ingress.confirm(asked, pin="4711").ending is Ending.DONE
    asked = scene.asks()
    tries = [scene.ingress.confirm(asked, pin="0815") for _ in range(3)]
    assert [answer.tries for answer in tries] == [2, 1, None]
    assert (tries[2].cause, tries[2].wait) == (Cause.LOCKED_OUT, 900)
    assert "john is locked out" in scene.ingress.health().notes[0]
    scene.ingress.stop()
    scene.ingress = scene.start()
    locked = scene.ingress.question(identity=PHONE, device=DOOR, action="unlock")
    assert isinstance(locked, Answer)
    assert locked.cause is Cause.LOCKED_OUT
    assert scene.bolt.count("unlock") == 1
    assert scene.ingress.confirm(scene.asks(JANE)).ending is Ending.DONE, "Jane has no PIN and is not locked out"


def test_who_has_no_pin_is_told_so_where_one_is_a_must(scene: Scene) -> None:
    scene.change(lambda it: it["devices"][DOOR].update(confirm={"unlock": "pin"}))
    assert scene.refused(scene.ingress.question(identity=PHONE, device=DOOR, action="toggle"), Cause.NO_PIN)
    scene.pin(john="4711")
    assert scene.ingress.confirm(scene.asks(), pin="4711").ending is Ending.DONE


def test_too_many_actions_are_refused_here_and_status_and_repetitions_are_none(scene: Scene) -> None:
    scene.change(lambda it: it["devices"][DOOR].update(limit={"actions": 2, "seconds": 600}))

    def lock(jti: str) -> Answer:
        return scene.ingress.ask(identity=PHONE, device=DOOR, action="lock", jti=jti)

    for _ in range(3):
        assert lock("heard-three-times-and-yet-once").ending is Ending.DONE
    assert scene.ingress.confirm(scene.asks(), jti="a-second-command").ending is Ending.DONE
    over = lock("one-command-too-many")
    assert (over.ending, over.cause, over.told_before) == (Ending.REFUSED, Cause.TOO_OFTEN, False)
    assert over.wait is not None
    assert 500 < over.wait <= 600
    assert lock("two-commands-too-many").told_before
    asked = scene.ingress.question(identity=PHONE, device=DOOR, action="unlock")
    assert isinstance(asked, Answer)
    assert asked.cause is Cause.TOO_OFTEN
    assert scene.ingress.ask(identity=PHONE, device=DOOR, action="status").ending is Ending.DONE
    assert scene.ingress.ask(identity=JANE, device=DOOR, action="lock").ending is Ending.DONE
