"""The user's config.json as frozen values: agents, devices, people, hashtags, words.

A ``Config`` is always whole and consistent: ``config.loading.load`` makes one or raises with all that is
wrong, so code that holds one checks nothing again. What only one service understands (``channel``,
``deviceId``, ``source`` …) is carried as ``settings`` for that service. An agent reads an extract of its own
(``agent_extract``), never this.
"""

import datetime as dt
import enum
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from latchwire.config.agent import ALL, Actions, Grant, parse_agent
from latchwire.model import Kind

MANUAL: Final = "manual"
BUILT_IN_ISSUERS: Final = (MANUAL, "whatsapp", "twitter")
KNOWN_TYPES: Final = ("relay", "magiq")
"""The types of agent whose settings are known here; others are somebody's own and keep the keys they like."""


class Confirm(enum.StrEnum):
    """What confirms an action: ``yes``, or the person's PIN where they have one; ``pin``: a PIN, from everybody."""

    YES = "yes"
    PIN = "pin"


class Limit(NamedTuple):
    """How many actions in how many seconds one person may do on a device."""

    actions: int
    seconds: int


USUAL_LIMIT: Final = Limit(20, 60)
"""Nobody says twenty things to one door in a minute; a program that runs wild does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Agent:
    """One actuator process.

    Attributes:
        type: ``relay``, ``magiq``, or the name of somebody's own kind of actuator.
        runs: ``simulated``, ``here`` or ``elsewhere``.
        lifetime: seconds that a nonce serves.
        obeys: by issuer what it is obeyed in; ``None`` if every issuer that the agent has a key of is obeyed.
        settings: for its service alone: ``bus``, ``address``, ``pollSeconds`` …
    """

    name: str
    type: str
    runs: str
    lifetime: int
    obeys: Mapping[str, Grant] | None
    settings: Mapping[str, Any]

    @property
    def simulated(self) -> bool:
        """Whether it only pretends, because the configuration says so."""
        return self.runs == "simulated"


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """One lock or switch.

    Attributes:
        names: other names that people call it by, as written; its own name is not among them.
        toggle_seconds: how long a toggle leaves a lock unlocked.
        relock_after_seconds: how long after a plain unlock a lock locks by itself; 0 for never.
        retweets: whether a retweet may work it.
        confirm: by action what it takes beside being said; ``toggle`` is in it whenever another action is.
        limit: how often one person may work it; ``None`` for as often as they like.
        settings: for its agent's service alone: ``channel``, ``locked``, ``deviceId`` …
    """

    name: str
    agent: str
    kind: Kind
    names: tuple[str, ...]
    toggle_seconds: int
    relock_after_seconds: int
    retweets: bool
    confirm: Mapping[str, Confirm] = field(default_factory=dict)
    limit: Limit | None = USUAL_LIMIT
    settings: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class XAccount:
    """An account on X: its name without ``@``, which can change hands, and its number, which cannot.

    Attributes:
        name: as written, or "" if only the number is given.
        id: decimal digits, or "" if it still has to be looked up.
    """

    name: str = ""
    id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody who may do something.

    Attributes:
        manual: ``True``: whoever signs by hand on this machine; or one Unix user's name.
        whatsapp: phone numbers (``+15555550100``) and business-scoped ids (``US.1349…``), in normal form.
        identities: ``issuer:id`` of other ingresses.
        until: the last day of the rights; they end with that day, in the local time of the ingress's machine.
        may: ``"*"``, or by device ``"*"`` or the actions.
    """

    name: str
    manual: bool | str = False
    twitter: XAccount | None = None
    whatsapp: tuple[str, ...] = ()
    identities: tuple[str, ...] = ()
    until: dt.date | None = None
    suspended: bool = False
    may: str | Mapping[str, Actions]


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicLogin:
    """A login at the broker for what is no part of Latchwire.

    Attributes:
        write: topic filters that it alone may publish to.
        read: topic filters that it may subscribe to.
    """

    write: tuple[str, ...]
    read: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """All of it.

    Attributes:
        hashtags: by hashtag, as ``latchwire.kit.words.hashtag`` writes it, the device and the action.
        words: by action, or by ``yes``, ``list``, ``help`` and ``ignore``, the words of other languages, as written.
        ingresses: by issuer the settings of its service (``source``, ``postsPerDay`` …); none if not written.
        observers: by name the settings of observers of somebody's own.
        logins: by name what else may log in to the broker.
        digest: twelve hex digits of the content, by which two services see that they use the same.
    """

    agents: Mapping[str, Agent]
    devices: Mapping[str, Device]
    people: Mapping[str, Person]
    hashtags: Mapping[str, tuple[str, str]]
    words: Mapping[str, tuple[str, ...]]
    ingresses: Mapping[str, Mapping[str, Any]]
    observers: Mapping[str, Mapping[str, Any]]
    logins: Mapping[str, TopicLogin]
    digest: str

    def devices_of(self, agent: str) -> tuple[Device, ...]:
        """The devices that the agent works, in the order of the file."""
        return tuple(device for device in self.devices.values() if device.agent == agent)

    def issuers(self) -> tuple[str, ...]:
        """The issuers that need keys and a login: the built-in ones, and who else is named."""
        named = dict.fromkeys((*BUILT_IN_ISSUERS, *self.ingresses))
        for agent in self.agents.values():
            named |= dict.fromkeys(agent.obeys or ())
        for person in self.people.values():
            named |= dict.fromkeys(identity.partition(":")[0] for identity in person.identities)
        return tuple(named)


def agent_extract(config: Config, name: str) -> dict[str, Any]:
    """What the agent's own file holds: itself, its devices, whom it obeys, and no people.

    Raises:
        KeyError: there is no such agent.
        ConfigurationError: never for a ``Config`` that was loaded; the extract is checked as the agent will.
    """
    agent = config.agents[name]
    extract: dict[str, Any] = {
        "name": name,
        "type": agent.type,
        "runs": agent.runs,
        "lifetime": agent.lifetime,
    }
    extract |= agent.settings
    if agent.obeys is not None:
        extract["obeys"] = {issuer: _grant(grant) for issuer, grant in agent.obeys.items()}
    extract["devices"] = {
        device.name: {
            "kind": str(device.kind),
            "toggleSeconds": device.toggle_seconds,
            "relockAfterSeconds": device.relock_after_seconds,
            **device.settings,
        }
        for device in config.devices_of(name)
    }
    extract = json.loads(json.dumps(extract))  # a copy that shares nothing
    parse_agent(extract, place=f"agent {name}")
    return extract


def _grant(grant: Grant) -> object:
    if isinstance(grant, Mapping):
        return {device: _grant(actions) for device, actions in grant.items()}
    return ALL if grant == ALL else list(grant)
