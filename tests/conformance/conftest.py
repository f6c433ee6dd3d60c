"""The programs under test: the kit, the two examples, or the one that the variable ``AGENT`` names.

Each is started with ``LATCHWIRE_BUNDLE``, the folder that ``latchwire bundle shelf`` makes (docs/other-languages.md).
"""

import os
import shlex
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import pytest

from support.broker import TOP
from support.shelf import Shelf

OURS: Final = {
    "python": [sys.executable, str(Path(__file__).parent / "agents/python_lamp.py")],
    "javascript": ["node", str(TOP / "examples/javascript/lamp.js")],
    "shell": ["sh", str(TOP / "examples/shell/lamp.sh")],
}
PROGRAMS: Final = {"yours": shlex.split(os.environ["AGENT"])} if os.environ.get("AGENT") else OURS


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "whole: what examples/shell leaves out; a program for use has it")


def lacking(name: str) -> str:
    """What this machine has not got for one of our programs, and what to type; "" if it can run."""
    if name == "javascript" and shutil.which("node") is None:
        return "node is not installed; where its version is 20 or newer type: apt-get install nodejs npm"
    if name == "javascript" and not (TOP / "examples/javascript/node_modules").is_dir():
        return "its libraries are not installed; type: npm ci --prefix examples/javascript"
    if name == "shell" and shutil.which("openssl") is None:
        return "openssl is not installed; type: apt-get install openssl"
    return ""


@pytest.fixture(scope="session", params=PROGRAMS)
def program(request: pytest.FixtureRequest) -> str:
    """One of the programs, by its name."""
    name: str = request.param
    if reason := lacking(name):
        pytest.skip(reason)
    return name


@pytest.fixture(autouse=True)
def left_out(request: pytest.FixtureRequest, program: str) -> None:
    """Skips for the shell what it leaves out by intention."""
    if program == "shell" and request.node.get_closest_marker("whole"):
        pytest.skip("the shell program leaves this out, see docs/other-languages.md")


@pytest.fixture(scope="session")
def shelf(program: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shelf]:
    """A household with the program at work, for many tests: each uses commands of its own."""
    folder = tmp_path_factory.mktemp(program)
    with Shelf(folder=folder, command=PROGRAMS[program], obeys=program != "shell") as made:
        made.start()
        yield made


@pytest.fixture
def make_shelf(program: str, tmp_path: Path) -> Iterator[Callable[..., Shelf]]:
    """Makes households of the test's own; their program is not started yet."""
    with ExitStack() as running:
        count = 0

        def make(**options: Any) -> Shelf:
            nonlocal count
            count += 1
            folder = tmp_path / f"shelf-{count}"
            made = Shelf(folder=folder, command=PROGRAMS[program], obeys=program != "shell", **options)
            return running.enter_context(made)

        yield make
