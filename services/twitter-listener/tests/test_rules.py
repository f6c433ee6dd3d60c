"""The rules of the stream: what is wanted, and what has to change at X."""

from latchwire_twitter_listener.results import Rule
from latchwire_twitter_listener.rules import MOST_CHARACTERS, plan, wanted_rules


def test_a_household_fits_into_one_rule_with_parentheses() -> None:
    assert wanted_rules(usernames=["john", "jane"], hashtags=["unlock", "lock"], retweets=False) == (
        "(from:jane OR from:john) (#lock OR #unlock) -is:retweet",
    )


def test_retweets_among_the_people_are_asked_for_though_their_hashtag_may_be_cut_off() -> None:
    (rule,) = wanted_rules(usernames=["john", "jane"], hashtags=["lock"], retweets=True)
    assert rule == "(from:jane OR from:john) (#lock OR retweets_of:jane OR retweets_of:john)"


def test_many_people_and_hashtags_are_spread_over_rules_within_the_limit() -> None:
    names = [f"user_{number:010}" for number in range(90)]
    tags = [f"hashtag{number}" for number in range(50)]
    rules = wanted_rules(usernames=names, hashtags=tags, retweets=True)
    assert max(map(len, rules)) <= MOST_CHARACTERS
    for name in names:
        for word in (*(f"#{tag}" for tag in tags), "retweets_of:user_0000000000"):
            covering = [r for r in rules if f"from:{name}" in _words(r) and word in _words(r)]
            assert len(covering) == 1


def _words(rule: str) -> list[str]:
    return rule.replace("(", " ").replace(")", " ").split()


def test_nobody_or_nothing_to_say_means_no_rules() -> None:
    assert wanted_rules(usernames=[], hashtags=["lock"], retweets=True) == ()
    assert wanted_rules(usernames=["john"], hashtags=["no hashtag!"], retweets=True) == ()


def test_only_our_own_stale_rules_and_doubles_are_deleted() -> None:
    present = [
        Rule("1", "wanted", "latchwire"),
        Rule("2", "stale", "latchwire"),
        Rule("3", "wanted", "latchwire"),
        Rule("4", "somebody else's", "other"),
        Rule("5", "wanted too", ""),
    ]
    assert plan(present, ["wanted", "new"]) == (("new",), ("2", "3"))
    assert plan([Rule("1", "wanted", "latchwire")], ["wanted"]) == ((), ())
