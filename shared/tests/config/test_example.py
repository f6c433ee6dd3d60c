"""The example: right, harmless, and of no use beside real credentials."""

from pathlib import Path

import jsonschema
import pytest

from latchwire.config import schema, strict_json
from latchwire.config.examples import REAL_CREDENTIALS, check_example_people, invented
from latchwire.config.loading import parse
from latchwire.errors import ConfigurationError

TOP = Path(__file__).parents[3]
EXAMPLE = parse(schema.example().encode())


def test_the_example_at_the_top_is_the_one_that_init_writes() -> None:
    assert (TOP / "config.example.json").read_text() == schema.example()


def test_the_schema_is_a_schema_and_explains_every_key() -> None:
    document, problems = strict_json.parse(schema.text().encode(), "config.schema.json")
    assert problems == []
    jsonschema.Draft202012Validator.check_schema(document)
    for part in ("agent", "device", "person", "twitter"):
        for name, rule in document["$defs"][part]["properties"].items():
            assert rule.get("description") or name == "name", f"{part}.{name}"


def test_only_the_word_simulated_makes_the_example_harmless() -> None:
    assert {agent.runs for agent in EXAMPLE.agents.values()} == {"simulated"}


def test_everybody_in_the_example_but_the_owner_is_impossible() -> None:
    possible = [person.name for person in EXAMPLE.people.values() if not list(invented(person))]
    assert possible == ["owner"]


@pytest.mark.parametrize("name", REAL_CREDENTIALS)
@pytest.mark.parametrize("suffix", ["", "_FILE"])
def test_invented_people_beside_real_credentials_are_refused(name: str, suffix: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        check_example_people(EXAMPLE, {name + suffix: "something"})
    assert caught.value.problems[0] == (
        f"config.json: people.john: +15555550100 is an invented one of the example; beside real credentials "
        f"({name}) write your own people"
    )
    assert len(caught.value.problems) == 4


@pytest.mark.parametrize("environment", [{}, {"TWILIO_AUTH_TOKEN": ""}, {"X_BEARER_TOKEN": "demo-t"}])
def test_invented_people_alone_are_no_problem(environment: dict[str, str]) -> None:
    check_example_people(EXAMPLE, environment)
