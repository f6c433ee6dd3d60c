"""Reads the user's config.json: a whole ``Config``, or one error with all that is wrong with it."""

import datetime as dt
import functools
import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from latchwire.config import hardware, references, schema, strict_json
from latchwire.config.agent import ALL, Actions
from latchwire.config.home import (
    USUAL_LIMIT,
    Agent,
    Config,
    Confirm,
    Device,
    Limit,
    Person,
    TopicLogin,
    XAccount,
    agent_extract,
)
from latchwire.config.identity import whatsapp_id
from latchwire.config.strict_json import digest, printable, quoted
from latchwire.config.wording import hashtag
from latchwire.config.wording import place as place_in
from latchwire.errors import ConfigurationError
from latchwire.model import TOGGLE, Kind

NAME: Final = "config.json"
_CONTROL: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_AGENT_KEYS: Final = ("type", "runs", "lifetime", "obeys")
_MOST: Final = 100


def load(path: Path) -> Config:
    """Reads and checks a configuration.

    Raises:
        ConfigurationError: with all problems, each ``config.json: place: what; cure``.
    """
    return parse(strict_json.read(path, path.name, cure="`latchwire init` makes one"), path.name)


@functools.lru_cache(maxsize=1)
def parse(content: bytes, place: str = NAME) -> Config:
    """The same for bytes that were read already; the last result is kept, for a service asks every few seconds.

    Raises:
        ConfigurationError: with all problems.
    """
    document, problems = strict_json.parse(content, place)
    if not isinstance(document, dict):
        raise ConfigurationError(f"{place}: {quoted(document)} is no object {{…}}")
    told = [*_unprintable(document, []), *schema.problems(document), *references.problems(document)]
    problems += [f"{place}: {printable(problem)}" for problem in told]
    problems = list(dict.fromkeys(problems))
    if problems:
        more = [f"{place}: and {len(problems) - _MOST} more"] if len(problems) > _MOST else []
        raise ConfigurationError([*problems[:_MOST], *more])
    return _config(document)


def _unprintable(value: object, where: list[str | int]) -> list[str]:
    """Nothing here needs a control character, and one in a name could pretend a line in a log."""
    if isinstance(value, str):
        return [f"{place_in(where)}: {quoted(value)} holds a control character"] if _CONTROL.search(value) else []
    found: list[str] = []
    if isinstance(value, dict):
        for name, item in value.items():
            found += _unprintable(name, [*where, name]) + _unprintable(item, [*where, name])
    elif isinstance(value, list):
        for number, item in enumerate(value):
            found += _unprintable(item, [*where, number])
    return found


def _config(document: dict[str, Any]) -> Config:
    """Makes the values of a document that was found right."""
    config = Config(
        agents=MappingProxyType({name: _agent(name, item) for name, item in document["agents"].items()}),
        devices=MappingProxyType({name: _device(name, item) for name, item in document["devices"].items()}),
        people=MappingProxyType({name: _person(name, item) for name, item in document["people"].items()}),
        hashtags=MappingProxyType({hashtag(tag): _said(said) for tag, said in document.get("hashtags", {}).items()}),
        words=MappingProxyType({action: tuple(words) for action, words in document.get("words", {}).items()}),
        ingresses=_each(document.get("ingresses", {})),
        observers=_each(document.get("observers", {})),
        logins=MappingProxyType({name: _login(item) for name, item in document.get("logins", {}).items()}),
        digest=digest(document),
    )
    for name in config.agents:
        agent_extract(config, name)  # the agent itself has the last word on what it can read
    return config


def _each(section: dict[str, dict[str, Any]]) -> Mapping[str, Mapping[str, Any]]:
    return MappingProxyType({name: MappingProxyType(item) for name, item in section.items()})


def _agent(name: str, item: dict[str, Any]) -> Agent:
    obeys = item.get("obeys")
    return Agent(
        name=name,
        type=item["type"],
        runs=item["runs"],
        lifetime=item.get("lifetime", 30),
        obeys=None if obeys is None else MappingProxyType({issuer: _grant(told) for issuer, told in obeys.items()}),
        settings=_rest(item, _AGENT_KEYS),
    )


def _device(name: str, item: dict[str, Any]) -> Device:
    return Device(
        name=name,
        agent=item["agent"],
        kind=Kind(item["kind"]),
        names=tuple(item.get("names", ())),
        toggle_seconds=item.get("toggleSeconds", 5),
        relock_after_seconds=item.get("relockAfterSeconds", 0),
        retweets=item.get("retweets", True),
        confirm=_confirm(item.get("confirm", [])),
        limit=_limit(item.get("limit")),
        settings=_rest(item, hardware.COMMON),
    )


def _confirm(written: list[str] | dict[str, str]) -> Mapping[str, Confirm]:
    """A toggle is no way around: it takes the strictest confirmation that any action of the device takes."""
    asked = {action: Confirm(how) for action, how in written.items()} if isinstance(written, dict) else {}
    asked |= dict.fromkeys(written, Confirm.YES) if isinstance(written, list) else {}
    if asked:
        asked[TOGGLE] = Confirm.PIN if Confirm.PIN in asked.values() else Confirm.YES
    return MappingProxyType(asked)


def _limit(written: dict[str, int] | str | None) -> Limit | None:
    if written is None:
        return USUAL_LIMIT
    return Limit(written["actions"], written["seconds"]) if isinstance(written, dict) else None


def _person(name: str, item: dict[str, Any]) -> Person:
    written = item.get("whatsapp", [])
    senders = [whatsapp_id(text) for text in ([written] if isinstance(written, str) else written)]
    return Person(
        name=name,
        manual=item.get("manual", False),
        twitter=_account(item.get("twitter")),
        whatsapp=tuple(sender for sender in senders if sender is not None),
        identities=tuple(item.get("identities", ())),
        until=dt.date.fromisoformat(item["until"]) if "until" in item else None,
        suspended=item.get("suspended", False),
        may=ALL if item["may"] == ALL else _by_device(item["may"]),
    )


def _account(written: str | dict[str, str] | None) -> XAccount | None:
    if written is None:
        return None
    if isinstance(written, str):
        return XAccount(name=written.removeprefix("@"))
    return XAccount(name=written.get("name", "").removeprefix("@"), id=written["id"])


def _login(item: dict[str, list[str]]) -> TopicLogin:
    return TopicLogin(write=tuple(item.get("write", ())), read=tuple(item.get("read", ())))


def _said(said: str) -> tuple[str, str]:
    device, action = said.split()
    return device, action


def _grant(told: str | list[str] | dict[str, Any]) -> Actions | Mapping[str, Actions]:
    return _by_device(told) if isinstance(told, dict) else _actions(told)


def _by_device(told: dict[str, Any]) -> Mapping[str, Actions]:
    return MappingProxyType({device: _actions(actions) for device, actions in told.items()})


def _actions(told: str | list[str]) -> Actions:
    return told if isinstance(told, str) else tuple(told)


def _rest(item: dict[str, Any], known: tuple[str, ...]) -> Mapping[str, Any]:
    return MappingProxyType({key: value for key, value in item.items() if key not in known})
