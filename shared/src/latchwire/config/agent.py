"""What one agent reads of the configuration: itself, its devices, and which issuers it obeys.

Beside the user's config.json an agent gets this as an extract; on its own hardware it is a file of its own:

    {"name": "omega", "type": "relay", "runs": "elsewhere", "lifetime": 30, "bus": 0, "address": "0x27",
     "obeys": {"whatsapp": "*", "twitter": ["lock"], "manual": {"front-door": ["lock", "unlock"]}},
     "devices": {"front-door": {"kind": "lock", "toggleSeconds": 5, "channel": 0, "locked": "released"}}}

Keys that are not the kit's own (``bus``, ``channel`` …) are kept as ``settings`` for the service that knows
them.
This runs on the Omega: no schema library, no dataclasses.
"""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final, NamedTuple

from latchwire.config import strict_json
from latchwire.config.strict_json import printable, quoted
from latchwire.errors import ConfigurationError
from latchwire.model import STATUS, Kind
from latchwire.topics import is_name

ALL: Final = "*"
RUNS: Final = ("simulated", "here", "elsewhere")
LIFETIME: Final = (5, 300)
"""Seconds: the least and the most that a nonce may serve."""
TOGGLE_SECONDS: Final = (1, 3600)
RELOCK_SECONDS: Final = (0, 86400)

Actions = str | tuple[str, ...]
"""``"*"``, or the actions by name."""
Grant = Actions | Mapping[str, Actions]
"""What an issuer is obeyed in: everywhere the same actions, or a set for each device."""


class DeviceConfig(NamedTuple):
    """One device of an agent.

    Attributes:
        toggle_seconds: how long a toggle leaves a lock unlocked.
        relock_after_seconds: how long after a plain unlock a lock locks by itself; 0 for never.
        settings: what only the agent's service understands (``channel``, ``locked``, ``deviceId`` …).
    """

    name: str
    kind: Kind
    toggle_seconds: int
    relock_after_seconds: int
    settings: Mapping[str, object]


class AgentConfig(NamedTuple):
    """One agent.

    Attributes:
        runs: ``simulated``, ``here`` or ``elsewhere``.
        lifetime: seconds that a nonce serves.
        obeys: the actuator's own last word, by issuer; ``None`` if every issuer whose key it holds is obeyed.
        settings: what only the agent's service understands (``bus``, ``address`` …).
    """

    name: str
    type: str
    runs: str
    lifetime: int
    obeys: Mapping[str, Grant] | None
    devices: Mapping[str, DeviceConfig]
    settings: Mapping[str, object]

    def may(self, issuer: str, device: str, action: str) -> bool:
        """Whether this agent obeys the issuer in that; ``status`` if it obeys it in anything there."""
        found = self.devices.get(device)
        if found is None:
            return False
        if self.obeys is None:
            return True
        grant = self.obeys.get(issuer, ())
        if isinstance(grant, Mapping):
            grant = grant.get(device, ())
        if grant == ALL:
            return True
        return action in grant or (action == STATUS and not set(grant).isdisjoint(found.kind.actions))


def read_agent(path: Path) -> AgentConfig:
    """Reads an agent's own file.

    Raises:
        ConfigurationError: with all that is wrong.
    """
    place = path.name
    document, problems = strict_json.parse(strict_json.read(path, place), place)
    if problems:
        raise ConfigurationError(problems)
    return parse_agent(document, place=place)


def parse_agent(document: object, *, place: str = "agent", inside: str = "") -> AgentConfig:
    """Checks an agent's extract, as JSON gave it, and makes it a value.

    Args:
        document: what the JSON text holds.
        place: what errors call it: a file's name.
        inside: where in that file it stands, with a dot at the end: ``agents.omega.``.

    Raises:
        ConfigurationError: with all that is wrong.
    """
    reader = _Reader(place, inside)
    agent = reader.agent(document)
    if reader.problems:
        raise ConfigurationError(reader.problems)
    return agent


class _Reader:
    """Collects the problems of one file; what is wrong is replaced by something harmless, to go on."""

    def __init__(self, place: str, inside: str) -> None:
        self.place = f"{place}: {inside}"
        self.problems: list[str] = []

    def agent(self, document: object) -> AgentConfig:
        rest = self._object(document, "")
        name = self._name(rest.pop("name", None), "name")
        kind_of_agent = self._name(rest.pop("type", None), "type")
        runs = self._one_of(rest.pop("runs", None), "runs", RUNS)
        lifetime = self._seconds(rest.pop("lifetime", 30), "lifetime", LIFETIME)
        devices = {
            device: self._device(device, item)
            for device, item in self._object(rest.pop("devices", None), "devices").items()
        }
        obeys = self._obeys(rest.pop("obeys"), devices) if "obeys" in rest else None
        return AgentConfig(
            name, kind_of_agent, runs, lifetime, obeys, MappingProxyType(devices), MappingProxyType(rest)
        )

    def _device(self, name: str, item: object) -> DeviceConfig:
        where = f"devices.{name}"
        self._name(name, "devices")
        rest = self._object(item, where)
        kind = Kind(self._one_of(rest.pop("kind", None), f"{where}.kind", tuple(Kind)))
        toggle = self._seconds(rest.pop("toggleSeconds", 5), f"{where}.toggleSeconds", TOGGLE_SECONDS)
        relock = self._seconds(rest.pop("relockAfterSeconds", 0), f"{where}.relockAfterSeconds", RELOCK_SECONDS)
        return DeviceConfig(name, kind, toggle, relock, MappingProxyType(rest))

    def _obeys(self, value: object, devices: Mapping[str, DeviceConfig]) -> Mapping[str, Grant]:
        grants: dict[str, Grant] = {}
        everything = tuple(dict.fromkeys(a for device in devices.values() for a in device.kind.actions))
        for issuer, item in self._object(value, "obeys").items():
            where = f"obeys.{self._name(issuer, 'obeys')}"
            if isinstance(item, Mapping):
                grants[issuer] = self._by_device(item, where, devices)
            else:
                grants[issuer] = self._actions(item, where, everything)
        return MappingProxyType(grants)

    def _by_device(
        self, item: Mapping[object, object], where: str, devices: Mapping[str, DeviceConfig]
    ) -> Mapping[str, Actions]:
        grant: dict[str, Actions] = {}
        for device, actions in item.items():
            if not isinstance(device, str) or device not in devices:
                self._problem(where, f"{quoted(device)} is no device of this agent; it has: {_list(devices)}")
            else:
                grant[device] = self._actions(actions, f"{where}.{device}", devices[device].kind.actions)
        return MappingProxyType(grant)

    def _actions(self, value: object, where: str, known: tuple[str, ...]) -> Actions:
        if value == ALL:
            return ALL
        if not isinstance(value, (list, tuple)):
            self._problem(where, f'{quoted(value)} is neither "*" nor a list of actions')
            return ()
        for action in value:
            if action not in known:
                self._problem(where, f"{quoted(action)} is no action there; there are: {_list(known)}")
        return tuple(value)

    def _object(self, value: object, where: str) -> dict[str, object]:
        if not isinstance(value, Mapping) or not all(isinstance(name, str) for name in value):
            self._problem(where, "is missing" if value is None else f"{quoted(value)} is no object {{…}}")
            return {}
        return dict(value)

    def _name(self, value: object, where: str) -> str:
        if isinstance(value, str) and is_name(value):
            return value
        if value is None:
            self._problem(where, "is missing")
        else:
            self._problem(where, f"{quoted(value)} is no name: 1 to 32 of a-z, 0-9 and -, and not self-test")
        return "wrong"

    def _one_of(self, value: object, where: str, choices: tuple[str, ...]) -> str:
        if isinstance(value, str) and value in choices:
            return value
        what = "is missing" if value is None else f"{quoted(value)} is none of them"
        self._problem(where, f"{what}; choose one of: {_list(choices)}")
        return choices[0]

    def _seconds(self, value: object, where: str, bounds: tuple[int, int]) -> int:
        least, most = bounds
        if type(value) is int and least <= value <= most:
            return value
        self._problem(where, f"{quoted(value)} is no whole number of seconds from {least} to {most}")
        return least

    def _problem(self, where: str, what: str) -> None:
        self.problems.append(printable(f"{self.place}{where}: {what}" if where else f"{self.place}{what}"))


def _list(names: object) -> str:
    return ", ".join(str(name) for name in names) if isinstance(names, (Mapping, tuple)) and names else "none"
