"""One state folder for Compose, ``make run`` and ``./latchwire``: whose its files are, and switching between them."""

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from support.broker import TOP, wait_until
from support.compose import Stack, complaints

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files to others: sudo make test-compose")


def strangers(stack: Stack) -> list[str]:
    """Files of the state folder that are not its owner's, or that others can read."""
    owner = stack.state.stat().st_uid
    paths = [stack.state, *stack.state.rglob("*")]
    return [
        str(path) for path in paths if path.lstat().st_uid != owner or (path.is_dir() and path.stat().st_mode & 0o77)
    ]


@contextmanager
def started(words: list[str], log: Path, **options: Any) -> Iterator[subprocess.Popen[bytes]]:
    """A program in a process group of its own, ended by SIGTERM to all of it."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            words, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True, **options
        )
    try:
        yield process
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(30)


def test_all_of_the_state_folder_is_its_owners_alone(stack: Stack) -> None:
    checkout = stack.folder.stat().st_uid
    assert stack.state.stat().st_uid == (checkout or 1000)
    assert strangers(stack) == []


def test_setup_overwrites_nothing(stack: Stack) -> None:
    before = {path: path.read_bytes() for path in stack.state.rglob("*") if path.is_file()}
    assert "Nothing was missing" in stack.latchwire("init").stdout
    assert {path: path.read_bytes() for path in before} == before


def test_make_run_takes_over_from_compose_and_compose_from_make_run(stack: Stack, tmp_path: Path) -> None:
    stack.latchwire("send", "front-door", "unlock")
    stack.compose("stop")
    settings = {**os.environ, **stack.environment, "LATCHWIRE_STATE": str(stack.state)}
    with started(["make", "run"], tmp_path / "log", cwd=TOP, env=settings):
        wait_until(lambda: "Latchwire runs." in (tmp_path / "log").read_text(), "make run is ready", 60.0)
        words = [str(TOP / ".venv" / "bin" / "latchwire"), "send", "front-door", "unlock"]
        done = subprocess.run(words, env=settings, check=False, capture_output=True, text=True)
        assert "UNLOCKED" in done.stdout, done.stdout + done.stderr
    stack.up()
    assert "UNLOCKED" in stack.latchwire("send", "front-door", "unlock").stdout
    assert strangers(stack) == []


def test_the_owner_of_the_state_folder_can_run_the_broker_of_make_run_after_compose(
    stack: Stack, tmp_path: Path
) -> None:
    owner = stack.state.stat()
    options: dict[str, Any] = {"cwd": stack.folder, "env": stack.environment}
    if os.geteuid() == 0:
        options |= {"user": owner.st_uid, "group": owner.st_gid, "extra_groups": ()}
    stack.compose("stop", "broker")
    try:
        with started(["scripts/broker"], tmp_path / "log", **options):
            wait_until(lambda: "running" in (tmp_path / "log").read_text(), "the broker runs", 20.0)
        assert complaints((tmp_path / "log").read_text()) == []  # of another version than the image's, mostly
    finally:
        stack.up()
    assert "UNLOCKED" in stack.latchwire("send", "front-door", "unlock").stdout


@as_root
def test_a_checkout_of_another_user_is_noticed_and_the_second_try_works(place: Path) -> None:
    other = Stack(folder=place / "of-another-user", project=f"latchwire-test-{os.getpid()}-other")
    try:
        for path in (other.folder, *other.folder.rglob("*")):
            os.chown(path, 4242, 4343, follow_symlinks=False)
        first = other.compose("up", "--detach", "--wait", check=False)
        assert first.returncode
        assert "type the same again" in other.log("setup")
        other.up()
        assert {other.inspect(service)["Config"]["User"] for service in ("relay-agent", "magiq-bridge")} == {
            "4242:4343"
        }
        assert strangers(other) == []
        assert other.state.stat().st_uid == 4242
        assert "UNLOCKED" in other.latchwire("send", "front-door", "unlock").stdout
    finally:
        other.close()


def test_init_takes_the_original_projects_file_over(stack: Stack, tmp_path: Path) -> None:
    original = tmp_path / "config.json"
    original.write_text(
        json.dumps({"allowedUsers": ["ada"], "hashtags": {"lock": "#x", "unlock": "#y", "toggle": "#z"}})
    )
    fresh = {**stack.environment, "LATCHWIRE_STATE": str(tmp_path / "state")}
    (tmp_path / "state").mkdir()
    try:
        done = stack.latchwire("init", "--from", str(original), env=fresh)
        assert "Taken over" in done.stdout
        assert "ada" in (tmp_path / "state" / "config" / "config.json").read_text()
    finally:
        shutil.rmtree(tmp_path / "state")
        stack.compose("run", "--rm", "--no-deps", "-T", "setup")  # the broker's volume is of the clone's state again
