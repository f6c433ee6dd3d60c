"""A question is answered by who was asked, once, within its minute, if nothing else was said in between."""

import tempfile
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule

from latchwire.config.home import Confirm, Device
from latchwire.config.places import Places
from latchwire.confirmation import Confirming, Pins, Question, hashes
from latchwire.model import Cause, Kind

PEOPLE = {"john": "4711", "jane": ""}


def door(how: Confirm = Confirm.YES) -> Device:
    return Device(
        name="front-door", agent="omega", kind=Kind.LOCK, names=(), toggle_seconds=5, relock_after_seconds=0,
        retweets=True, confirm={"unlock": how, "toggle": how}, settings={},
    )  # fmt: skip


class Questions(RuleBasedStateMachine):
    """John has a PIN, Jane has none; beside the kit a model keeps what is open and how many PINs were wrong."""

    asked = Bundle("asked")

    def __init__(self) -> None:
        super().__init__()
        self.time = 0.0
        self.folder = tempfile.TemporaryDirectory()
        places = Places(Path(self.folder.name))
        places.pins.touch(0o600)
        places.pins.write_text(hashes.written({"john": hashes.hashed("4711", cost=(2, 8, 1))}))
        self.kit = Confirming(Pins(places, clock=lambda: self.time, boot=lambda: "boot"), clock=lambda: self.time)
        self.open: dict[str, tuple[Question, float]] = {}
        self.wrong, self.locked_until, self.lockouts = 0, -1.0, 0
        self.done: list[Question] = []

    def teardown(self) -> None:
        self.folder.cleanup()

    @rule(seconds=st.sampled_from([1, 30, 59, 61, 900, 2000]))
    def time_passes(self, seconds: int) -> None:
        self.time += seconds

    @rule(target=asked, person=st.sampled_from(sorted(PEOPLE)), action=st.sampled_from(["unlock", "toggle"]))
    def somebody_asks_for_something(self, person: str, action: str) -> Question | None:
        found = self.kit.ask(identity=f"whatsapp:{person}", person=person, device=door(), action=action)
        if person == "john" and self.time < self.locked_until:
            assert not isinstance(found, Question)
            assert found.cause is Cause.LOCKED_OUT
            assert found.wait == self.locked_until - self.time
            return None
        assert isinstance(found, Question)
        assert found.by is (Confirm.PIN if PEOPLE[person] else Confirm.YES)
        self.open[person] = found, self.time
        return found

    @rule(question=asked)
    def something_else_is_said(self, question: Question | None) -> None:
        if question is not None:
            was_open = self.is_open(question)
            assert self.kit.cancel(question) is (was_open and not self.is_late(question))
            if was_open:
                del self.open[question.person]

    @rule(question=asked, pin=st.sampled_from(["4711", "4712", "0000", "", "x"]))
    def it_is_answered(self, question: Question | None, pin: str) -> None:
        if question is None:
            return
        refusal = self.kit.accept(question, person=question.person, device=door(), pin=pin)
        assert (refusal.cause if refusal else None) is self.expected(question, pin)
        if refusal is None:
            self.done.append(question)

    @rule(question=asked)
    def somebody_else_has_the_identity_by_now(self, question: Question | None) -> None:
        if question is not None:
            refusal = self.kit.accept(question, person="mallory", device=door(), pin=PEOPLE[question.person])
            assert refusal is not None
            if self.is_open(question):
                del self.open[question.person]

    def expected(self, question: Question, pin: str) -> Cause | None:
        if not self.is_open(question):
            return Cause.NOT_ASKED
        cause = self.judged(question, pin)
        if cause is not Cause.WRONG_PIN:
            del self.open[question.person]
        return cause

    def judged(self, question: Question, pin: str) -> Cause | None:
        if self.is_late(question):
            return Cause.TOO_LATE
        if question.by is Confirm.YES:
            return None
        if self.time < self.locked_until:
            return Cause.LOCKED_OUT
        if not pin.isdecimal():
            return Cause.WRONG_PIN  # no PIN looks so: it is no try
        if pin == "4711":
            self.wrong, self.lockouts = 0, 0
            return None
        self.wrong += 1
        if self.wrong < 3:
            return Cause.WRONG_PIN
        self.wrong, self.lockouts = 0, self.lockouts + 1
        self.locked_until = self.time + min(86400, 900 * 2 ** (self.lockouts - 1))
        return Cause.LOCKED_OUT

    def is_open(self, question: Question) -> bool:
        return question.person in self.open and self.open[question.person][0] == question

    def is_late(self, question: Question) -> bool:
        return self.time > self.open[question.person][1] + 60 if self.is_open(question) else False

    @invariant()
    def no_question_was_confirmed_twice(self) -> None:
        assert len(self.done) == len(set(self.done))

    @invariant()
    def what_is_open_is_what_was_asked_last(self) -> None:
        for person in PEOPLE:
            expected = self.open[person][0] if person in self.open else None
            assert self.kit.pending(f"whatsapp:{person}") == expected


Questions.TestCase.settings = settings(max_examples=40, stateful_step_count=30)
TestQuestions = Questions.TestCase


def kit(folder: Path, *, pin: str = "") -> Confirming:
    places = Places(folder)
    if pin:
        places.pins.touch(0o600)
        places.pins.write_text(hashes.written({"john": hashes.hashed(pin, cost=(2, 8, 1))}))
    return Confirming(Pins(places))


def test_who_has_no_pin_cannot_do_what_takes_one(tmp_path: Path) -> None:
    asked = kit(tmp_path).ask(identity="whatsapp:1", person="john", device=door(Confirm.PIN), action="unlock")
    assert not isinstance(asked, Question)
    assert asked.cause is Cause.NO_PIN


def test_a_yes_does_not_count_any_more_when_a_pin_is_wanted_meanwhile(tmp_path: Path) -> None:
    confirming = kit(tmp_path)
    asked = confirming.ask(identity="whatsapp:1", person="john", device=door(), action="unlock")
    assert isinstance(asked, Question)
    kit(tmp_path, pin="4711")
    refusal = confirming.accept(asked, person="john", device=door(), pin="")
    assert refusal is not None
    assert refusal.cause is Cause.NOT_ASKED
    assert confirming.pending("whatsapp:1") is None


def test_a_pin_file_that_cannot_be_used_lets_nobody_pass_by_a_yes(tmp_path: Path) -> None:
    confirming = kit(tmp_path, pin="4711")
    (tmp_path / "pins.json").chmod(0o644)
    asked = confirming.ask(identity="whatsapp:1", person="jane", device=door(), action="unlock")
    assert not isinstance(asked, Question)
    assert asked.cause is Cause.NO_PINS
