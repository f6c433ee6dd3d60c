"""Each mistake in config.json is told by exactly one sentence: its place, what is wrong, the cure."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from latchwire.config import schema
from latchwire.config.home import agent_extract
from latchwire.config.loading import load, parse
from latchwire.config.negations import NEGATIONS, no_in
from latchwire.errors import ConfigurationError

EXAMPLE: dict[str, Any] = json.loads(schema.example())
GONE = object()


def changed(*path: str, to: object) -> dict[str, Any]:
    """The example with one place changed, or taken away."""
    document = copy.deepcopy(EXAMPLE)
    place: Any = document
    for name in path[:-1]:
        place = place.setdefault(name, {})
    if to is GONE:
        del place[path[-1]]
    else:
        place[path[-1]] = to
    return document


def told(document: object) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        parse(json.dumps(document).encode())
    return list(caught.value.problems)


DOOR = ("devices", "front-door")
MISTAKES: list[tuple[dict[str, Any], str]] = [
    (changed("devices", "ac", "agent", to="magic"),
     'devices.ac.agent: "magic" is no agent; you have: omega, magiq; did you mean "magiq"?'),
    (changed("people", to=GONE),
     "people: is missing: Who may do something. Who is not in this list may do nothing."),
    (changed("devises", to={}),
     ("devises: there is no such key; there are: $schema, agents, devices, people, hashtags, words, ingresses, "
      'observers, logins; did you mean "devices"?')),
    *((changed("logins", "plug", "write", to=[topic]),
       (f'logins.plug.write[0]: "{topic}" is no topic outside of Latchwire: levels between slashes, the first a name '
        "(not latchwire, no +, # or $), as cmnd/plug/# or stat/+/POWER"))
      for topic in (
          "#", "+/POWER", "latchwire/#", "latchwire", "$SYS/#", "", "a b", "cmnd/#/x", "cmnd/x+", "/cmnd", "a//b",
      )),
    (changed("logins", "omega", to={}), "logins.omega: Latchwire itself has a login of this name; choose another"),
    (changed("logins", "observer", to={}),
     "logins.observer: Latchwire itself has a login of this name; choose another"),
    (changed("logins", "plug", "red", to=[]),
     'logins.plug.red: there is no such key; there are: write, read; did you mean "read"?'),
    (changed("logins", to={"bridge": {"write": ["cmnd/#"]}, "plug": {"write": ["stat/plug/#", "cmnd/plug/POWER"]}}),
     'logins.plug.write[1]: bridge may write "cmnd/#", and a topic has one writer; take it from one of the two'),
    (changed("agents", "omega", "runs", to="her"),
     'agents.omega.runs: "her" is none of: simulated, here, elsewhere; did you mean "here"?'),
    (changed("agents", "omega", "runs", to=GONE),
     "agents.omega.runs: is missing; choose one of: simulated, here, elsewhere"),
    (changed("agents", "omega", "lifetime", to=4),
     "agents.omega.lifetime: 4 is no whole number of seconds from 5 to 300"),
    (changed("agents", "omega", "lifetime", to=30.0),
     "agents.omega.lifetime: 30.0 is no whole number of seconds from 5 to 300"),
    (changed("agents", "omega", "lifetime", to=True),
     "agents.omega.lifetime: true is no whole number of seconds from 5 to 300"),
    (changed("agents", "omega", "addres", to="0x27"),
     ("agents.omega.addres: there is no such key; there are: type, runs, lifetime, obeys, bus, address; "
     'did you mean "address"?')),
    (changed("agents", "omega", "address", to="39"),
     'agents.omega.address: "39" is no address of a Relay Expansion; it is one of "0x20" to "0x27"'),
    (changed("agents", "self-test", to={"type": "relay", "runs": "here"}),
     'agents: "self-test" is no name: 1 to 32 of a-z, 0-9 and -, and not self-test'),
    (changed("agents", "whatsapp", to={"type": "relay", "runs": "here"}),
     "agents.whatsapp: an ingress or the broker has this name already; choose another"),
    (changed("agents", "observer", to={"type": "relay", "runs": "here"}),
     "agents.observer: an ingress or the broker has this name already; choose another"),
    (changed("agents", "own", to={"type": "own", "runs": "here", "name": "x"}),
     "agents.own.name: there is no such key; devices stand in their own section"),
    (changed("agents", "omega", "obeys", "twitter", to=["on"]),
     'agents.omega.obeys.twitter: no device of this agent knows "on"; there are: lock, unlock, toggle, status'),
    (changed("agents", "omega", "obeys", "twitter", to={"ac": "*"}),
     "agents.omega.obeys.twitter.ac: there is no such device of this agent; it has: front-door"),
    (changed("agents", "omega", "obeys", "twitter", to=5),
     'agents.omega.obeys.twitter: 5 is neither "*" nor a list of actions'),
    (changed(*DOOR, "locked", to=GONE),
     ('devices.front-door.locked: is missing; it is "released" if the lock is locked without current, '
     '"energised" if current locks it; look at your lock, a wrong guess opens the door')),
    (changed(*DOOR, "channel", to=8), "devices.front-door.channel: 8 is wrong; it is the board's channel, 0 to 7"),
    (changed(*DOOR, "chanel", to=1),
     ("devices.front-door.chanel: a relay lock has no such key; there are: agent, kind, names, toggleSeconds, "
     'relockAfterSeconds, retweets, confirm, limit, channel, address, locked, atStart; did you mean "channel"?')),
    (changed(*DOOR, "kind", to="door"), 'devices.front-door.kind: "door" is none of: lock, switch'),
    (changed(*DOOR, "toggleSeconds", to=0),
     "devices.front-door.toggleSeconds: 0 is no whole number of seconds from 1 to 3600"),
    (changed(*DOOR, "confirm", to="unlock"),
     ('devices.front-door.confirm: "unlock" is neither a list of actions like ["unlock"] nor an object like '
     '{"unlock": "pin"}')),
    (changed(*DOOR, "confirm", to=["on"]),
     'devices.front-door.confirm: a lock does not know "on"; there are: lock, unlock, toggle, status'),
    (changed(*DOOR, "confirm", to=["status"]),
     'devices.front-door.confirm[0]: "status" is none of: lock, unlock, toggle, on, off'),
    (changed(*DOOR, "confirm", to={"unlok": "pin"}),
     ("devices.front-door.confirm.unlok: there is no such key; there are: lock, unlock, toggle, on, off; "
     'did you mean "unlock"?')),
    (changed(*DOOR, "confirm", to={"unlock": "4711"}),
     'devices.front-door.confirm.unlock: "4711" is none of: yes, pin'),
    (changed(*DOOR, "limit", to=5),
     'devices.front-door.limit: 5 is neither an object like {"actions": 20, "seconds": 60} nor "none"'),
    (changed(*DOOR, "limit", to={"actions": 0, "seconds": 60}),
     "devices.front-door.limit.actions: 0 is no whole number from 1 to 1000"),
    (changed(*DOOR, "limit", to={"actions": 5}),
     "devices.front-door.limit.seconds: is missing: In how many seconds."),
    (changed("words", to={"yes": ["ja"], "unlock": ["Ja"]}),
     'words.unlock[0]: "Ja" means yes already; a word means one thing'),
    (changed("devices", "ac", "kind", to="lock"),
     "devices.ac.kind: a magiq agent has no devices of kind lock"),
    (changed("devices", "ac", "names", to=["Front  Door"]),
     'devices.ac.names[0]: "Front  Door" is a name of front-door already; take it from one of the two'),
    (changed("devices", "light", "deviceId", to="example-ac"),
     'devices.light.deviceId: ac has "example-ac" already; two devices cannot share it'),
    (changed("devices", "gate",
             to={"agent": "omega", "kind": "switch", "channel": 0, "address": "0x27"}),
     "devices.gate.channel: front-door has 0 already; two devices cannot share it"),
    (changed("people", "john", "untill", to="2026-12-31"),
     ("people.john.untill: there is no such key; there are: manual, twitter, whatsapp, identities, until, "
     'suspended, may; did you mean "until"?')),
    (changed("people", "john", "until", to="31.12.2026"),
     'people.john.until: "31.12.2026" is no date; write it like "2026-12-31"'),
    (changed("people", "john", "until", to="2026-02-30"),
     'people.john.until: "2026-02-30" is no day of the calendar'),
    (changed("people", "john", "may", to=["lock"]),
     'people.john.may: ["lock"] is neither "*" nor an object like {"front-door": ["lock"]}'),
    (changed("people", "john", "may", "frontdoor", to="*"),
     ("people.john.may.frontdoor: there is no such device; you have: front-door, ac, light; "
     'did you mean "front-door"?')),
    (changed("people", "john", "may", "ac", to=["lock"]),
     'people.john.may.ac: a switch does not know "lock"; there are: on, off, toggle, status'),
    (changed("people", "jane", "whatsapp", to="+1 (555) 555-0100"),
     "people.jane.whatsapp: this is john already; one identity is one person"),
    (changed("people", "jane", "twitter", to={"id": "101"}),
     "people.jane.twitter: this is john already; one identity is one person"),
    (changed("people", "bob", to={"manual": True, "may": "*"}),
     "people.bob.manual: this is owner already; one identity is one person"),
    (changed("people", "bob", to={"may": "*"}),
     "people.bob: nothing says how they are recognised; give manual, twitter, whatsapp or identities"),
    (changed("people", "john", "whatsapp", to="0171 123456"),
     'people.john.whatsapp: "0171 123456" is no phone number; write it with country code, like "+15555550100"'),
    (changed("people", "john", "twitter", to="@not-possible"),
     ('people.john.twitter: "@not-possible" is no name of an account on X; write it like "@name", or '
     '{"id": "12345"} if it is an id')),
    (changed("people", "john", "identities", to=["twitter:5"]),
     'people.john.identities: "twitter:5": write it as "twitter" beside `may`'),
    (changed("hashtags", "#lok", to="front-door lok"),
     'hashtags.#lok: a lock does not know "lok"; there are: lock, unlock, toggle, status; did you mean "lock"?'),
    (changed("hashtags", "#open", to="garage unlock"),
     'hashtags.#open: "garage" is no device; you have: front-door, ac, light'),
    (changed("hashtags", "#LOCK", to="front-door unlock"),
     'hashtags.#LOCK: the same as "#lock", for case and form of letters do not matter; keep one'),
    (changed("hashtags", "#ｌｏｃｋ", to="front-door unlock"),  # noqa: RUF001  # what Japanese keyboards write
     'hashtags.#ｌｏｃｋ: the same as "#lock", for case and form of letters do not matter; keep one'),  # noqa: RUF001
    (changed("hashtags", "#open-it", to="front-door unlock"),
     "hashtags.#open-it: this hashtag is never heard; use letters, digits and _ alone"),
    (changed("hashtags", "#\ufe5f", to="front-door unlock"),
     "hashtags.#\ufe5f: this hashtag is never heard; use letters, digits and _ alone"),
    (changed("hashtags", "#\u00a8", to="front-door unlock"),
     "hashtags.#\u00a8: this hashtag is never heard; use letters, digits and _ alone"),
    (changed("hashtags", "#open", to="unlock"),
     'hashtags.#open: "unlock" is no device and action; write it like "front-door unlock"'),
    (changed("hashtags", "open", to="front-door unlock"),
     'hashtags: "open" is no hashtag; write it like "#unlock"'),
    (changed("words", to={"ignore": ["bitte", "Nicht"]}),
     'words.ignore[1]: "nicht" says no, and a no ends every request; take it out'),
    (changed("devices", "ac", "names", to=["cooler", "don’t heat"]),  # noqa: RUF001  # as telephones write it
     'devices.ac.names[1]: "don’t heat" is never heard, for "don\'t" says no; choose another name'),  # noqa: RUF001
    (changed("words", to={"unlock": ["öffne"], "lock": ["ÖFFNE"]}),
     'words.lock[0]: "ÖFFNE" means unlock already; a word means one thing'),
    (changed("words", to={"unlock": ["Light"]}),
     'words.unlock[0]: "Light" is a name of light; choose another word'),
    (changed("words", to={"ignore": ["bitte"], "unlock": ["Bitte"]}),
     'words.unlock[0]: "Bitte" means ignore already; a word means one thing'),
    (changed("words", to={"help": ["door"]}),
     'words.help[0]: "door" is a name of front-door; choose another word'),
    (changed("words", to={"ignored": ["bitte"]}),
     ("words.ignored: there is no such key; there are: lock, unlock, toggle, on, off, status, yes, list, help, ignore; "
     'did you mean "ignore"?')),
    (changed("ingresses", to={"twitter": {"source": "pull"}}),
     'ingresses.twitter.source: "pull" is none of: stream, poll; did you mean "poll"?'),
    (changed("people", "a\nb", to={"manual": "ann", "may": "*"}), 'people."a\\nb": "a\\nb" holds a control character'),
]  # fmt: skip


@pytest.mark.parametrize(("document", "sentence"), MISTAKES, ids=[sentence[:60] for _, sentence in MISTAKES])
def test_a_mistake_is_told_by_one_sentence(document: dict[str, Any], sentence: str) -> None:
    assert told(document) == [f"config.json: {sentence}"]


def test_all_mistakes_of_form_and_of_reference_are_told_at_once() -> None:
    document = copy.deepcopy(EXAMPLE)
    document["agents"]["omega"]["runs"] = "nowhere"
    document["devices"]["ac"]["agent"] = "magic"
    document["people"]["john"]["may"]["front-door"] = ["on"]
    text = json.dumps(document).replace('"hashtags"', '"words": {}, "words": {}, "hashtags"')
    with pytest.raises(ConfigurationError) as caught:
        parse(text.encode())
    places = [problem.split(": ")[1] for problem in caught.value.problems]
    assert places == ['"words" stands twice in the same object; keep one', "agents.omega.runs", "devices.ac.agent",
                      "people.john.may.front-door"]  # fmt: skip


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "line 1, column 1: Expecting value"),
        (b'{"agents": {},\n}', ("line 2, column 1: Expecting property name enclosed in double quotes; "
         "a comma after the last entry is not allowed")),
        (b"\xef\xbb\xbf{}", "starts with a byte order mark; save it as UTF-8 without BOM"),
        ("{}".encode("utf-16"), "saved as UTF-16; save it as UTF-8"),
        (b'{\n"a": "\xff"}', "line 2: not UTF-8; save it as UTF-8"),
        (b"[" * 200_000, "nested deeper than 20 levels"),
        (b"[" * 30 + b"]" * 30, "nested deeper than 20 levels"),
        (b" " * 1_000_001, "larger than 1000000 bytes; that is no configuration"),
        (b'{"a": NaN}', "not JSON: NaN is no JSON number"),
        (b'{"a": 1e999}', "1e999 and the like are too large for a number"),
        (b'{"a": "\\ud800"}', '"\\ud800" holds half a character (a lone surrogate)'),
        (b"[]", "[] is no object {…}"),
        (b"null", "null is no object {…}"),
    ],
)  # fmt: skip
def test_what_is_no_text_of_a_configuration_is_told_as_that(content: bytes, sentence: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse(content)
    assert list(caught.value.problems) == [f"config.json: {sentence}"]


def test_a_number_of_thousands_of_digits_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"config\.json: not JSON: "):
        parse(b'{"a": ' + b"9" * 5000 + b"}")


def test_ten_thousand_mistakes_make_a_short_answer() -> None:
    document = copy.deepcopy(EXAMPLE)
    document["people"] |= {f"p{n}": {"manual": f"u{n}", "may": {"nowhere": "*"}} for n in range(10_000)}
    problems = told(document)
    assert len(problems) == 101
    assert problems[-1] == "config.json: and 9900 more"


def test_an_absent_file_is_told_with_its_cure(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"there is no such file: .*; `latchwire init` makes one"):
        load(tmp_path / "config.json")


def test_a_folder_instead_of_the_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read: Is a directory"):
        load(tmp_path)


def edited(change: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    document = copy.deepcopy(EXAMPLE)
    change(document)
    return document


def test_an_actuator_of_somebodys_own_keeps_its_own_keys() -> None:
    document = edited(
        lambda it: it["agents"].update(blinds={"type": "shutter", "runs": "here", "serial": "/dev/ttyUSB0"})
    )
    document["devices"]["blind"] = {"agent": "blinds", "kind": "switch", "channel": "left", "speed": [1, 2.5]}
    config = parse(json.dumps(document).encode())
    assert config.agents["blinds"].settings == {"serial": "/dev/ttyUSB0"}
    assert config.devices["blind"].settings == {"channel": "left", "speed": [1, 2.5]}


@pytest.mark.parametrize("no", [*sorted(NEGATIONS), "don't", "mightn’t"])  # noqa: RUF001  # as telephones write it
def test_no_word_that_says_no_can_be_hidden(no: str) -> None:
    assert no_in(f"(Please, {no.upper()}!)")
    assert not no_in("Bitte öffne the north-door, Noah's")


@pytest.mark.parametrize(
    ("written", "taken"),
    [
        (["unlock"], {"unlock": "yes", "toggle": "yes"}),
        (["lock"], {"lock": "yes", "toggle": "yes"}),
        ({"unlock": "pin"}, {"unlock": "pin", "toggle": "pin"}),
        ({"unlock": "pin", "toggle": "yes"}, {"unlock": "pin", "toggle": "pin"}),
        ([], {}),
    ],
)
def test_a_toggle_is_no_way_around_a_confirmation(written: object, taken: dict[str, str]) -> None:
    document = changed(*DOOR, "confirm", to=written)
    assert parse(json.dumps(document).encode()).devices["front-door"].confirm == taken


def test_a_limit_is_twenty_in_a_minute_or_what_is_written_or_none() -> None:
    for written, taken in ((GONE, (20, 60)), ({"actions": 2, "seconds": 9}, (2, 9)), ("none", None)):
        document = changed(*DOOR, "limit", to="none")
        if written is GONE:
            del document["devices"]["front-door"]["limit"]
        else:
            document["devices"]["front-door"]["limit"] = written
        assert parse(json.dumps(document).encode()).devices["front-door"].limit == taken


def test_an_agent_gets_nothing_of_confirmations_and_limits() -> None:
    document = changed(*DOOR, "confirm", to=["unlock"])
    document["devices"]["front-door"]["limit"] = "none"
    config = parse(json.dumps(document).encode())
    assert agent_extract(config, "omega") == agent_extract(parse(json.dumps(EXAMPLE).encode()), "omega")
