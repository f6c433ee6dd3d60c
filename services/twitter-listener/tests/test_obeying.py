"""Who makes what happen: the table of the issue, as sentences."""

from dataclasses import replace

import pytest

from latchwire_twitter_listener.obeying import Command, Household, Ignored, Target, decide, jti_of
from latchwire_twitter_listener.posts import Post, PostKind

NOW = 1_790_000_000.0
HOUSE = Household(
    hashtags={
        "lock": Target("front-door", "lock"),
        "unlock": Target("front-door", "unlock"),
        "cool": Target("ac", "on"),
    },
    people={"101": "john", "102": "jane"},
)
OWN = Post(
    post_id="21",
    origin_id="20",
    author_id="101",
    created_at=NOW - 3,
    hashtags=("unlock",),
    kind=PostKind.OWN,
)
RETWEET = replace(OWN, author_id="102", kind=PostKind.RETWEET, retweeted_author_id="101")


def decided(
    post: Post, house: Household = HOUSE, *, now: float = NOW, started_at: float = NOW - 100
) -> Command | Ignored:
    return decide(post, house, now=now, started_at=started_at)


@pytest.mark.parametrize("kind", [PostKind.OWN, PostKind.REPLY, PostKind.QUOTE])
def test_what_one_of_the_people_says_is_asked_for_in_their_name(kind: PostKind) -> None:
    command = decided(replace(OWN, kind=kind))
    assert isinstance(command, Command)
    assert (command.identity, command.device, command.action) == ("twitter:101", "front-door", "unlock")


def test_a_retweet_among_the_people_is_asked_for_in_the_name_of_who_retweets() -> None:
    command = decided(RETWEET)
    assert isinstance(command, Command)
    assert (command.identity, command.person) == ("twitter:102", "jane")


@pytest.mark.parametrize(
    ("post", "reason"),
    [
        (replace(OWN, author_id="999"), "none of the people"),
        (replace(RETWEET, author_id="999"), "none of the people"),
        (replace(RETWEET, retweeted_author_id="999"), "it retweets somebody who is none of the people"),
        (replace(RETWEET, retweeted_author_id=None), "X did not send along"),
        (replace(OWN, hashtags=()), "no configured hashtag"),
        (replace(OWN, hashtags=("home",)), "no configured hashtag"),
        (replace(OWN, created_at=NOW - 61), "61 seconds old"),
        (replace(OWN, created_at=NOW + 61), "in the future"),
        (replace(OWN, created_at=NOW - 101), "before the start"),
    ],
)
def test_everything_else_makes_nothing_happen(post: Post, reason: str) -> None:
    ignored = decided(post)
    assert isinstance(ignored, Ignored)
    assert reason in ignored.reason


def test_the_first_configured_hashtag_in_the_text_wins() -> None:
    command = decided(replace(OWN, hashtags=("home", "lock", "unlock")))
    assert isinstance(command, Command)
    assert command.action == "lock"


def test_a_device_that_does_not_obey_retweets_leaves_the_others_alone() -> None:
    house = replace(HOUSE, no_retweets=frozenset({"front-door"}))
    ignored = decided(RETWEET, house)
    assert isinstance(ignored, Ignored)
    assert "does not obey retweets" in ignored.reason
    assert isinstance(decided(replace(RETWEET, hashtags=("cool",)), house), Command)
    assert isinstance(decided(replace(RETWEET, hashtags=("unlock", "cool")), house), Ignored)
    assert isinstance(decided(OWN, house), Command)


def test_a_post_in_the_second_of_the_start_may_be_from_before_it_for_x_gives_whole_seconds() -> None:
    ignored = decided(replace(OWN, created_at=NOW), started_at=NOW + 0.1, now=NOW + 2)
    assert isinstance(ignored, Ignored)
    assert "before the start" in ignored.reason
    assert isinstance(decided(replace(OWN, created_at=NOW + 1), started_at=NOW + 0.1, now=NOW + 2), Command)


def test_all_versions_of_a_post_make_the_same_command() -> None:
    first, edit = decided(replace(OWN, post_id="20")), decided(replace(OWN, hashtags=("lock",)))
    assert isinstance(first, Command)
    assert isinstance(edit, Command)
    assert first.jti == edit.jti == "x-post-00000000000000000020"
    assert 16 <= len(jti_of("1" * 19)) <= 64


def test_a_hashtag_that_could_never_match_is_refused_at_once() -> None:
    with pytest.raises(ValueError, match="'unlock', not '#Unlock'"):
        Household(hashtags={"#Unlock": Target("front-door", "unlock")})


def test_what_takes_a_confirmation_is_not_asked_for_and_no_other_hashtag_takes_its_place() -> None:
    house = replace(HOUSE, to_confirm=frozenset({Target("front-door", "unlock")}))
    ignored = decided(replace(OWN, hashtags=("unlock", "lock")), house)
    assert isinstance(ignored, Ignored)
    assert ignored == Ignored(reason="unlock of front-door takes a confirmation, and X cannot ask", told=True)
    assert isinstance(decided(replace(OWN, hashtags=("lock", "unlock")), house), Command)
