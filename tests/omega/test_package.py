"""What is copied to an Omega: only what the agent reaches, the same bytes each time, a package as OpenWrt makes it.

OpenWrt's own ipkg-build is not here. What is checked is its layout as its source and finished packages show it, with a
reader that shares nothing with our writer: GNU tar and gzip.
"""

import gzip
import hashlib
import os
import subprocess
import sys
import zipfile
from io import BytesIO
from pathlib import Path

import pytest
from omega_package.archive import PACKAGES, reached
from omega_package.closure import closure

TOP = Path(__file__).parents[2]


def build(folder: Path, top: Path = TOP, **variables: str) -> dict[str, Path]:
    environment = {**os.environ, "PYTHONPATH": str(top / "scripts"), **variables}
    subprocess.run([sys.executable, "-m", "omega_package", str(folder)], check=True, env=environment, cwd=top)
    return {path.name.partition(".")[0].partition("_")[0] + path.suffix: path for path in folder.iterdir()}


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return build(tmp_path_factory.mktemp("dist"))


@pytest.fixture(scope="module")
def unpacked(dist: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("unpacked")
    subprocess.run(["tar", "xzf", dist["relay-agent.ipk"], "-C", folder], check=True)
    return folder


def listed(archive: Path) -> list[list[str]]:
    """Mode, owner, size, date, time and name of each member, as GNU tar tells them."""
    told = subprocess.run(["tar", "--utc", "-tvzf", archive], check=True, capture_output=True, text=True).stdout
    return [line.split(maxsplit=5) for line in told.splitlines()]


def test_another_folder_user_time_and_umask_give_the_same_bytes(dist: dict[str, Path], tmp_path: Path) -> None:
    copy = tmp_path / "elsewhere"
    tracked = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=TOP, check=True, capture_output=True)
    for name in tracked.stdout.decode().split("\n"):
        if name.startswith(("scripts/omega_package", "shared/", "services/relay-agent")) and (TOP / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            (copy / name).write_bytes((TOP / name).read_bytes())
            (copy / name).chmod(0o600)
    again = build(tmp_path / "dist", copy, TZ="Asia/Tokyo", PYTHONHASHSEED="7", LANG="C")
    for name, path in dist.items():
        assert hashlib.sha256(path.read_bytes()).digest() == hashlib.sha256(again[name].read_bytes()).digest(), name


def test_the_archive_holds_what_the_agent_imports_and_nothing_else(dist: dict[str, Path]) -> None:
    with zipfile.ZipFile(dist["relay-agent.pyz"]) as outer:
        assert sorted(outer.namelist()) == ["__main__.py", "compiling.py", "sources.zip"]
        inner = zipfile.ZipFile(BytesIO(outer.read("sources.zip")))
    names = {name.removesuffix(".py").removesuffix("/__init__").replace("/", ".") for name in inner.namelist()}
    assert names == set(reached(TOP).files)
    for unwanted in (
        "latchwire.cli",
        "latchwire.sender",
        "latchwire.config.home",
        "latchwire.config.schema",
        "jsonschema",
    ):
        assert not any(name == unwanted or name.startswith(f"{unwanted}.") for name in names)
    assert "latchwire_relay_agent.beside" not in names
    assert {name.partition(".")[0] for name in names} <= PACKAGES


def test_a_closure_follows_each_way_to_import(tmp_path: Path) -> None:
    for name, text in {
        "a/__init__.py": "",
        "a/start.py": "from typing import TYPE_CHECKING\nfrom a import b\nif TYPE_CHECKING:\n    import a.never\n",
        "a/b.py": "def f():\n    from .c import d\n    import os.path, other\n",
        "a/c.py": "try:\n    import a.e as e\nexcept ImportError:\n    e = None\n",
        "a/e.py": "import foreign\n",
        "a/never.py": "",
        "foreign.py": "",
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    found = closure("a.start", [tmp_path], frozenset(("a",)))
    assert set(found.files) == {"a", "a.start", "a.b", "a.c", "a.e"}
    assert found.others == {"typing", "os.path", "other", "foreign"}


def test_the_package_is_a_gzipped_tar_of_three_in_their_order(dist: dict[str, Path]) -> None:
    members = listed(dist["relay-agent.ipk"])
    assert [member[5] for member in members] == ["./debian-binary", "./data.tar.gz", "./control.tar.gz"]
    assert gzip.decompress(dist["relay-agent.ipk"].read_bytes())[257:265] == b"ustar  \0", "GNU tar, not POSIX"


def test_no_archive_in_it_tells_who_made_it_or_when(dist: dict[str, Path], unpacked: Path) -> None:
    for archive in (dist["relay-agent.ipk"], unpacked / "data.tar.gz", unpacked / "control.tar.gz"):
        head = archive.read_bytes()[:10]
        assert (head[3], head[4:8]) == (0, b"\0\0\0\0"), "gzip -n: no name, no time"
        members = listed(archive)
        assert {tuple(member[1:2] + member[3:5]) for member in members} == {("0/0", "1970-01-01", "00:00")}
        names = [member[5] for member in members]
        assert all(name.startswith("./") for name in names)
        if archive.name != dist["relay-agent.ipk"].name:
            assert names == sorted(names)
            assert names[0] == "./"
    assert (unpacked / "debian-binary").read_text() == "2.0\n"


def test_programs_may_run_and_configuration_is_declared(unpacked: Path) -> None:
    modes = {member[5]: member[0] for member in listed(unpacked / "data.tar.gz")}
    assert {name for name, mode in modes.items() if mode == "-rwxr-xr-x"} == {
        "./etc/init.d/relay-agent",
        "./usr/bin/relay-agent",
    }
    assert set(modes.values()) == {"drwxr-xr-x", "-rwxr-xr-x", "-rw-r--r--"}
    control = {member[5]: member[0] for member in listed(unpacked / "control.tar.gz")}
    assert {name for name, mode in control.items() if mode == "-rwxr-xr-x"} == {
        "./postinst", "./postinst-pkg", "./prerm", "./postrm",
    }  # fmt: skip
    subprocess.run(["tar", "xzf", "control.tar.gz"], cwd=unpacked, check=True)
    for line in (unpacked / "conffiles").read_text().split():
        assert f".{line}" in modes


def test_control_names_version_size_and_dependencies(dist: dict[str, Path], unpacked: Path) -> None:
    subprocess.run(["tar", "xzf", "control.tar.gz"], cwd=unpacked, check=True)
    fields = dict(
        line.split(": ", 1) for line in (unpacked / "control").read_text().splitlines() if not line.startswith(" ")
    )
    assert fields["Package"] == "relay-agent"
    assert f"relay-agent_{fields['Version']}_{fields['Architecture']}.ipk" == dist["relay-agent.ipk"].name
    assert int(fields["Installed-Size"]) == sum(int(member[2]) for member in listed(unpacked / "data.tar.gz"))
    assert fields["Depends"].split(", ") == ["python3-light", "python3-ctypes", "python3-logging", "python3-openssl"]
