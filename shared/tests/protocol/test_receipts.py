"""What a receipt says, and that a sender reads the same."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from latchwire.errors import TokenError
from latchwire.model import Again, Cause, Happened, Outcome, State, Where
from latchwire.protocol.claims import Receipt, parse_receipt
from latchwire.protocol.token import RECEIPT, parse_claims, sign, split
from support.tokens import NONCE, SECRET, token

DONE = Receipt(
    iss="omega/front-door", aud="whatsapp", re="hB2c9QmT7uXe4LwZ1sKd0g", sub="whatsapp:+15555550100", act="unlock",
    outcome=Outcome.DONE, state=State.UNLOCKED,
)  # fmt: skip
STALE = DONE._replace(
    outcome=Outcome.REFUSED, state=State.LOCKED, cause=Cause.STALE_NONCE, happened=Happened.NO, nonce=NONCE, age=7,
    over="o" * 22,
)  # fmt: skip
ANSWERED = [cause for cause in Cause if cause.where in {Where.REFUSED, Where.FAILED}]
ANSWERED.remove(Cause.UNRECOGNISED)


def carried(receipt: Receipt) -> Receipt:
    """The receipt as the sender reads it."""
    read = split(sign(receipt.to_claims(), typ=RECEIPT, kid="whatsapp/1", secret=SECRET).encode())
    assert read.verified_by(SECRET)
    return parse_receipt(parse_claims(read.payload))


@pytest.mark.parametrize(
    "receipt",
    [DONE, DONE._replace(changed=False, locks_in=3), DONE._replace(changed=True, simulated=True),
     DONE._replace(locks_in=0), STALE, DONE._replace(sub="", act="", re="")],
)  # fmt: skip
def test_a_receipt_is_read_as_it_was_written(receipt: Receipt) -> None:
    assert carried(receipt) == receipt


@pytest.mark.parametrize("cause", ANSWERED, ids=[cause.wire for cause in ANSWERED])
def test_a_cause_brings_its_outcome_and_whether_it_may_have_happened(cause: Cause) -> None:
    read = carried(DONE._replace(outcome=cause.outcome, cause=cause))
    assert (read.outcome, read.cause, read.happened) == (cause.outcome, cause, cause.happened)


def test_what_says_nothing_is_left_out() -> None:
    assert set(DONE.to_claims()) == {"iss", "aud", "re", "sub", "act", "outcome", "state"}


@pytest.mark.parametrize("cause", ["out-of-cheese", *(cause.wire for cause in Cause if cause.where is Where.INGRESS)])
@pytest.mark.parametrize("happened", ["no", "maybe"])
def test_a_cause_that_no_agent_of_this_version_tells_reads_as_maybe_and_is_not_tried_again(
    happened: str, cause: str
) -> None:
    claims = {**STALE.to_claims(), "cause": cause, "happened": happened}
    read = parse_receipt(claims)
    assert (read.cause, read.happened) == (Cause.UNRECOGNISED, Happened.MAYBE)
    assert Cause.UNRECOGNISED.again is Again.NEVER


def test_claims_of_a_later_version_are_ignored() -> None:
    assert parse_receipt({**DONE.to_claims(), "battery": 40}) == DONE


REFUSED = {
    "no outcome": {"outcome": None},
    "an outcome that this version does not know": {"outcome": "perhaps"},
    "a state that this version does not know": {"state": "ajar"},
    "happened is neither no nor maybe": {"cause": "busy", "outcome": "refused", "happened": "yes"},
    "refused without a cause": {"outcome": "refused"},
    "failed without a cause": {"outcome": "failed"},
    "a nonce that is none": {"nonce": "short"},
    "a nonce of its own that is none": {"over": "short"},
    "an age that is true": {"age": True},
    "an age in text": {"age": "7"},
    "changed as a number": {"changed": 1},
    "simulated as text": {"simulated": "true"},
    "locksIn as a boolean": {"locksIn": True},
    "no iss": {"iss": None},
    "no aud": {"aud": None},
    "no re": {"re": None},
    "re as a number": {"re": 1},
}


@pytest.mark.parametrize("changes", REFUSED.values(), ids=REFUSED)
def test_a_malformed_receipt_is_not_believed(changes: dict[str, str | int | None]) -> None:
    claims = {name: value for name, value in {**DONE.to_claims(), **changes}.items() if value is not None}
    with pytest.raises(TokenError) as refused:
        parse_receipt(parse_claims(split(token(claims)).payload))
    assert refused.value.cause is Cause.MALFORMED


@given(st.dictionaries(st.sampled_from([*STALE.to_claims(), "changed"]), st.text() | st.integers() | st.booleans()))
def test_any_change_of_a_receipts_claims_is_read_or_is_a_token_error(changes: dict[str, str | int]) -> None:
    try:
        read = parse_receipt({**STALE.to_claims(), **changes})
    except TokenError:
        return
    assert read.outcome in Outcome


def test_every_cause_has_a_name_of_its_own_a_sentence_and_a_remedy() -> None:
    assert len({cause.wire for cause in Cause}) == len(Cause)
    for cause in Cause:
        assert cause.sentence.endswith(".")
        assert cause.remedy
        assert Cause.from_wire(cause.wire) is (Cause.UNRECOGNISED if cause.where is Where.INGRESS else cause)
