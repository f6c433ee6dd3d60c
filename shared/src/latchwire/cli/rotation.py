"""A rotation of one issuer's keys as files: which key lies where, and what the next step does to the keyrings.

Toward each agent a rotation takes three steps, each one file written whole, so that an end at any moment leaves
everything working:

    offered     the agent's keyring holds the new key too; the issuer signs with the old one
    overlap     the agent was proved to take it: the issuer's keyring holds it too, and the highest generation signs
    done        the old keys are in neither keyring

Which step an agent is at is read from the keyrings themselves. ``rotations.json`` only remembers what was begun, and
toward whom, so that the same line goes on after an interruption. Nothing secret is in it.
"""

import enum
import json
import secrets
from collections.abc import Collection, Iterable, Mapping
from typing import Final, NamedTuple

from latchwire.cli.files import Writer
from latchwire.config import strict_json
from latchwire.config.home import Config
from latchwire.config.places import Places
from latchwire.errors import ConfigurationError
from latchwire.protocol.keys import Key, parse_keyring

_NAME: Final = "rotations.json"


class Step(enum.IntEnum):
    """How far the rotation is toward one agent."""

    MISSING = 0
    OFFERED = 1
    OVERLAP = 2
    DONE = 3


class Rotation(NamedTuple):
    """What was begun.

    Attributes:
        issuer: whose keys.
        to: the new keys' generation.
        agents: toward whom.
        since: seconds since 1970.
        password: whether a new password at the broker is still to be made.
        signs: by agent the time (seconds since 1970) from which on nobody signed with the old key.
    """

    issuer: str
    to: int
    agents: tuple[str, ...]
    since: int
    password: bool = False
    signs: Mapping[str, int] = {}  # never changed


def read(places: Places) -> dict[str, Rotation]:
    """The rotations that are not finished, by issuer.

    Raises:
        ConfigurationError: the file was changed by somebody else.
    """
    path = places.state / _NAME
    if not path.exists():
        return {}
    document, problems = strict_json.parse(strict_json.read(path, _NAME), _NAME)
    if problems or not isinstance(document, dict):
        raise _wrong()
    return {issuer: _one(issuer, entry) for issuer, entry in document.items()}


def _one(issuer: str, entry: object) -> Rotation:
    match entry:
        case {"to": int(to), "agents": [*agents], "since": int(since), "password": bool(password), "signs": {**found}}:
            signs = {str(name): at for name, at in found.items() if isinstance(at, int)}
            return Rotation(issuer, to, tuple(map(str, agents)), since, password, signs)
    raise _wrong()


def _wrong() -> ConfigurationError:
    return ConfigurationError(f"{_NAME}: not what was written there; delete it, and say ./latchwire rotate again")


def write(places: Places, writer: Writer, issuer: str, rotation: Rotation | None) -> None:
    """Remembers the issuer's rotation; ``None``: it is finished."""
    every = read(places)
    if rotation is None:
        every.pop(issuer, None)
    else:
        every[issuer] = rotation
    if not every:
        (places.state / _NAME).unlink(missing_ok=True)
        return
    documents = {name: {k: v for k, v in one._asdict().items() if k != "issuer"} for name, one in every.items()}
    writer.replace(places.state / _NAME, json.dumps(documents, indent=2) + "\n")


def begin(config: Config, places: Places, issuer: str, *, now: float) -> Rotation:
    """A rotation to one above all generations that lie anywhere."""
    rings = [places.keyring(name) for name in (issuer, *config.agents)]
    newest = max((key.generation for ring in rings for key in ring if key.issuer == issuer), default=0)
    return Rotation(issuer, newest + 1, tuple(config.agents), int(now))


def step(places: Places, rotation: Rotation, agent: str) -> Step:
    """How far it is toward that agent."""
    ours, theirs = _generations(places, rotation, agent)
    if not any(generation >= rotation.to for generation in theirs):
        return Step.MISSING
    if not any(generation >= rotation.to for generation in ours):
        return Step.OFFERED
    return Step.OVERLAP if min(ours | theirs) < rotation.to else Step.DONE


def _generations(places: Places, rotation: Rotation, agent: str) -> tuple[set[int], set[int]]:
    ours, theirs = (
        {key.generation for key in places.keyring(name) if (key.issuer, key.agent) == (rotation.issuer, agent)}
        for name in (rotation.issuer, agent)
    )
    return ours, theirs


def generation(kid: object, issuer: str | None = None) -> int:
    """The generation that a ``kid`` names, as a service told it; 0 if it is none, or another issuer's."""
    match str(kid).split("/"):
        case [name, number] if issuer in {None, name} and number.isascii() and number.isdecimal():
            return int(number[:9])
    return 0


def offer(places: Places, writer: Writer, rotation: Rotation, agents: Iterable[str]) -> None:
    """Gives each agent that lacks it the new key, beside those that it has."""
    for agent in agents:
        if step(places, rotation, agent) is Step.MISSING:
            new = Key(rotation.issuer, rotation.to, agent, secrets.token_bytes(32))
            held = places.keyring(rotation.issuer).find(new.kid, agent)
            edit(places, writer, agent, add=[held or new])


def promote(places: Places, writer: Writer, rotation: Rotation, agent: str) -> None:
    """From now on the issuer signs with the new key toward that agent."""
    if step(places, rotation, agent) is Step.OFFERED:
        add = [key for key in places.keyring(agent) if key.issuer == rotation.issuer and key.generation >= rotation.to]
        edit(places, writer, rotation.issuer, add=add)


def retire(places: Places, writer: Writer, rotation: Rotation, agents: Collection[str]) -> None:
    """Takes the old keys away, from each agent first: it is the one that opens."""
    for name in (*agents, rotation.issuer):
        old = [
            key
            for key in places.keyring(name)
            if key.issuer == rotation.issuer and key.agent in agents and key.generation < rotation.to
        ]
        edit(places, writer, name, drop=old)


def replace(places: Places, writer: Writer, rotation: Rotation, agents: Collection[str]) -> None:
    """All steps at once, proof or no proof: after a theft. Between two of the files either key still works."""
    offer(places, writer, rotation, agents)
    for agent in agents:
        promote(places, writer, rotation, agent)
    retire(places, writer, rotation, agents)


def edit(places: Places, writer: Writer, name: str, *, add: Iterable[Key] = (), drop: Collection[Key] = ()) -> None:
    """Changes a keyring's lines; a comment of somebody's own stays."""
    lines = places.keys(name).read_text("ascii").splitlines()
    kept = [line for line in lines if line.startswith("#") or not set(parse_keyring(line)) & set(drop)]
    writer.replace(places.keys(name), "".join(f"{line}\n" for line in (*kept, *(key.line for key in add))))


def notes(config: Config, places: Places) -> list[str]:
    """What `check` and `status` say of rotations that are not finished.

    Raises:
        ConfigurationError: a file of them cannot be used.
    """
    said = []
    for issuer, one in read(places).items():
        if issuer in config.issuers():
            waiting = [name for name in one.agents if name in config.agents and step(places, one, name) < Step.DONE]
            about = f" (waiting for: {', '.join(waiting)})" if waiting else ""
            said.append(
                f"{issuer}: its new keys, generation {one.to}, are not in force everywhere{about}; "
                f"type: ./latchwire rotate {issuer}"
            )
    return said
