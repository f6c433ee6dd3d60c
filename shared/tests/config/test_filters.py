"""Whether two topic filters have a topic in common."""

import itertools

import pytest
from paho.mqtt.client import topic_matches_sub

from latchwire.config.filters import overlap

LEVELS = ("a", "b")
FILTERS = [
    "/".join(levels) + end
    for count in (1, 2, 3)
    for levels in itertools.product((*LEVELS, "+"), repeat=count)
    for end in ("", "/#")
]
TOPICS = ["/".join(levels) for count in (1, 2, 3, 4) for levels in itertools.product(LEVELS, repeat=count)]


@pytest.mark.parametrize("one", FILTERS)
def test_two_filters_overlap_where_some_topic_matches_both(one: str) -> None:
    mine = {topic for topic in TOPICS if topic_matches_sub(one, topic)}
    for other in FILTERS:
        assert overlap(one, other) is any(topic_matches_sub(other, topic) for topic in mine), (one, other)
