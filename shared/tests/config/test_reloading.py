"""A changed file is in force at the next question; an invalid one never is."""

import json
import logging
from pathlib import Path

import pytest

from latchwire.config import schema
from latchwire.config.loading import load
from latchwire.config.reloading import Reloading
from latchwire.errors import ConfigurationError


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "config.json"
    path.write_text(schema.example())
    return path


def without_john() -> str:
    document = json.loads(schema.example())
    del document["people"]["john"]
    return json.dumps(document)


def test_a_person_taken_out_is_gone_at_the_next_question(file: Path) -> None:
    reloading = Reloading(file)
    assert "john" in reloading.current().people
    file.write_text(without_john())
    assert "john" not in reloading.current().people


def test_an_editor_that_saves_by_renaming_is_seen(file: Path) -> None:
    reloading = Reloading(file)
    other = file.with_name("config.json~")
    other.write_text(without_john())
    other.replace(file)
    assert "john" not in reloading.current().people


def test_an_unchanged_file_is_not_read_again(file: Path) -> None:
    reloading = Reloading(file)
    assert reloading.current() is reloading.current()


@pytest.mark.parametrize("content", ['{"agents": ', "", None])
def test_an_invalid_file_is_told_once_and_the_old_stays_in_force(
    file: Path, content: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    reloading = Reloading(file)
    if content is None:
        file.unlink()
    else:
        file.write_text(content)
    with caplog.at_level(logging.ERROR):
        for _ in range(3):
            assert "john" in reloading.current().people
    assert len(reloading.problems) == 1
    assert [record.getMessage() for record in caplog.records] == [
        reloading.problems[0],
        "The configuration is not valid; the one from before stays in force.",
    ]
    file.write_text(without_john())
    assert "john" not in reloading.current().people
    assert not reloading.problems


def test_an_invalid_file_at_the_start_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError):
        Reloading(tmp_path / "config.json")


def test_who_looks_again_at_the_same_file_does_not_check_it_again(file: Path) -> None:
    """A service looks every few seconds, and hundreds of people take a second to check."""
    first = load(file)
    assert load(file) is first
    file.write_text(without_john())
    assert "john" not in load(file).people
