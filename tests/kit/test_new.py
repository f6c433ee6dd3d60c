"""``latchwire new`` in a copy of the checkout: what it writes is whole, clean, at work, and in nobody's way."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pytest

from latchwire.cli.insertion import insert
from latchwire.cli.main import main
from latchwire.config.loading import parse
from support.broker import TOP
from support.home import Home

KINDS: Final = ("actuator", "observer", "ingress")
NAMES: Final = {"actuator": "tried-plug", "observer": "q", "ingress": "a-rather-long-name-for-it"}
"""The shortest and the longest name too: lines of the template change their length. None that a reader may have."""
HAS_COMPOSE: Final = (
    shutil.which("docker") is not None
    and subprocess.run(["docker", "compose", "version"], capture_output=True, check=False).returncode == 0
)


class Clone:
    """A copy of what git has or would have, and a state folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        listed = subprocess.run(
            ["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=TOP, capture_output=True, text=True, check=True
        )
        for name in filter(None, listed.stdout.split("\0")):
            if (TOP / name).is_file() and not (TOP / name).is_symlink():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(TOP / name, folder / name)

    @property
    def environment(self) -> Mapping[str, str]:
        """That programs see this copy, and not the checkout that is installed."""
        sources = [self.folder / "shared/src", *self.folder.glob("services/*/src"), self.folder / "tests"]
        kept = {name: value for name, value in os.environ.items() if name in {"PATH", "HOME", "LANG"}}
        path = ":".join(map(str, sources))
        return {**kept, "PYTHONPATH": path, "MYPYPATH": path, "LATCHWIRE_STATE": str(self.folder / "state")}

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", *command], cwd=self.folder, env=self.environment, capture_output=True, text=True,
            timeout=200, check=False,
        )  # fmt: skip

    def new(self, kind: str, name: str) -> subprocess.CompletedProcess[str]:
        return self.run("latchwire.cli.main", "new", kind, name)

    def files(self) -> dict[str, bytes]:
        """All that is there, but for logs and caches."""
        return {
            str(path.relative_to(self.folder)): path.read_bytes()
            for path in self.folder.rglob("*")
            if path.is_file() and not {"__pycache__", ".ruff_cache", ".mypy_cache"} & {*path.parts}
        }


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """A copy in which a service of each kind was made."""
    clone = Clone(tmp_path_factory.mktemp("clone"))
    for kind, name in NAMES.items():
        done = clone.new(kind, name)
        assert done.returncode == 0, done.stdout + done.stderr
        assert done.stderr == ""
        assert f"Made services/{name}" in done.stdout
    return clone


def test_what_is_made_passes_the_linter_the_formatter_and_the_lock_check(made: Clone) -> None:
    folders = [f"services/{name}" for name in NAMES.values()]
    for command in (["ruff", "check"], ["ruff", "format", "--check"]):
        done = made.run(*command, *folders)
        assert done.returncode == 0, done.stdout + done.stderr
    done = subprocess.run(
        [sys.executable, "scripts/locks.py", "check"], cwd=made.folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_what_is_made_is_typed_as_strictly_as_the_rest(made: Clone) -> None:
    done = made.run("mypy", *(f"services/{name}" for name in NAMES.values()))
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("kind", KINDS)
def test_its_own_tests_pass_against_a_real_broker(made: Clone, kind: str) -> None:
    done = made.run("pytest", "-q", "-p", "no:cacheprovider", f"services/{NAMES[kind]}")
    assert done.returncode == 0, done.stdout + done.stderr
    assert " passed" in done.stdout


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_of_the_template_s_name_is_left(made: Clone, kind: str) -> None:
    folder = made.folder / "services" / NAMES[kind]
    for path in (path for path in folder.rglob("*") if path.is_file() and path.suffix != ".pyc"):
        text = str(path.relative_to(made.folder)) + path.read_text()
        for word in (f"my-{kind}", f"my_{kind}", f"My{kind.capitalize()}", f"MY_{kind.upper()}"):
            assert word not in text, path


def test_its_configuration_keys_and_login_are_there_and_check_is_content(made: Clone) -> None:
    config = json.loads((made.folder / "state/config/config.json").read_text())
    assert config["agents"]["tried-plug"] == {"type": "tried-plug", "runs": "simulated"}
    assert config["devices"]["tried-plug-device"] == {"agent": "tried-plug", "kind": "switch"}
    assert config["observers"] == {NAMES["observer"]: {}}
    assert config["ingresses"] == {NAMES["ingress"]: {}}
    for name in NAMES.values():
        assert (made.folder / "state/logins" / name).stat().st_mode & 0o777 == 0o600
        assert f"\nuser {name}\n" in (made.folder / "state/broker/acl").read_text() or name == "tried-plug"
    ring = (made.folder / "state/keys/tried-plug").read_text()
    assert f"{NAMES['ingress']}/1 tried-plug " in ring
    done = made.run("latchwire.cli.main", "check")
    assert done.returncode == 0, done.stdout + done.stderr


def test_make_run_starts_it(made: Clone) -> None:
    code = "import run_all; from pathlib import Path; print(sorted(run_all.processes_of(Path())))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=made.folder, capture_output=True, text=True, check=True,
        env={**made.environment, "PYTHONPATH": f"{made.environment['PYTHONPATH']}:{made.folder / 'scripts'}"},
    )  # fmt: skip
    assert {*NAMES.values(), "broker", "relay-agent"} <= set(json.loads(done.stdout.replace("'", '"')))


def test_what_was_written_in_config_json_stays_as_it_was_written(made: Clone) -> None:
    before = (TOP / "config.example.json").read_text().splitlines()
    after = (made.folder / "state/config/config.json").read_text().splitlines()
    lost = [line for line in before if line not in after and f"{line}," not in after]
    assert lost == []


@pytest.mark.parametrize(
    ("kind", "name", "told"),
    [
        ("actuator", "Garage Door", "can be no service's name: 1 to 25 small letters and digits, a letter first"),
        ("actuator", "Garage Door", "as garage-door"),
        ("actuator", "", "can be no service's name"),
        ("actuator", "9", "as smart-plug"),
        ("observer", "x" * 26, "can be no service's name"),
        ("observer", "../x", "as x"),
        ("actuator", "relay-agent", "services/relay-agent is there already, and is left as it is"),
        ("ingress", "tried-plug", "services/tried-plug is there already"),
        ("observer", "broker", "broker is the name of a part of Latchwire"),
        ("actuator", "cloudflared", "cloudflared is the name of a part of Latchwire"),
        ("actuator", "omega", "config.json: agents.omega is there already; choose another name"),
        ("ingress", "twitter", "config.json: ingresses.twitter is there already"),
        ("observer", "light", "config.json: devices.light is there already"),
    ],
)
def test_a_name_that_cannot_be_is_told_with_the_cure_and_nothing_is_written(
    made: Clone, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], kind: str, *, name: str, told: str
) -> None:
    before = made.files()
    monkeypatch.chdir(made.folder)
    monkeypatch.setenv("LATCHWIRE_STATE", str(made.folder / "state"))
    assert main(["new", kind, name]) == 1
    said = capsys.readouterr()
    assert told in said.err
    assert said.out == ""
    assert made.files() == before


def test_its_compose_entry_is_like_that_of_a_shipped_service(made: Clone) -> None:
    text = (made.folder / "docker-compose.yml").read_text()
    shipped = re.search(r"(?m)^  magiq-bridge:\n(?:    .*\n)+", text)
    assert shipped is not None
    for name in NAMES.values():
        assert shipped[0].replace("magiq-bridge", name) in text
    assert (
        text.replace("".join(shipped[0].replace("magiq-bridge", name) for name in reversed(NAMES.values())), "")
        == (TOP / "docker-compose.yml").read_text()
    )


@pytest.mark.skipif(not HAS_COMPOSE, reason="there is no `docker compose` here; install its plugin")
def test_compose_reads_its_file(made: Clone) -> None:
    done = subprocess.run(
        ["docker", "compose", "config", "--services"], cwd=made.folder, capture_output=True, text=True, check=False
    )
    assert {*NAMES.values()} <= set(done.stdout.split()), done.stderr


def test_in_a_folder_without_anything_it_makes_what_is_missing_first(tmp_path: Path) -> None:
    clone = Clone(tmp_path)
    assert not (tmp_path / "state").exists()
    assert clone.new("actuator", "tried-plug").returncode == 0
    assert (tmp_path / "state/keys/omega").exists()


def test_outside_of_a_checkout_it_says_what_to_do(home: Home, tmp_path: Path) -> None:
    for name in ("broker/mosquitto.conf", "config.example.json"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(TOP / name, tmp_path / name)
    done = subprocess.run(
        [sys.executable, "-m", "latchwire.cli.main", "new", "actuator", "garage"], cwd=tmp_path, text=True,
        env=home.environment(), capture_output=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (1, "")
    assert "writes into a checkout of Latchwire, and this is none" in done.stderr


MINE: Final = '{"agents": {}, "devices":{}, "people": {"owner": {"manual": true, "may": "*"}}}'


@pytest.mark.parametrize("text", [MINE, MINE.replace(" ", "\n\t"), (TOP / "config.example.json").read_text()])
def test_an_entry_comes_into_a_file_however_it_is_written(text: str) -> None:
    expected = json.loads(text)
    expected["agents"]["garage"] = {"type": "garage", "runs": "here"}
    expected["observers"] = {"diary": {}, "other": {}}
    text = insert(text, "agents", "garage", {"type": "garage", "runs": "here"})
    text = insert(insert(text, "observers", "diary", {}), "observers", "other", {})
    assert json.loads(text) == expected
    assert parse(text.encode()).observers.keys() == {"diary", "other"}
