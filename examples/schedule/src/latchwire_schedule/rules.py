"""The rules of config.json, and what speaks against one of them.

    "ingresses": {"schedule": {
      "timeZone": "Europe/Berlin",
      "rules": {"evening": {"at": "0 18 * * 1-5", "device": "front-door", "action": "lock"}}
    }}

A rule asks as ``schedule:evening``, which somebody in ``people`` has to be; they may do no more than stands there.
"""

import json
import re
import zoneinfo
from collections.abc import Mapping
from typing import Final, NamedTuple

from cronsim import CronSim, CronSimError

from latchwire.errors import ConfigurationError
from latchwire.kit.ingress import Ingress
from latchwire.kit.settings import Settings
from latchwire.model import TOGGLE, Kind
from latchwire_schedule.calendar import UTC, moment

_NAME: Final = re.compile(r"[a-z0-9-]{1,32}")


class Rule(NamedTuple):
    """What to ask for, and when.

    Attributes:
        name: the second part of its identity.
        at: the five fields of crontab(5).
        device: which.
        action: what.
        opens: whether somebody wrote that it is meant to open a lock.
    """

    name: str
    at: str
    device: str
    action: str
    opens: bool

    @property
    def text(self) -> str:
        """All that it is: another text is another rule, which has missed nothing."""
        return f"{self.at} {self.device} {self.action}"


def read_zone(settings: Settings) -> zoneinfo.ZoneInfo:
    """The time zone of all rules.

    Raises:
        ConfigurationError: it is missing, or there is none of that name.
    """
    name = settings.text("timeZone")
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        raise ConfigurationError(
            f'ingresses.schedule.timeZone: "{name}" is no time zone that is known here; write one like '
            '"Europe/Berlin" (if it is right, type: sudo apt-get install tzdata)'
        ) from None


def read_rules(settings: Settings) -> tuple[Rule, ...]:
    """All rules.

    Raises:
        ConfigurationError: all that is wrong with their form. What depends on devices and people says ``objection``.
    """
    found = settings.get("rules")
    if not isinstance(found, Mapping) or not found:
        example = '{"evening": {"at": "0 18 * * 1-5", "device": "front-door", "action": "lock"}}'
        raise ConfigurationError(f"ingresses.schedule.rules: there are none; write {example}")
    rules: list[Rule] = []
    problems: list[str] = []
    for name, one in found.items():
        try:
            rules.append(_read(str(name), one))
        except ConfigurationError as error:
            problems += error.problems
    if problems:
        raise ConfigurationError(problems)
    return tuple(rules)


def _read(name: str, found: object) -> Rule:
    place = f"ingresses.schedule.rules.{name}"
    if not _NAME.fullmatch(name):
        raise ConfigurationError(f"{place}: is no name of a rule: a-z, 0-9 and -, at most 32 characters")
    if not isinstance(found, Mapping):
        raise ConfigurationError(f'{place}: is no object; write {{"at": …, "device": …, "action": …}}')
    settings = Settings(found, place=place)
    unknown = set(settings) - {"at", "device", "action", "opens"}
    if unknown:
        raise ConfigurationError(f"{place}.{min(unknown)}: is read by nobody; there are: at, device, action, opens")
    at = settings.text("at")
    if len(at.split()) != 5:
        raise _no_time(place, at, "five fields are wanted")
    try:
        next(CronSim(at, moment(0).astimezone(UTC)))
    except (CronSimError, StopIteration) as error:
        raise _no_time(place, at, str(error) or "there is no such day") from None
    return Rule(name, at, settings.text("device"), settings.text("action"), settings.flag("opens", default=False))


def _no_time(place: str, at: str, reason: str) -> ConfigurationError:
    cure = 'write minute, hour, day, month and weekday: "0 18 * * 1-5"'
    return ConfigurationError(f"{place}.at: {json.dumps(at)} is no time ({reason}); {cure}")


def objection(rule: Rule, ingress: Ingress) -> str:
    """Why the rule cannot be carried out as config.json is now, with the cure; "" if nothing speaks against it."""
    place, identity = f"ingresses.schedule.rules.{rule.name}", f"{ingress.issuer}:{rule.name}"
    device, person = ingress.config.devices.get(rule.device), ingress.who(identity)
    if device is None:
        return f'{place}: there is no device "{rule.device}"; correct it, or take the rule out'
    if rule.action not in device.kind.actions:
        return f'{place}: a {device.kind} knows {", ".join(device.kind.actions)}, and no "{rule.action}"'
    if device.kind is Kind.LOCK and rule.action in ("unlock", TOGGLE) and not rule.opens:
        return f'{place}: it opens {rule.device} while nobody looks; if that is meant, write "opens": true'
    if rule.action in device.confirm:
        return f"{place}: {rule.device} wants {rule.action} to be confirmed, and nobody is there who could"
    obeys = ingress.config.agents[device.agent].obeys
    if obeys is not None and ingress.issuer not in obeys:
        grant = f'"{ingress.issuer}": {{"{rule.device}": ["{rule.action}"]}}'
        return f"{place}: {device.agent} does not obey it; write {grant} in agents.{device.agent}.obeys"
    if person is None:
        return f'{place}: nobody in people has the identity; write "identities": ["{identity}"] and what they may'
    if rule.action not in ingress.usable(person).get(rule.device, ()):
        return f"{place}: {person.name} may not {rule.action} {rule.device}; look at `may`, `until` and `suspended`"
    return ""
