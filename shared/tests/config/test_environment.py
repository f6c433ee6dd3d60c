"""Variables: one table, one file, and secrets that are read but never shown."""

import re
import subprocess
from pathlib import Path
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from latchwire.config import environment as env
from latchwire.config.examples import REAL_CREDENTIALS
from latchwire.config.places import Places, find
from latchwire.errors import ConfigurationError

TOP = Path(__file__).parents[3]


def test_the_example_and_the_documentation_are_made_from_the_table() -> None:
    cure = "python -m latchwire.config.environment > .env.example; … environment docs > docs/environment.md"
    assert (TOP / ".env.example").read_text() == env.example(), cure
    assert (TOP / "docs" / "environment.md").read_text() == env.documentation(), cure


READ: Final = re.compile(
    r"(?:environ(?:ment)?(?:\.get\(|\[)|getenv\(|variables\.get\(|(?:value|port|secret|_read)\([a-z_.]+, )"
    r'"([A-Z][A-Z0-9_]+)"'
)


def test_every_variable_that_some_code_reads_is_in_the_table() -> None:
    sources = [*TOP.glob("shared/src/**/*.py"), *TOP.glob("services/*/src/**/*.py")]
    read = {name: source.name for source in sources for name in READ.findall(source.read_text())}
    assert "LOG_LEVEL" in read  # the pattern finds them at all
    everybodys = {"NO_COLOR", "TERM"}  # conventions of all terminals, not ours
    known = {*everybodys, *env.VARIABLES, *(f"{name}_FILE" for name, row in env.VARIABLES.items() if row.secret)}
    assert {name: place for name, place in read.items() if name not in known} == {}


def test_the_credentials_that_forbid_example_people_are_in_the_table() -> None:
    assert {*REAL_CREDENTIALS} <= env.VARIABLES.keys()
    assert all(env.VARIABLES[name].secret for name in REAL_CREDENTIALS)


def test_the_example_sets_nothing(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text(env.example())
    assert env.read_env(file) == {}


def test_the_environment_wins_over_the_file_unless_it_is_empty(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.touch(mode=0o600)
    file.write_text("BROKER_PORT=1\nBROKER_HOST=file\nLOG_LEVEL=debug\n")
    found = env.environment(tmp_path, {"BROKER_PORT": "2", "BROKER_HOST": ""})
    assert found == {"BROKER_PORT": "2", "BROKER_HOST": "file", "LOG_LEVEL": "debug"}


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o602])
def test_a_file_that_others_can_use_is_not_used_and_the_cure_is_told(tmp_path: Path, mode: int) -> None:
    file = tmp_path / ".env"
    file.write_text("TWILIO_AUTH_TOKEN=secret-1\n")
    file.chmod(mode)
    with pytest.raises(ConfigurationError) as caught:
        env.environment(tmp_path, {})
    assert str(caught.value) == f".env: others can read it (mode {mode:04o}); type: chmod 600 {file}"
    file.chmod(0o600)
    assert env.environment(tmp_path, {}) == {"TWILIO_AUTH_TOKEN": "secret-1"}


LINES = '# a comment\n\nA=1\nexport B = two words # said\nC=\'as $it "is" # here\'\nD="a \\"b\\" \\\\ $c"\nE=\nF=a#b\n'


def test_a_file_of_variables_is_read_as_written(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(LINES)
    assert env.read_env(tmp_path / ".env") == {
        "A": "1",
        "B": "two words",
        "C": 'as $it "is" # here',
        "D": 'a "b" \\ $c',
        "E": "",
        "F": "a#b",
    }


def test_wrong_lines_are_all_told_without_what_they_hold(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("A=1\nhunter2\nA=2\nB='open\n")
    with pytest.raises(ConfigurationError) as caught:
        env.read_env(tmp_path / ".env")
    assert caught.value.problems == (
        '.env: line 2: not NAME=value; quote a value like NAME="two words"',
        ".env: line 3: A stands twice; keep one",
        '.env: line 4: not NAME=value; quote a value like NAME="two words"',
    )


@given(st.text(st.characters(codec="utf-8", exclude_categories=["C", "Zl", "Zp"]), max_size=30))
def test_a_value_that_was_written_is_read_again(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    if not text.isprintable():
        with pytest.raises(ConfigurationError):
            env.env_line("A", text)
        return
    file = tmp_path_factory.mktemp("env") / ".env"
    file.write_text(env.env_line("A", text))
    assert env.read_env(file) == {"A": text}


def test_a_plain_value_means_the_same_to_a_shell(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text(env.env_line("A", "it's $HOME; x") + env.env_line("B", "plain-1") + env.env_line("C", "a $b"))
    told = subprocess.run(
        ["sh", "-c", f'. {file}; printf "%s|%s" "$B" "$C"'], capture_output=True, text=True, check=True
    )
    assert told.stdout == "plain-1|a $b"


def test_a_misspelt_name_is_noticed(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("TWILO_AUTH_TOKEN=x\nMAGIQ_API_KEY_FILE=/run/secrets/key\n")
    assert env.unknown(tmp_path / ".env") == [
        '.env: TWILO_AUTH_TOKEN is read by nobody; did you mean "TWILIO_AUTH_TOKEN"?'
    ]


def test_names_of_a_service_of_somebody_s_own_are_its_own(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("SMART_PLUG_TOKEN=x\nQUITE_ANOTHER=y\n")
    assert env.unknown(tmp_path / ".env", ["smart-plug"]) == [".env: QUITE_ANOTHER is read by nobody"]


def test_a_secret_comes_from_the_variable_or_from_the_file_that_is_named(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("abc\n")
    assert env.secret({"MAGIQ_API_KEY": " k "}, "MAGIQ_API_KEY") == "k"
    assert env.secret({"MAGIQ_API_KEY_FILE": str(tmp_path / "token")}, "MAGIQ_API_KEY") == "abc"
    assert env.secret({}, "MAGIQ_API_KEY") == ""


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        ({"MAGIQ_API_KEY": "a", "MAGIQ_API_KEY_FILE": "b"}, "are both set; leave one of them"),
        ({"MAGIQ_API_KEY_FILE": "/nowhere/key"}, "/nowhere/key cannot be read: No such file or directory"),
        ({"MAGIQ_API_KEY_FILE": "/"}, "MAGIQ_API_KEY_FILE: / cannot be read: Is a directory"),
        ({"MAGIQ_API_KEY_FILE": "/dev/null"}, "MAGIQ_API_KEY_FILE: /dev/null is empty"),
        ({"MAGIQ_API_KEY": "hunter2\r\nHost: x"}, "there is a space or a strange character in it; copy it again"),
    ],
)
def test_a_secret_that_can_be_none_is_told_without_it(variables: dict[str, str], sentence: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        env.secret(variables, "MAGIQ_API_KEY")
    assert sentence in str(caught.value)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("text", ["0", "65536", "-1", "1.5", "port", "٣", "99999999999"])
def test_what_is_no_port_is_told(text: str) -> None:
    with pytest.raises(ConfigurationError, match=r"BROKER_PORT: .* is no port"):
        env.port({"BROKER_PORT": text}, "BROKER_PORT")


def test_a_key_file_that_others_can_read_is_not_used_and_the_cure_is_told(tmp_path: Path) -> None:
    places = Places(tmp_path)
    (tmp_path / "keys").mkdir()
    places.keys("omega").write_text(f"manual/1 omega {'0' * 64}\n")
    places.keys("omega").chmod(0o640)
    with pytest.raises(ConfigurationError) as caught:
        places.keyring("omega")
    assert str(caught.value) == (f"keys/omega: others can read it (mode 0640); type: chmod 600 {places.keys('omega')}")
    places.keys("omega").chmod(0o600)
    assert len(places.keyring("omega")) == 1


def test_the_state_folder_is_the_one_that_is_set_or_the_checkouts() -> None:
    assert find({"LATCHWIRE_STATE": "/somewhere"}).state == Path("/somewhere")
    assert find({}).state == TOP / "state"
