"""What a reply says: never "done" without a state that was read back, and always whether the door may have moved."""

import pytest

from latchwire.model import Cause, Happened, Kind, State, Where
from latchwire.sender import Answer, Ending
from latchwire_whatsapp_webhook import replies
from latchwire_whatsapp_webhook.words import Device

UNLOCKED = Answer(Ending.DONE, "front-door", "unlock", State.UNLOCKED, changed=True)


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (UNLOCKED, "Done: the front door is unlocked."),
        (UNLOCKED._replace(locks_in=5), "Done: the front door is unlocked. It locks again in 5 seconds."),
        (UNLOCKED._replace(locks_in=1), "Done: the front door is unlocked. It locks again in 1 second."),
        (UNLOCKED._replace(simulated=True), "Done: the front door is unlocked (simulated)."),
        (UNLOCKED._replace(changed=False), "Done: the front door is unlocked (it was before)."),
        (
            UNLOCKED._replace(action="toggle", changed=False, locks_in=3),
            "Nothing was changed: the front door was unlocked already. It locks again in 3 seconds.",
        ),
        (Answer(Ending.DONE, "ac", "on", State.ON), "Done: the ac is on."),
        (Answer(Ending.DONE, "ac", "status", State.OFF, simulated=True), "The ac is off (simulated)."),
        (
            Answer(Ending.DONE, "front-door", "status", State.UNLOCKED, locks_in=4),
            "The front door is unlocked. It locks again in 4 seconds.",
        ),
        (Answer(Ending.DONE, "ac", "status", State.UNKNOWN), "The ac: unknown."),
        (Answer(Ending.NO_ANSWER, "ac", "status", until=9.0), "The ac: unknown, for no answer came."),
        (
            Answer(Ending.NO_ANSWER, "front-door", "unlock", happened=Happened.MAYBE, until=27.2),
            (
                "I passed it on, but no answer came yet. It may have happened, or may still happen within the next "
                '28 seconds; after that it will not happen any more. Ask me for the "status" then.'
            ),
        ),
        (
            Answer(Ending.NO_ANSWER, "front-door", "unlock", happened=Happened.MAYBE, until=0.0),
            (
                "I passed it on, but no answer came yet. It may have happened; it will not happen any more. "
                'Ask me for the "status" then.'
            ),
        ),
    ],
)
def test_the_reply_to_an_ending(answer: Answer, text: str) -> None:
    assert replies.outcome(answer) == text


@pytest.mark.parametrize("cause", [cause for cause in Cause if cause.where in {Where.REFUSED, Where.FAILED}])
def test_a_cause_of_a_receipt_is_said_with_its_remedy_and_whether_it_may_have_happened(cause: Cause) -> None:
    ending = Ending(cause.outcome.value)
    text = replies.outcome(Answer(ending, "front-door", "unlock", cause=cause, happened=cause.happened))
    assert cause.sentence in text
    assert cause.remedy in text or cause is Cause.FORBIDDEN
    assert ("may have happened" in text) == (cause.happened is Happened.MAYBE)
    assert ("refused" in text) == (ending is Ending.REFUSED)
    assert ("failed" in text) == (ending is Ending.FAILED)
    if ending is Ending.FAILED:
        assert ("nothing was done" in text) == (cause.happened is Happened.NO)
    assert "Done" not in text
    assert "simulated" not in text


@pytest.mark.parametrize("cause", [cause for cause in Cause if cause.where is Where.SENDER])
def test_nobody_listening_says_that_nothing_was_done_and_nothing_will_be(cause: Cause) -> None:
    text = replies.outcome(Answer(Ending.NOBODY_LISTENING, "front-door", "unlock", cause=cause, happened=Happened.NO))
    assert text.startswith("Nothing was done, and nothing will be")
    assert cause.sentence in text


@pytest.mark.parametrize("cause", list(Cause))
@pytest.mark.parametrize("ending", [Ending.REFUSED, Ending.FAILED, Ending.NOBODY_LISTENING])
def test_a_state_that_could_not_be_read_is_unknown_and_says_why(ending: Ending, cause: Cause) -> None:
    text = replies.outcome(Answer(ending, "front-door", "status", cause=cause, happened=cause.happened))
    assert text.startswith("The front door: unknown. ")
    assert cause.sentence in text


def test_a_failure_tells_the_state_that_was_read_back_all_the_same() -> None:
    failed = Answer(
        Ending.FAILED, "front-door", "unlock", State.LOCKED, Cause.NOT_CONFIRMED, Happened.MAYBE, simulated=True
    )
    assert "The front door is locked now (simulated)." in replies.outcome(failed)


def test_no_answer_promises_a_second_message_only_where_one_can_follow() -> None:
    silent = Answer(Ending.NO_ANSWER, "front-door", "unlock", happened=Happened.MAYBE, until=9.0)
    assert "I write again" in replies.outcome(silent, will_follow=True)
    assert "I write again" not in replies.outcome(silent, will_follow=False)


def test_later_news_name_what_they_are_about() -> None:
    assert replies.late(UNLOCKED) == "Later news of “unlock front door”: Done: the front door is unlocked."


def test_not_allowed_tells_no_more_than_that() -> None:
    refused = Answer(
        Ending.REFUSED, "front-door", "unlock", cause=Cause.FORBIDDEN, happened=Happened.NO, detail="john is suspended"
    )
    text = replies.outcome(refused)
    assert "not allowed" in text
    assert "john" not in text


def test_the_list_shows_what_this_person_may_do() -> None:
    usable = (
        Device("front-door", Kind.LOCK, ("door",), frozenset({"lock", "status"})),
        Device("ac", Kind.SWITCH, (), frozenset(Kind.SWITCH.actions)),
    )
    assert replies.devices(usable) == "You may use:\nfront door: lock, status\nac: on, off, toggle, status"
