"""What a service remembers: whole or not at all, and its owner's alone."""

import json
from pathlib import Path

import pytest

from latchwire.errors import ConfigurationError
from latchwire.kit.memory import MOST_BYTES, Memory


def test_what_was_written_is_read_again_by_the_next_process(tmp_path: Path) -> None:
    Memory(tmp_path / "diary.json").write({"pages": 3})
    assert Memory(tmp_path / "diary.json").read() == {"pages": 3}
    assert (tmp_path / "diary.json").stat().st_mode & 0o077 == 0
    assert [path.name for path in tmp_path.iterdir()] == ["diary.json"]


@pytest.mark.parametrize("text", ["", "{", "[1]", '"text"', "[" * 100_000, json.dumps({"a": "b" * MOST_BYTES})])
def test_what_cannot_be_read_is_nothing(tmp_path: Path, text: str) -> None:
    path = tmp_path / "diary.json"
    assert Memory(path).read() == {}
    path.write_text(text)
    assert Memory(path).read() == {}


def test_a_crash_while_it_is_written_leaves_what_was(tmp_path: Path) -> None:
    memory = Memory(tmp_path / "diary.json")
    memory.write({"pages": 3})
    with pytest.raises(TypeError):
        memory.write({"pages": object()})
    assert memory.read() == {"pages": 3}


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"nowhere/diary.json cannot be written: No such file"):
        Memory(tmp_path / "nowhere" / "diary.json").write({})
