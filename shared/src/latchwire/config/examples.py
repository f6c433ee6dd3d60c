"""The people of the example file are invented; beside real credentials they would be somebody's way in.

Nobody can have their phone numbers (kept free for fiction) or names (impossible on X), but their pinned ids
are plain numbers. So a configuration that still has them while credentials are set is refused as a whole.
"""

from collections.abc import Iterator, Mapping
from typing import Final

from latchwire.config.environment import DEMO
from latchwire.config.home import Config, Person
from latchwire.config.identity import is_fictitious, x_name
from latchwire.errors import ConfigurationError

REAL_CREDENTIALS: Final = (
    "TWILIO_AUTH_TOKEN",
    "X_BEARER_TOKEN",
    "X_CONSUMER_KEY",
    "X_CONSUMER_SECRET",
    "X_ACCESS_TOKEN",
    "X_ACCESS_TOKEN_SECRET",
    "MAGIQ_API_KEY",
    "MAGIQ_API_SECRET",
)
"""The variables that connect the house with the world; any of them may also be set as NAME_FILE."""


def check_example_people(config: Config, environment: Mapping[str, str]) -> None:
    """Refuses invented people beside real credentials; what begins with :data:`DEMO` is none.

    Raises:
        ConfigurationError: naming each of these people and the credentials.
    """
    real = [name for name in REAL_CREDENTIALS if _is_real(environment, name)]
    if not real:
        return
    problems = [
        f"config.json: people.{person.name}: {what} is an invented one of the example; "
        f"beside real credentials ({', '.join(real)}) write your own people"
        for person in config.people.values()
        for what in invented(person)
    ]
    if problems:
        raise ConfigurationError(problems)


def _is_real(environment: Mapping[str, str], name: str) -> bool:
    text = environment.get(name, "")
    return bool(environment.get(f"{name}_FILE")) or bool(text and not text.startswith(DEMO))


def invented(person: Person) -> Iterator[str]:
    """What about this person nobody can have: a number kept free for fiction, a name impossible on X."""
    yield from (sender for sender in person.whatsapp if is_fictitious(sender))
    if person.twitter is not None and person.twitter.name and x_name(person.twitter.name) is None:
        yield f"@{person.twitter.name}"
