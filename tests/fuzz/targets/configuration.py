"""A config.json: a configuration that everybody who holds one can work with, or sentences with places. Never a fault.

The input is the file. One that begins with ``=`` is the example with changes instead, a line each, so that whole
documents need not be invented: ``devices.ac.agent="magic"``; without a value the entry is taken out.
"""

import copy
import datetime as dt
import json
from typing import Any, Final

from latchwire import topics
from latchwire.access import Access, Allowed
from latchwire.config import schema
from latchwire.config.agent import AgentConfig, parse_agent
from latchwire.config.examples import invented
from latchwire.config.home import Config, agent_extract
from latchwire.config.loading import parse
from latchwire.errors import ConfigurationError
from latchwire.model import STATUS
from latchwire_twitter_listener.obeying import Household
from latchwire_twitter_listener.posts import fold
from latchwire_twitter_listener.wishes import settings_of, wishes_of
from latchwire_whatsapp_webhook.words import Device, Phrasebook, Unclear, remarks

LONGEST: Final = 4000

EXAMPLE: Final[dict[str, Any]] = json.loads(schema.example())
NOW: Final = dt.datetime(2026, 11, 21, 10, tzinfo=dt.UTC)


def one_input(data: bytes) -> None:
    """Reads it as the services and ``latchwire check`` do."""
    try:
        config = parse(_changed(data[1:]) if data.startswith(b"=") else data)
    except ConfigurationError as error:
        _told(error, "config.json: ")
    else:
        _usable(config)
    _agents_own_file(data)


def _changed(lines: bytes) -> bytes:
    document = copy.deepcopy(EXAMPLE)
    for line in lines.decode("utf-8", "replace").splitlines():
        path, written, text = line.partition("=")
        inside: Any = document
        *way, last = path.split(".")
        for step in way:
            inside = inside.setdefault(step, {}) if isinstance(inside, dict) else None
        if isinstance(inside, dict) and written:
            inside[last] = _value(text)
        elif isinstance(inside, dict):
            inside.pop(last, None)
    return json.dumps(document).encode()


def _value(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _told(error: ConfigurationError, place: str) -> None:
    assert error.problems
    assert len(error.problems) <= 101
    for problem in error.problems:
        assert problem.startswith(place), problem
        assert problem.isprintable(), problem


def _usable(config: Config) -> None:
    for name in config.agents:
        extract = agent_extract(config, name)
        agent = parse_agent(extract)
        assert agent.name == name
        _obeys(agent, extract.get("obeys"), (*config.issuers(), "stranger"))
    assert all(map(topics.is_name, (*config.agents, *config.issuers(), *config.devices)))
    assert all(device.agent in config.agents for device in config.devices.values())
    _people(config)
    _for_x(config)
    _for_whatsapp(config)


def _obeys(agent: AgentConfig, written: Any, issuers: tuple[str, ...]) -> None:
    """The agent's last word is what is written, by another reading of it."""
    for issuer in issuers:
        for device in agent.devices.values():
            granted = "*" if written is None else written.get(issuer, [])
            granted = granted.get(device.name, []) if isinstance(granted, dict) else granted
            actions = (
                device.kind.actions if granted == "*" else [each for each in granted if each in device.kind.actions]
            )
            for action in device.kind.actions:
                may = action in actions or (action == STATUS and len(actions) > 0)
                assert agent.may(issuer, device.name, action) is may
        assert not agent.may(issuer, "no-such-device", "unlock")


def _people(config: Config) -> None:
    access = Access(config)
    for person in config.people.values():
        list(invented(person))
        usable = access.usable(person, now=NOW)
        assert not usable or not person.suspended
        for name, actions in usable.items():
            assert set(actions) <= set(config.devices[name].kind.actions)
        for number in person.whatsapp:
            assert access.who(f"whatsapp:{number}") is person
            for device in config.devices.values():
                for action in device.kind.actions:
                    allowed = access.decide(f"whatsapp:{number}", device.name, action, now=NOW)
                    assert isinstance(allowed, Allowed) is (action in usable.get(device.name, ()))
    assert access.who("whatsapp:+19995550199") is None or "+19995550199" in str(config.people)


def _for_x(config: Config) -> None:
    wishes, settings = wishes_of(config), settings_of(config)
    assert settings.limit_seconds > 0
    household = Household(hashtags=wishes.hashtags, no_retweets=wishes.no_retweets)
    for hashtag, target in household.hashtags.items():
        assert fold(hashtag) == hashtag, "what is posted finds what was configured"
        assert target.action in config.devices[target.device].kind.actions


def _for_whatsapp(config: Config) -> None:
    devices = tuple(
        Device(device.name, device.kind, device.names, frozenset(device.kind.actions))
        for device in config.devices.values()
    )
    assert all(map(str.isprintable, remarks(devices, config.words)))
    meant = Phrasebook(devices, config.words).understand("gibberish that nobody configures")
    assert isinstance(meant, Unclear)


def _agents_own_file(data: bytes) -> None:
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        return
    try:
        agent = parse_agent(document)
    except ConfigurationError as error:
        _told(error, "agent: ")
    else:
        assert topics.is_name(agent.name)
        assert all(map(topics.is_name, agent.devices))
