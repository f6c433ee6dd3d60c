"""Reads the original project's ``config.json``, in both of its forms, and makes ours and ``.env`` from it.

The nested form is the file that the project shipped (``consumerCredentials``, ``accessCredentials``), the flat
form the one that its guide shows. It knew one door: relay 0 of the board at 0x27, locked while the relay is off
(its ``door.sh``), open for five seconds by its guide (24 in the script). Each of these is assumed and told.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from latchwire.config import loading, strict_json
from latchwire.config.environment import env_line
from latchwire.config.identity import x_name
from latchwire.config.strict_json import quoted
from latchwire.config.wording import hashtag, is_hashtag, listed, meant
from latchwire.errors import ConfigurationError

_CREDENTIALS: Final = {
    "consumerKey": "X_CONSUMER_KEY",
    "consumerSecret": "X_CONSUMER_SECRET",
    "accessToken": "X_ACCESS_TOKEN",
    "accessTokenSecret": "X_ACCESS_TOKEN_SECRET",
}
_GROUPS: Final = {
    "consumerCredentials": ("consumerKey", "consumerSecret"),
    "accessCredentials": ("accessToken", "accessTokenSecret"),
}
_OTHERS: Final = ("allowedUsers", "hashtags")
_ACTIONS: Final = ("lock", "unlock", "toggle")

ASSUMED: Final = """\
front-door is relay 0 of the board at "0x27" on I2C bus 0, on hardware of its own (agents.omega.runs: elsewhere).
front-door is locked while its relay is released, as the original's door.sh had it. The lock that its parts list \
recommends is the opposite: LOOK AT YOURS, and change devices.front-door.locked if current locks it.
a toggle leaves the door unlocked for 5 seconds, as the original's guide says (its script waited 24 before it \
locked again): devices.front-door.toggleSeconds.
each of allowedUsers may lock, unlock and toggle the front door. Names on X can change hands: pin their ids.
"""


class Taken(NamedTuple):
    """What was made of the old file.

    Attributes:
        config: the text of the new config.json.
        env: the lines for ``.env``: the credentials.
        credentials: the names of the variables that were found.
        notes: what was left out, beside what is :data:`ASSUMED`.
    """

    config: str
    env: str
    credentials: tuple[str, ...]
    notes: tuple[str, ...]


def take_over(path: Path) -> Taken:
    """Reads the original's file.

    Raises:
        ConfigurationError: it is no such file, or there is no making a whole configuration of it; nothing secret
            is in it.
    """
    place = path.name
    document, problems = strict_json.parse(strict_json.read(path, place), place)
    if not isinstance(document, dict):
        raise ConfigurationError(f"{place}: is no object {{…}}; give the original project's config.json")
    if "agents" in document and "devices" in document:
        raise ConfigurationError(f"{place}: is a configuration of Latchwire already; copy it to state/config/")
    reader = _Reader(place, problems)
    taken = reader.read(document)
    if problems:
        raise ConfigurationError(problems)
    loading.parse(taken.config.encode())  # what is made has to be right before it is written
    return taken


class _Reader:
    def __init__(self, place: str, problems: list[str]) -> None:
        self._place = place
        self._problems = problems
        self._notes: list[str] = []

    def read(self, document: Mapping[str, Any]) -> Taken:
        known = (*_GROUPS, *_CREDENTIALS, *_OTHERS)
        self._notes += [
            f"{self._place}: {quoted(name)} is not known and was left out{meant(name, known)}"
            for name in document
            if name not in known
        ]
        found = self._credentials(document)
        users = self._users(document.get("allowedUsers"))
        tags = self._hashtags(document.get("hashtags"))
        env = "".join(env_line(_CREDENTIALS[name], value) for name, value in found.items())
        names = tuple(_CREDENTIALS[name] for name in found)
        return Taken(json.dumps(_config(users, tags), indent=2) + "\n", env, names, tuple(self._notes))

    def _credentials(self, document: Mapping[str, Any]) -> dict[str, str]:
        written = {name: document[name] for name in _CREDENTIALS if name in document}
        for group, names in _GROUPS.items():
            self._group(group, names, document.get(group, {}), written)
        found: dict[str, str] = {}
        for name, variable in _CREDENTIALS.items():
            value = written.get(name, "")
            text = value.strip() if isinstance(value, str) else " "
            if len(text) > 512 or not all("!" <= character <= "~" for character in text):
                self._wrong(name, "is no key or token: text without spaces between quotation marks")
            elif text:
                found[name] = text
            else:
                self._notes.append(f"{self._place}: has no {name}; set {variable} in state/.env if it is needed")
        return found

    def _group(self, group: str, names: tuple[str, ...], inner: object, written: dict[str, Any]) -> None:
        if not isinstance(inner, dict):
            self._wrong(group, "is no object {…}")
            return
        for name, value in inner.items():
            if name not in names:
                self._wrong(f"{group}.{quoted(name)}", f"there is no such key; there are: {listed(names)}")
            elif name in written:
                self._wrong(f"{group}.{name}", f"{name} stands outside as well; keep one")
            else:
                written[name] = value

    def _users(self, value: object) -> list[str]:
        if isinstance(value, str):
            value = [part for part in value.split(",") if part.strip()]
        if not isinstance(value, list) or not value:
            what = "is missing" if value is None else "is no list of names"
            self._wrong("allowedUsers", f'{what}; write it like ["@john", "@jane"] or "@john, @jane"')
            return []
        users: dict[str, str] = {}
        for item in value:
            name = x_name(item.strip()) if isinstance(item, str) else None
            if name is None:
                self._wrong("allowedUsers", f"{quoted(item)} is no name of an account on X")
            elif name.lower() in users:
                self._notes.append(f"{self._place}: allowedUsers: @{name} stands there twice; taken once")
            else:
                users[name.lower()] = name
        return list(users.values())

    def _hashtags(self, value: object) -> dict[str, str]:
        if not isinstance(value, dict):
            what = "is missing" if value is None else "is no object {…}"
            self._wrong("hashtags", f'{what}; write it like {{"lock": "#lock", "unlock": "#unlock"}}')
            return {}
        tags: dict[str, str] = {}
        for action, tag in value.items():
            text = tag.strip() if isinstance(tag, str) else ""
            bare = text.removeprefix("#")
            if action not in _ACTIONS:
                self._wrong("hashtags", f"{quoted(action)} is no action; there are: {listed(_ACTIONS)}")
            elif not bare or "#" in bare or not is_hashtag(bare) or len(bare) > 100:
                self._wrong(f"hashtags.{action}", f"{quoted(tag)} is no hashtag")
            elif hashtag(bare) in map(hashtag, tags):
                self._wrong(f"hashtags.{action}", f"{quoted(tag)} stands for two actions; keep one")
            else:
                tags[f"#{bare}"] = f"front-door {action}"
        return tags

    def _wrong(self, where: str, what: str) -> None:
        self._problems.append(f"{self._place}: {where}: {what}")


def _config(users: list[str], tags: Mapping[str, str]) -> dict[str, Any]:
    people: dict[str, Any] = {"owner": {"manual": True, "may": "*"}}
    for user in users:
        name = user.lower() if user.lower() != "owner" else "owner-on-x"
        people[name] = {"twitter": f"@{user}", "may": {"front-door": list(_ACTIONS)}}
    return {
        "$schema": "./config.schema.json",
        "agents": {
            "omega": {
                "type": "relay",
                "runs": "elsewhere",
                "bus": 0,
                "address": "0x27",
                "obeys": {"whatsapp": "*", "twitter": "*", "manual": "*"},
            }
        },
        "devices": {
            "front-door": {
                "agent": "omega",
                "kind": "lock",
                "channel": 0,
                "locked": "released",
                "atStart": "lock",
                "toggleSeconds": 5,
                "names": ["door"],
            }
        },
        "people": people,
        "hashtags": dict(tags),
    }
