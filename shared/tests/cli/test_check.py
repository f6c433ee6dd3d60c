"""``latchwire check``: all that is wrong, at once, each with its cure."""

import json
from pathlib import Path
from typing import Any

import pytest

from latchwire.cli import bundled
from latchwire.cli.main import main
from latchwire.config.loading import load
from latchwire.config.places import Places
from latchwire.confirmation import hashes


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Places:
    """A state folder that is all right."""
    monkeypatch.setenv("LATCHWIRE_STATE", str(tmp_path))
    assert main(["init"]) == 0
    capsys.readouterr()
    return Places(tmp_path)


def check(capsys: pytest.CaptureFixture[str]) -> tuple[int, dict[str, Any]]:
    capsys.readouterr()
    status = main(["check", "--json"])
    answer: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert answer["ok"] == (status == 0)
    return status, answer


def edit(places: Places, path: tuple[str, ...], value: object) -> None:
    document: Any = json.loads(places.config.read_text())
    inside = document
    for key in path[:-1]:
        inside = inside[key]
    inside[path[-1]] = value
    places.config.write_text(json.dumps(document))


def test_nothing_at_all_is_told_with_its_cure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LATCHWIRE_STATE", str(tmp_path / "none"))
    assert main(["check"]) == 1
    assert "there is no such file" in capsys.readouterr().out
    assert not (tmp_path / "none").exists()


def test_every_kind_of_trouble_is_told_at_once(places: Places, capsys: pytest.CaptureFixture[str]) -> None:
    places.keys("omega").chmod(0o644)
    places.keys("twitter").write_text("twitter/1 omega short\n")
    places.login("magiq").unlink()
    places.env.write_text("TWILIO_AUTH_TOKEN=secret-1\nBROKER_PORT=x\nTWILO_ACCOUNT_SID=AC1\n")
    places.env.chmod(0o644)
    status, answer = check(capsys)
    assert status == 1
    told = "\n".join(answer["problems"])
    for part in (
        f".env: others can read it; type: chmod 600 {places.env}",
        'BROKER_PORT: "x" is no port',
        "config.json: people.john: +15555550100 is an invented one",
        "keys/omega: others can read it (mode 0644); type: chmod 600",
        "keys/twitter: line 1: not `ISSUER/GENERATION AGENT 64-HEX-DIGITS`",
        "logins/magiq is missing; `latchwire init` makes it",
    ):
        assert part in told
    assert answer["notes"] == ['.env: TWILO_ACCOUNT_SID is read by nobody; did you mean "TWILIO_ACCOUNT_SID"?']
    assert "secret-1" not in json.dumps(answer)


def test_a_new_agent_without_keys_is_told(places: Places, capsys: pytest.CaptureFixture[str]) -> None:
    edit(places, ("agents", "shed"), {"type": "relay", "runs": "here"})
    _, answer = check(capsys)
    assert "keys/manual: no key of manual toward shed; run `latchwire init`" in answer["problems"]
    assert "keys/shed is missing; `latchwire init` makes it" in answer["problems"]


def test_a_key_that_the_agent_does_not_hold_is_told(places: Places, capsys: pytest.CaptureFixture[str]) -> None:
    key = places.keyring("manual").signing("manual", "omega")
    assert key is not None
    with places.keys("manual").open("a") as file:
        file.write(f"{key._replace(generation=2).line}\n")
    _, answer = check(capsys)
    assert answer["problems"] == [
        "keys/omega: does not hold the key that manual signs with (manual/2); copy its line from keys/manual"
    ]


def test_a_login_that_the_broker_does_not_hold_is_told(places: Places, capsys: pytest.CaptureFixture[str]) -> None:
    places.login("omega").write_text("another\n")
    _, answer = check(capsys)
    assert answer["problems"] == ["broker/logins does not hold the logins; run `latchwire init`, restart the broker"]
    main(["init"])
    assert check(capsys)[0] == 0


def test_what_an_omega_needs_again_is_told_and_people_are_no_part_of_it(
    places: Places, capsys: pytest.CaptureFixture[str]
) -> None:
    edit(places, ("agents", "omega", "runs"), "elsewhere")
    status, answer = check(capsys)
    assert status == 0
    assert answer["notes"] == [
        "omega: nothing was bundled for its hardware yet; type `latchwire bundle omega` and take it there"
    ]
    bundled.mark(load(places.config), places, "omega")
    assert check(capsys)[1]["notes"] == []
    edit(places, ("people", "john", "suspended"), True)
    edit(places, ("hashtags", "#zu"), "front-door lock")
    edit(places, ("devices", "front-door", "names"), ["entrance"])
    assert check(capsys)[1]["problems"] == []
    edit(places, ("devices", "front-door", "toggleSeconds"), 9)
    status, answer = check(capsys)
    assert status == 1
    assert answer["problems"] == [
        (
            "omega: its hardware holds an older configuration or older keys; type `latchwire bundle omega` and "
            "take it there"
        )
    ]


def test_new_keys_have_to_be_taken_to_the_omega(places: Places, capsys: pytest.CaptureFixture[str]) -> None:
    edit(places, ("agents", "omega", "runs"), "elsewhere")
    bundled.mark(load(places.config), places, "omega")
    edit(places, ("agents", "magiq", "obeys"), {"telegram": "*"})
    main(["init"])
    assert "omega: its hardware holds an older" in check(capsys)[1]["problems"][0]


def test_a_hashtag_that_can_never_work_and_an_unlock_that_is_a_way_around_are_noted(
    places: Places, capsys: pytest.CaptureFixture[str]
) -> None:
    edit(places, ("hashtags",), {"#zu": "front-door lock", "#auf": "front-door unlock"})
    edit(places, ("devices", "front-door", "confirm"), ["unlock"])
    assert check(capsys)[1]["notes"] == [
        (
            "config.json: hashtags.#auf: unlock of front-door takes a confirmation, and on X nobody can be asked: it "
            "will never work; take it out"
        )
    ]
    edit(places, ("devices", "front-door", "confirm"), ["toggle"])
    assert check(capsys)[1]["notes"] == [
        "config.json: devices.front-door.confirm: unlock is not in it, and opens without"
    ]


def test_who_has_no_pin_where_one_is_a_must_and_a_pin_of_nobody_are_noted(
    places: Places, capsys: pytest.CaptureFixture[str]
) -> None:
    edit(places, ("hashtags",), {})
    edit(places, ("devices", "front-door", "confirm"), {"unlock": "pin"})
    told = check(capsys)[1]["notes"]
    assert told == [
        f"config.json: people.{name}: front-door: it takes a PIN, and {name} has none; type: latchwire pin {name}"
        for name in ("owner", "john")
    ], "Jane may only lock"
    places.pins.touch(0o600)
    places.pins.write_text(hashes.written({name: hashes.hashed("4711") for name in ("owner", "john", "o'neill")}))
    status, answer = check(capsys)
    assert status == 0
    assert answer["notes"] == [
        """pins.json: "o'neill" is nobody in config.json; type: latchwire pin --remove 'o'"'"'neill'"""
    ]
    places.pins.chmod(0o644)
    assert f"pins.json: others can read it (mode 0644); type: chmod 600 {places.pins}" in check(capsys)[1]["problems"]


def test_a_type_and_an_issuer_that_do_not_come_with_us_are_noted(
    places: Places, capsys: pytest.CaptureFixture[str]
) -> None:
    edit(places, ("agents", "own"), {"type": "rellay", "runs": "here", "obeys": {"whatsap": "*"}})
    main(["init"])
    status, answer = check(capsys)
    assert status == 0
    assert answer["notes"] == [
        (
            'config.json: agents.own.type: "rellay" does not come with Latchwire; it takes a service of your own; '
            'did you mean "relay"?'
        ),
        'config.json: agents.own.obeys: "whatsap" does not come with Latchwire; did you mean "whatsapp"?',
    ]
