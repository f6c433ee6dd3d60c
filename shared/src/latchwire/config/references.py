"""What a schema cannot see in config.json: that its parts fit together.

Every method looks at one kind of reference. All of them work on a document that may still be wrong in form,
and pass over what is: its form was told already, and all problems are to be told at once.
"""

import datetime as dt
import re
from collections.abc import Iterator
from typing import Any, Final

from latchwire.config import hardware
from latchwire.config.agent import ALL
from latchwire.config.filters import overlap
from latchwire.config.home import BUILT_IN_ISSUERS
from latchwire.config.identity import whatsapp_id, x_name
from latchwire.config.negations import no_in
from latchwire.config.strict_json import quoted
from latchwire.config.wording import hashtag, is_hashtag, listed, meant, place, spoken
from latchwire.model import Kind

RESERVED: Final = ("observer", "health")
"""Logins at the broker that are neither agents nor issuers."""


def problems(document: dict[str, Any]) -> list[str]:
    """What does not fit together, each as ``place: what; cure``."""
    check = _Check(document)
    check.agents()
    check.logins()
    check.obeys()
    check.devices()
    check.names()
    check.people()
    check.identities()
    check.hashtags()
    check.words()
    return check.found


class _Check:
    def __init__(self, document: dict[str, Any]) -> None:
        self.document = document
        self.found: list[str] = []
        self.agent_types = {name: str(item.get("type")) for name, item in self._items("agents")}
        self.kinds: dict[str, Kind | None] = {
            name: Kind(item["kind"]) if item.get("kind") in tuple(Kind) else None
            for name, item in self._items("devices")
        }

    def agents(self) -> None:
        named = {*RESERVED, *BUILT_IN_ISSUERS, *self._section("ingresses")}
        observers = {*self._section("observers")}
        for name, item in self._items("agents"):
            if name in named | observers:
                who = "an observer" if name in observers else "an ingress or the broker"
                self._tell(["agents", name], f"{who} has this name already; choose another")
            for key in {"name", "devices"} & set(item):
                self._tell(["agents", name, key], "there is no such key; devices stand in their own section")
        for name in self._section("ingresses"):
            if name in RESERVED:
                self._tell(["ingresses", name], "the broker needs this name itself; choose another")
        for name in observers & named:
            self._tell(["observers", name], "an ingress or the broker has this name already; choose another")

    def logins(self) -> None:
        taken = {*RESERVED, *BUILT_IN_ISSUERS, *self._issuers_elsewhere()}
        taken |= {*self._section("agents"), *self._section("ingresses"), *self._section("observers")}
        writers: list[tuple[str, str]] = []
        for name, item in self._items("logins"):
            if name in taken:
                self._tell(["logins", name], "Latchwire itself has a login of this name; choose another")
            for number, topic in enumerate(_texts(item.get("write"))):
                for other, its in writers:
                    if other != name and overlap(topic, its):
                        what = (
                            f"{other} may write {quoted(its)}, and a topic has one writer; take it from one of the two"
                        )
                        self._tell(["logins", name, "write", number], what)
                writers.append((name, topic))

    def _issuers_elsewhere(self) -> Iterator[str]:
        """Ingresses that stand in no section of their own."""
        for _, agent in self._items("agents"):
            obeys = agent.get("obeys")
            yield from obeys if isinstance(obeys, dict) else ()
        for _, person in self._items("people"):
            yield from (identity.partition(":")[0] for identity in _texts(person.get("identities")))

    def obeys(self) -> None:
        for agent, item in self._items("agents"):
            obeys = item.get("obeys")
            for issuer, told in obeys.items() if isinstance(obeys, dict) else ():
                where: list[str | int] = ["agents", agent, "obeys", issuer]
                if isinstance(told, dict):
                    for device, actions in told.items():
                        self._obeyed(agent, [*where, device], device, actions)
                elif isinstance(told, list):
                    self._known(where, told, self._actions_of(agent), "no device of this agent knows")

    def _obeyed(self, agent: str, where: list[str | int], device: str, actions: object) -> None:
        own = [name for name, item in self._items("devices") if item.get("agent") == agent]
        kind = self.kinds.get(device)
        if device not in own:
            self._tell(where, f"there is no such device of this agent; it has: {listed(own)}{meant(device, own)}")
        elif kind is not None and isinstance(actions, list):
            self._known(where, actions, kind.actions, f"a {kind} does not know")

    def _actions_of(self, agent: str) -> tuple[str, ...]:
        kinds = {self.kinds[name] for name, item in self._items("devices") if item.get("agent") == agent}
        return tuple(dict.fromkeys(action for kind in Kind if kind in kinds for action in kind.actions))

    def _known(self, where: list[str | int], actions: list[object], known: tuple[str, ...], what: str) -> None:
        for action in actions:
            if isinstance(action, str) and action in _EVERY_ACTION and action not in known:
                self._tell(where, f"{what} {quoted(action)}; there are: {listed(known)}")

    def devices(self) -> None:
        taken: dict[tuple[object, ...], str] = {}
        for name, item in self._items("devices"):
            agent = item.get("agent")
            if isinstance(agent, str) and agent not in self._section("agents"):
                have = f"you have: {listed(self.agent_types)}{meant(agent, self.agent_types)}"
                self._tell(["devices", name, "agent"], f"{quoted(agent)} is no agent; {have}")
            if not isinstance(agent, str) or agent not in self.agent_types or self.kinds[name] is None:
                continue
            kind = str(self.kinds[name])
            self._confirmed(name, item.get("confirm"))
            for key, sentence in hardware.problems(self.agent_types[agent], kind, item):
                self._tell(["devices", name, key], sentence)
            self._same_hardware(name, agent, item, taken)

    def _confirmed(self, name: str, written: object) -> None:
        kind = self.kinds[name]
        if kind is not None and isinstance(written, (list, dict)):
            self._known(["devices", name, "confirm"], list(written), kind.actions, f"a {kind} does not know")

    def _same_hardware(self, name: str, agent: str, item: dict[str, Any], taken: dict[tuple[object, ...], str]) -> None:
        keys = {"relay": ("channel", "address"), "magiq": ("deviceId",)}.get(self.agent_types[agent])
        if keys is None or keys[0] not in item:
            return
        default = {"address": self._section("agents")[agent].get("address", "0x27")}
        where = (agent, *(repr(item.get(key, default.get(key))) for key in keys))
        if where in taken:
            value = quoted(item[keys[0]])
            other = taken[where]
            self._tell(["devices", name, keys[0]], f"{other} has {value} already; two devices cannot share it")
        taken.setdefault(where, name)

    def names(self) -> None:
        owners = {spoken(name): name for name in self.kinds}
        for name, item in self._items("devices"):
            for number, alias in enumerate(_texts(item.get("names"))):
                owner = owners.setdefault(spoken(alias), name)
                if owner != name:
                    what = f"{quoted(alias)} is a name of {owner} already; take it from one of the two"
                    self._tell(["devices", name, "names", number], what)
                if no := no_in(alias):
                    what = f"{quoted(alias)} is never heard, for {quoted(no)} says no; choose another name"
                    self._tell(["devices", name, "names", number], what)

    def people(self) -> None:
        for name, person in self._items("people"):
            may = person.get("may")
            for device, actions in may.items() if isinstance(may, dict) else ():
                self._may(["people", name, "may", device], device, actions)
            until = person.get("until")
            if isinstance(until, str) and _DATE.match(until) and _day(until) is None:
                self._tell(["people", name, "until"], f"{quoted(until)} is no day of the calendar")

    def _may(self, where: list[str | int], device: str, actions: object) -> None:
        if device not in self._section("devices"):
            self._tell(where, f"there is no such device; you have: {listed(self.kinds)}{meant(device, self.kinds)}")
            return
        kind = self.kinds.get(device)
        if kind is not None and isinstance(actions, list):
            self._known(where, actions, kind.actions, f"a {kind} does not know")

    def identities(self) -> None:
        owners: dict[str, str] = {}
        for name, person in self._items("people"):
            found = list(self._identities(name, person))
            if not {"manual", "twitter", "whatsapp", "identities"} & set(person):
                cure = "give manual, twitter, whatsapp or identities"
                self._tell(["people", name], f"nothing says how they are recognised; {cure}")
            for key, identity in found:
                owner = owners.setdefault(identity, name)
                if owner != name:
                    self._tell(["people", name, key], f"this is {owner} already; one identity is one person")

    def _identities(self, name: str, person: dict[str, Any]) -> Iterator[tuple[str, str]]:
        where: list[str | int] = ["people", name]
        manual = person.get("manual")
        if manual is True or (isinstance(manual, str) and manual):
            yield "manual", f"manual:{ALL if manual is True else manual}"
        yield from self._x_account(where, person.get("twitter"))
        written = person.get("whatsapp")
        for text in [written] if isinstance(written, str) else _texts(written):
            sender = whatsapp_id(text)
            if sender is None:
                cure = 'write it with country code, like "+15555550100"'
                self._tell([*where, "whatsapp"], f"{quoted(text)} is no phone number; {cure}")
            else:
                yield "whatsapp", f"whatsapp:{sender}"
        for text in _texts(person.get("identities")):
            issuer = text.partition(":")[0]
            if issuer in BUILT_IN_ISSUERS:
                self._tell([*where, "identities"], f"{quoted(text)}: write it as {quoted(issuer)} beside `may`")
            yield "identities", text

    def _x_account(self, where: list[str | int], account: object) -> Iterator[tuple[str, str]]:
        if isinstance(account, str):
            name = x_name(account)
            if name is None or name.isdecimal():
                cure = 'write it like "@name", or {"id": "12345"} if it is an id'
                self._tell([*where, "twitter"], f"{quoted(account)} is no name of an account on X; {cure}")
            else:
                yield "twitter", f"@{name.lower()}"
        elif isinstance(account, dict):
            if isinstance(account.get("id"), str):
                yield "twitter", f"twitter:{account['id']}"
            name = account.get("name")
            if isinstance(name, str) and name:
                yield "twitter", f"@{name.removeprefix('@').lower()}"

    def hashtags(self) -> None:
        seen: dict[str, str] = {}
        for tag, said in self._section("hashtags").items():
            where: list[str | int] = ["hashtags", tag]
            other = seen.setdefault(hashtag(tag), tag)
            if other != tag:
                self._tell(where, f"the same as {quoted(other)}, for case and form of letters do not matter; keep one")
            if not is_hashtag(tag):
                self._tell(where, "this hashtag is never heard; use letters, digits and _ alone")
            parts = said.split() if isinstance(said, str) else []
            if isinstance(said, str) and len(parts) != 2:
                self._tell(where, f'{quoted(said)} is no device and action; write it like "front-door unlock"')
            elif len(parts) == 2:
                self._said(where, *parts)

    def _said(self, where: list[str | int], device: str, action: str) -> None:
        if device not in self._section("devices"):
            have = f"you have: {listed(self.kinds)}{meant(device, self.kinds)}"
            self._tell(where, f"{quoted(device)} is no device; {have}")
            return
        kind = self.kinds.get(device)
        if kind is not None and action not in kind.actions:
            knows = f"there are: {listed(kind.actions)}{meant(action, kind.actions)}"
            self._tell(where, f"a {kind} does not know {quoted(action)}; {knows}")

    def words(self) -> None:
        names = {spoken(name): name for name in self.kinds}
        for name, item in self._items("devices"):
            names |= {spoken(alias): name for alias in _texts(item.get("names"))}
        meanings: dict[tuple[Kind, str], str] = {}
        for action, words in self._section("words").items():
            for number, word in enumerate(_texts(words)):
                where: list[str | int] = ["words", action, number]
                if no := no_in(word):
                    self._tell(where, f"{quoted(no)} says no, and a no ends every request; take it out")
                if spoken(word) in names:
                    self._tell(where, f"{quoted(word)} is a name of {names[spoken(word)]}; choose another word")
                for kind in Kind:  # "yes", "list", "help" and "ignore" are of no kind, and so of each
                    meant_here = action in kind.actions or action not in _EVERY_ACTION
                    other = meanings.setdefault((kind, spoken(word)), action) if meant_here else action
                    if other != action:
                        self._tell(where, f"{quoted(word)} means {other} already; a word means one thing")

    def _section(self, name: str) -> dict[str, Any]:
        section = self.document.get(name)
        return section if isinstance(section, dict) else {}

    def _items(self, name: str) -> Iterator[tuple[str, dict[str, Any]]]:
        return ((key, item) for key, item in self._section(name).items() if isinstance(item, dict))

    def _tell(self, where: list[str | int], what: str) -> None:
        self.found.append(f"{place(where)}: {what}")


_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}\Z", re.ASCII)
"""The form that the schema wants; another one was told already."""

_EVERY_ACTION: Final = frozenset(action for kind in Kind for action in kind.actions)


def _texts(value: object) -> list[str]:
    return [text for text in value if isinstance(text, str)] if isinstance(value, list) else []


def _day(text: str) -> dt.date | None:
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        return None
