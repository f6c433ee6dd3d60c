"""A service sleeps until a file that it reads has changed, and looks by itself where nothing would tell it."""

import select
from collections.abc import Iterator
from pathlib import Path

import pytest

from latchwire.service.watching import Watch, watch

LOCAL = "tmpfs / tmpfs rw 0 0\n"


@pytest.fixture
def mounts(tmp_path: Path) -> Path:
    file = tmp_path / "mounts"
    file.write_text(LOCAL)
    return file


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "config"
    made.mkdir()
    return made


@pytest.fixture
def watching(folder: Path, mounts: Path) -> Iterator[Watch]:
    found = watch([folder], mounts)
    assert found is not None
    yield found
    found.close()


def tells(watching: Watch, seconds: float = 5.0) -> bool:
    told = bool(select.select([watching.fileno()], [], [], seconds)[0])
    watching.clear()
    return told


def test_it_is_told_of_a_file_that_is_rewritten(watching: Watch, folder: Path) -> None:
    (folder / "config.json").write_text("{}")
    assert tells(watching)
    assert not tells(watching, 0.0), "it was told once"
    (folder / "config.json").write_text("{ }")
    assert tells(watching)


def test_it_is_told_of_a_file_that_an_editor_saves_by_renaming(watching: Watch, folder: Path) -> None:
    new = folder.parent / "new"
    new.write_text("{}")
    new.replace(folder / "config.json")
    assert tells(watching)


def test_it_is_told_of_a_mode_that_changes_and_of_a_file_that_goes(watching: Watch, folder: Path) -> None:
    file = folder / "keyring"
    file.touch()
    assert tells(watching)
    file.chmod(0o600)
    assert tells(watching)
    file.unlink()
    assert tells(watching)


def test_reading_is_no_change(watching: Watch, folder: Path) -> None:
    (folder / "config.json").write_text("{}")
    assert tells(watching)
    assert (folder / "config.json").read_text() == "{}"
    assert not tells(watching, 0.0)


def test_a_folder_that_comes_later_or_again_is_watched_from_the_next_look_on(mounts: Path, tmp_path: Path) -> None:
    later = tmp_path / "later"
    found = watch([tmp_path, later], mounts)
    assert found is not None
    for _ in range(2):
        later.mkdir()
        assert tells(found)
        assert found.renew()
        (later / "file").touch()
        assert tells(found)
        (later / "file").unlink()
        later.rmdir()
        assert tells(found)


@pytest.mark.parametrize("kind", ["nfs4", "9p", "virtiofs", "fuse.sshfs", "cifs", "vboxsf"])
def test_a_file_system_that_another_machine_writes_to_is_looked_at_instead(
    kind: str, mounts: Path, folder: Path
) -> None:
    mounts.write_text(f"{LOCAL}host {folder} {kind} rw 0 0\n")
    assert watch([folder], mounts) is None
    mounts.write_text(f"{LOCAL}host {folder}/elsewhere {kind} rw 0 0\n")
    assert watch([folder], mounts) is not None


def test_without_the_list_of_mounts_nothing_is_relied_on(tmp_path: Path) -> None:
    assert watch([tmp_path], tmp_path / "missing") is None
