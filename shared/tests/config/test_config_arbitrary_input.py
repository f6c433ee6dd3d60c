"""Whatever bytes stand in a configuration, the answer is a configuration or sentences, never a traceback."""

import contextlib
import copy
import json
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from latchwire.config import schema
from latchwire.config.agent import AgentConfig, parse_agent
from latchwire.config.home import Config, agent_extract
from latchwire.config.loading import parse
from latchwire.errors import ConfigurationError

EXAMPLE: dict[str, Any] = json.loads(schema.example())
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.sampled_from(
        ["*", "lock", "front-door", "omega", "relay", "magiq", "2026-12-31", "whatsapp:+15555550100", "@x", "0x27"]
    ),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(
        st.text(max_size=8) | st.sampled_from(["front-door", "omega", "type", "kind", "may", "obeys", "twitter"]),
        inner, max_size=4,
    ),
    max_leaves=15,
)  # fmt: skip


def places(document: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in the document."""
    inside = (
        document.items() if isinstance(document, dict) else enumerate(document) if isinstance(document, list) else ()
    )
    return [path, *(place for key, item in inside for place in places(item, (*path, key)))]


PLACES = [path for path in places(EXAMPLE) if path]


def answer(content: bytes) -> Config | None:
    """The configuration, or none; anything but a ConfigurationError of printable lines is a failure."""
    try:
        return parse(content)
    except ConfigurationError as error:
        problems = error.problems
    assert problems
    for problem in problems:
        assert problem.startswith("config.json: ")
        assert problem.isprintable()
    return None


@given(st.binary(max_size=300))
def test_arbitrary_bytes_get_an_answer(content: bytes) -> None:
    assert answer(content) is None


@given(ANY_JSON)
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_arbitrary_json_gets_an_answer(document: object) -> None:
    answer(json.dumps(document).encode())


@given(st.dictionaries(st.sampled_from(["agents", "devices", "people", "hashtags", "words", "ingresses"]), ANY_JSON))
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_arbitrary_sections_get_an_answer(document: object) -> None:
    answer(json.dumps(document).encode())


@given(st.sampled_from(PLACES), ANY_JSON)
@settings(max_examples=600, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_the_example_with_anything_in_any_place_gets_an_answer_that_its_agents_can_read(
    path: tuple[Any, ...], value: object
) -> None:
    document = copy.deepcopy(EXAMPLE)
    inside: Any = document
    for key in path[:-1]:
        inside = inside[key]
    inside[path[-1]] = value
    config = answer(json.dumps(document).encode())
    for agent in config.agents if config else ():
        assert isinstance(parse_agent(agent_extract(config, agent)), AgentConfig)  # type: ignore[arg-type]


@given(ANY_JSON)
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_an_agents_own_file_gets_an_answer_whatever_it_holds(document: object) -> None:
    with contextlib.suppress(ConfigurationError):
        assert parse_agent(document).name
