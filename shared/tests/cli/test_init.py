"""``latchwire init``: a working state folder from nothing, and never a file lost."""

import json
import os
import re
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from latchwire.cli import making
from latchwire.cli.main import main
from latchwire.config.loading import load
from latchwire.config.places import Places
from latchwire.protocol.keys import Key

TOP = Path(__file__).parents[3]
INIT = [sys.executable, "-c", "import sys; from latchwire.cli.main import main; sys.exit(main(['init']))"]


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Places:
    """A state folder that is not there yet."""
    state = tmp_path / "house" / "state"
    monkeypatch.setenv("LATCHWIRE_STATE", str(state))
    monkeypatch.delenv("BROKER_PORT", raising=False)
    return Places(state)


def files(places: Places) -> dict[str, bytes]:
    """Every file but the lock, by its name."""
    found = (path for path in places.state.rglob("*") if path.is_file() and path.name != ".lock")
    return {str(path.relative_to(places.state)): path.read_bytes() for path in found}


def change(places: Places, **sections: dict[str, Any]) -> None:
    """Adds entries to sections of config.json."""
    document = json.loads(places.config.read_text())
    for section, entries in sections.items():
        document.setdefault(section, {}).update(entries)
    places.config.write_text(json.dumps(document))


def test_everything_is_made_and_check_finds_nothing_wrong(places: Places, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init"]) == 0
    assert "It is the demo: every agent in it is simulated" in capsys.readouterr().out
    assert main(["check"]) == 0
    assert capsys.readouterr().out == (
        f"All is well: agents 2, devices 3, people 3, configuration {load(places.config).digest}.\n"
    )


def test_everything_is_its_owners_alone_whatever_the_umask_is(places: Places) -> None:
    before = os.umask(0)
    try:
        assert main(["init"]) == 0
    finally:
        os.umask(before)
    modes = {path: stat.S_IMODE(path.stat().st_mode) for path in [places.state, *places.state.rglob("*")]}
    assert {mode for path, mode in modes.items() if path.is_dir()} == {0o700}
    assert {mode for path, mode in modes.items() if path.is_file()} == {0o600}


def test_each_issuer_and_agent_share_a_key_that_no_other_pair_has(places: Places) -> None:
    main(["init"])
    config = load(places.config)
    pairs: dict[tuple[str, str], Key | None] = {
        (issuer, agent): places.keyring(issuer).signing(issuer, agent)
        for issuer in config.issuers()
        for agent in config.agents
    }
    assert len({key.secret for key in pairs.values() if key}) == len(pairs) == 6
    for (issuer, agent), key in pairs.items():
        assert places.keyring(agent).signing(issuer, agent) == key
    assert {key.agent for key in places.keyring("omega")} == {"omega"}
    assert {key.issuer for key in places.keyring("whatsapp")} == {"whatsapp"}


def test_a_second_time_changes_nothing(places: Places, capsys: pytest.CaptureFixture[str]) -> None:
    main(["init"])
    before = files(places)
    capsys.readouterr()
    assert main(["init"]) == 0
    assert capsys.readouterr().out == f"Nothing was missing in {places.state}.\n"
    assert files(places) == before


def test_what_was_edited_stays(places: Places) -> None:
    main(["init"])
    edited = [places.env, places.broker / "mosquitto.conf", places.mosquitto / "mosquitto_pub"]
    for path in edited:
        path.write_text("# mine\n")
    change(places, hashtags={"#dicht": "front-door lock"})
    mine = places.config.read_text()
    main(["init"])
    assert [path.read_text() for path in edited] == ["# mine\n"] * 3
    assert places.config.read_text() == mine


def test_a_new_agent_and_a_new_issuer_get_what_they_need_and_the_old_keep_theirs(
    places: Places, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["init"])
    before = files(places)
    obeys = {"telegram": "*", "manual": "*"}
    change(places, agents={"shed": {"type": "relay", "runs": "elsewhere", "obeys": obeys}})
    assert main(["init"]) == 0
    assert "broker/acl, broker/logins changed, and no broker of this folder is seen running." in capsys.readouterr().out
    after = files(places)
    for name in before:
        if name.startswith("keys/"):
            assert after[name].startswith(before[name])
        elif name.startswith("logins/"):
            assert after[name] == before[name]
    assert {key.agent for key in places.keyring("telegram")} == {"omega", "magiq", "shed"}
    assert {key.issuer for key in places.keyring("shed")} == {"manual", "whatsapp", "twitter", "telegram"}
    assert "user telegram\ntopic write latchwire/+/+/command\n" in after["broker/acl"].decode()
    assert "topic deny latchwire/telegram/nonce\n" in after["broker/acl"].decode()
    assert main(["check"]) == 0


def test_another_login_gets_a_password_that_its_firmware_takes_and_its_own_topics_alone(
    places: Places, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["init"])
    change(places, logins={"plug": {"write": ["stat/plug/#"], "read": ["cmnd/plug/#"]}})
    capsys.readouterr()
    assert main(["init"]) == 0
    assert "logins/\n" not in capsys.readouterr().out
    assert len(places.password("plug")) == 32  # the most that Tasmota takes
    acl = (places.broker / "acl").read_text()
    assert "\nuser plug\ntopic write stat/plug/#\ntopic read cmnd/plug/#\ntopic deny latchwire/#\n" in acl
    assert not places.keys("plug").exists()
    assert main(["check"]) == 0


def test_a_lost_keyring_comes_back_from_the_other_side_and_a_rotation_is_left_alone(places: Places) -> None:
    main(["init"])
    key = places.keyring("manual").signing("manual", "omega")
    assert key is not None
    places.keys("omega").unlink()
    newer = key._replace(generation=2, secret=b"n" * 32)
    with places.keys("manual").open("a") as file:
        file.write(f"{newer.line}\n")
    main(["init"])
    assert places.keyring("omega").signing("manual", "omega") == newer
    with places.keys("omega").open("a") as file:
        file.write(f"{newer._replace(generation=3).line}\n")
    before = files(places)
    main(["init"])
    assert files(places) == before


@pytest.mark.parametrize("form", ["flat", "nested"])
def test_the_original_projects_file_becomes_a_working_set_up(
    form: str, places: Places, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["init", "--from", str(original(tmp_path, form))]) == 0
    said = capsys.readouterr().out
    assert "locked while its relay is released" in said
    assert "for 5 seconds" in said
    config = load(places.config)
    names = [person.twitter.name for person in config.people.values() if person.twitter]
    assert names == ["john_smith", "jane_doe"]
    assert config.hashtags == {
        "doorlock": ("front-door", "lock"),
        "dooropen": ("front-door", "unlock"),
        "doorbuzz": ("front-door", "toggle"),
    }
    assert config.devices["front-door"].settings["locked"] == "released"
    assert config.agents["omega"].runs == "elsewhere"
    text = places.env.read_text()
    assert "\nX_CONSUMER_KEY=key-1\nX_CONSUMER_SECRET='sec ret'".replace("sec ret", "s$r") in text
    assert "\nX_ACCESS_TOKEN=1-token\nX_ACCESS_TOKEN_SECRET=token-secret\n" in text
    assert main(["check"]) == 0


def original(tmp_path: Path, form: str) -> Path:
    """The original project's file in one of its forms."""
    consumer = {"consumerKey": "key-1", "consumerSecret": "s$r"}
    access = {"accessToken": "1-token", "accessTokenSecret": "token-secret"}
    tags = {"lock": "#doorlock", "unlock": "#dooropen", "toggle": "doorbuzz"}
    document = (
        {**consumer, **access, "allowedUsers": "@john_smith, jane_doe", "hashtags": tags}
        if form == "flat"
        else {
            "consumerCredentials": consumer,
            "accessCredentials": access,
            "allowedUsers": ["@john_smith", "jane_doe"],
            "hashtags": tags,
        }
    )
    path = tmp_path / "old.json"
    path.write_text(json.dumps(document))
    return path


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("{", "old.json: line 1, column 2: Expecting property name enclosed in double quotes"),
        ("[]", "old.json: is no object {…}; give the original project's config.json"),
        ('{"agents": {}, "devices": {}}', "is a configuration of Latchwire already; copy it to state/config/"),
        ('{"hashtags": {}}', 'old.json: allowedUsers: is missing; write it like ["@john", "@jane"] or "@john, @jane"'),
        ('{"allowedUsers": ["a b"], "hashtags": {}}', 'allowedUsers: "a b" is no name of an account on X'),
        ('{"allowedUsers": "@a", "hashtags": {"open": "#x"}}', 'hashtags: "open" is no action; there are: lock'),
        ('{"allowedUsers": "@a", "hashtags": {"lock": "#x", "unlock": "#X"}}', '"#X" stands for two actions; keep one'),
        ('{"allowedUsers": "@a", "hashtags": {"lock": "# x"}}', 'hashtags.lock: "# x" is no hashtag'),
        ('{"allowedUsers": "@a", "hashtags": {}, "consumerKey": "hunter2\\nX=1"}', "consumerKey: is no key or token"),
        ('{"allowedUsers": "@a", "hashtags": {}, "consumerCredentials": 5}', "consumerCredentials: is no object"),
    ],
)  # fmt: skip
def test_a_wrong_original_is_refused_clearly_and_nothing_is_made(
    content: str, sentence: str, places: Places, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "old.json").write_text(content)
    assert main(["init", "--from", str(tmp_path / "old.json")]) == 1
    said, told = capsys.readouterr()
    assert said == ""
    assert sentence in told
    assert "hunter2" not in told
    assert not places.config.exists()


def test_an_original_never_replaces_a_configuration_that_is_there(
    places: Places, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["init"])
    before = files(places)
    assert main(["init", "--from", str(original(tmp_path, "flat"))]) == 1
    assert "is there already; move it away" in capsys.readouterr().err
    assert files(places) == before


def test_two_at_once_make_one_set_of_keys(places: Places) -> None:
    running = [subprocess.Popen(INIT, stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(4)]
    ended = [(process.communicate(timeout=60)[1], process.returncode) for process in running]
    assert ended == [(b"", 0)] * 4
    assert main(["check"]) == 0
    assert not [name for name in files(places) if "latchwire-tmp" in name]


def test_killed_at_any_time_it_goes_on_where_it_stopped(places: Places) -> None:
    killer = (
        "import os, sys\nfrom latchwire.cli.main import main\nlast = int(sys.argv[1])\nplain = os.fsync\n"
        "def fsync(fd):\n    global last\n    last -= 1\n    if last == 0: os.kill(os.getpid(), 9)\n    plain(fd)\n"
        "os.fsync = fsync\nmain(['init'])\n"
    )
    for count in (1, 2, 3, 5, 7, 8, 9, 11, 14):
        killed = subprocess.run([sys.executable, "-c", killer, str(count)], capture_output=True, check=False)
        assert killed.returncode in (-signal.SIGKILL, 0)
    assert main(["init"]) == 0
    assert main(["check"]) == 0
    assert not [name for name in files(places) if "latchwire-tmp" in name]


def test_a_full_disk_is_told_with_its_cure_and_leaves_no_half_file(places: Places) -> None:
    limited = (
        "import errno, os, sys\nfrom latchwire.cli.main import main\n"
        "def full(fd): raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))\n"
        "os.fsync = full\nsys.exit(main(['init']))\n"
    )
    done = subprocess.run([sys.executable, "-c", limited], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "the disk is full; free some space and say it again, it goes on where it stopped" in done.stderr
    assert "Traceback" not in done.stderr
    assert files(places) == {}


def test_a_file_where_a_folder_should_be_is_told(places: Places, capsys: pytest.CaptureFixture[str]) -> None:
    places.state.mkdir(parents=True)
    (places.state / "keys").write_text("")
    assert main(["init"]) == 1
    assert "keys cannot be written: a file is where a folder should be; move it away" in capsys.readouterr().err


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere; run the tests as a user")
def test_a_folder_that_cannot_be_written_is_told(places: Places, capsys: pytest.CaptureFixture[str]) -> None:
    places.state.mkdir(parents=True)
    places.state.chmod(0o500)
    assert main(["init"]) == 1
    assert "you may not write there" in capsys.readouterr().err


def test_an_invalid_configuration_stops_it_and_is_told(places: Places, capsys: pytest.CaptureFixture[str]) -> None:
    main(["init"])
    change(places, devices={"gate": {"agent": "nobody", "kind": "lock"}})
    assert main(["init"]) == 1
    assert 'config.json: devices.gate.agent: "nobody" is no agent' in capsys.readouterr().err


@pytest.fixture
def mosquitto(places: Places, monkeypatch: pytest.MonkeyPatch, unused_port: int) -> Iterator[None]:
    """The real broker on what init made."""
    monkeypatch.setenv("BROKER_PORT", str(unused_port))
    main(["init"])
    with subprocess.Popen(
        ["mosquitto", "-c", "mosquitto.conf"], cwd=places.broker, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        try:
            for line in process.stderr:
                if re.search(r"mosquitto version .* running", line):
                    break
            yield
        finally:
            process.terminate()


@pytest.fixture
def unused_port() -> int:
    """A port of the loopback interface that was free a moment ago."""
    import socket  # noqa: PLC0415 - needed here only

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.usefixtures("mosquitto")
def test_mosquittos_own_clients_log_in_without_a_password_on_the_command_line(places: Places) -> None:
    environment = {**os.environ, "XDG_CONFIG_HOME": str(places.mosquitto)}
    topic = "latchwire/manual/status"
    said = subprocess.run(
        ["mosquitto_pub", "-t", topic, "-r", "-m", "hello"], env=environment, capture_output=True, check=False
    )
    assert (said.returncode, said.stderr) == (0, b"")
    heard = subprocess.run(
        ["mosquitto_sub", "-t", topic, "-C", "1", "-W", "5"], env=environment, capture_output=True, check=False
    )
    assert (heard.returncode, heard.stdout) == (0, b"hello\n")


def test_a_password_file_is_recognised_as_what_it_holds() -> None:
    from latchwire.cli.broker_files import password_file  # noqa: PLC0415 - beside its only use

    text = password_file({"a": "one", "b": "two"})
    assert making.holds(text, {"a": "one", "b": "two"})
    assert not making.holds(text, {"a": "one"})
    assert not making.holds(text, {"a": "one", "b": "other"})
    assert not making.holds("a:$7$x$y$z\nb:\n", {"a": "one", "b": "two"})
