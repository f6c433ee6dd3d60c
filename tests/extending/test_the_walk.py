"""docs/extending.md, from its first line to its last, in an empty folder, by somebody who does just what it says.

The page's blocks say what they are: ``sh`` is typed, ``sh again`` is typed until it prints what the page says (for a
minute at most, where something takes its time), ``sh first-terminal`` stays there until the next such block comes
(then Ctrl-C is pressed), ``sh fails`` is to fail, ``python FILE`` is written, and each line of ``output`` is in what
the block before it printed. ``.venv`` is a copy of this checkout's, so that nothing is downloaded again.
"""

import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

import pytest

from support.broker import TOP, free_port, wait_until

PAGE: Final = TOP / "docs/extending.md"
_BLOCK: Final = re.compile(r"^```(\w+)([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_READY: Final = "Latchwire runs."


class Block(NamedTuple):
    """One block of the page."""

    kind: str
    about: str
    text: str


def blocks(text: str) -> list[Block]:
    """The blocks of a page, in order."""
    return [Block(match[1], match[2].strip(), match[3]) for match in _BLOCK.finditer(text)]


class Reader:
    """Somebody who does what the page says.

    Args:
        folder: an empty one.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._first: subprocess.Popen[bytes] | None = None
        self._log = folder / "first-terminal.log"
        ports = {name: str(free_port()) for name in ("BROKER_PORT", "WEBHOOK_PORT", "DEMO_X_PORT")}
        kept = {name: value for name, value in os.environ.items() if name in {"PATH", "HOME", "LANG"}}
        self._environment: Mapping[str, str] = {**kept, **ports}
        self._said = self._again = ""

    @property
    def checkout(self) -> Path:
        """Where the page's first line leads."""
        return self._folder / "latchwire"

    def do(self, block: Block) -> None:
        """Does what one block says."""
        match block.kind, block.about:
            case "sh", "first-terminal":
                self._run_on(block.text)
            case "sh", "again":
                self._again = block.text  # typed where the next block says what to wait for
            case "sh", about:
                self._type(block.text, fails=about == "fails")
            case "python", file:
                assert (self.checkout / file).is_file(), f"{file} is to be replaced, and is not there"
                (self.checkout / file).write_text(block.text)
            case "output", "":
                self._expect(block.text.splitlines())
            case other:
                raise AssertionError(f"nobody knows what to do with {other}")

    def _expect(self, lines: list[str]) -> None:
        def is_said() -> bool:
            return all(line in self._said for line in lines)

        if text := self._again:
            self._again = ""
            with suppress(AssertionError):  # told below, with what was said
                wait_until(lambda: self._run(text) == 0 and is_said(), text, 60)
        assert is_said(), f"not said: {lines}\nbut: {self._said}\n{self.log}"

    @property
    def log(self) -> str:
        """What stands in the first terminal."""
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    def _type(self, text: str, *, fails: bool) -> None:
        cloning = not self.checkout.exists()
        status = self._run(text)
        assert (status != 0) is fails, f"{text}\n{self._said}\n{self.log}"
        if cloning:
            copy_virtual_environment(TOP / ".venv", self.checkout / ".venv")

    def _run(self, text: str) -> int:
        """The exit status."""
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", text.replace("REPOSITORY", str(TOP))],
            cwd=self.checkout if self.checkout.exists() else self._folder, env=self._environment, timeout=120,
            text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, check=False,
        )  # fmt: skip
        self._said = done.stdout
        return done.returncode

    def _run_on(self, text: str) -> None:
        self.press_ctrl_c()
        self._log.write_bytes(b"")
        with self._log.open("ab") as log:
            self._first = subprocess.Popen(
                ["bash", "-c", f"exec {text.strip()}"], cwd=self.checkout, env=self._environment,
                stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True,
            )  # fmt: skip
        process = self._first
        wait_until(lambda: _READY in self.log or process.poll() is not None, f"it runs:\n{self.log}", 100)
        assert process.poll() is None, self.log

    def press_ctrl_c(self) -> None:
        """Ends what runs in the first terminal."""
        if self._first is not None:
            os.killpg(self._first.pid, signal.SIGINT)
            self._first.wait(30)
            self._first = None


def copy_virtual_environment(source: Path, target: Path) -> None:
    """A virtual environment at another place: by links where that can be, and its programs with their new place."""

    def link(one: str, other: str) -> None:
        try:
            os.link(one, other)
        except OSError:
            shutil.copy2(one, other)

    shutil.copytree(source, target, symlinks=True, copy_function=link, ignore=shutil.ignore_patterns("__pycache__"))
    for program in (target / "bin").iterdir():
        if program.is_file() and not program.is_symlink():
            content, mode = program.read_bytes(), program.stat().st_mode
            if str(source).encode() in content:
                program.unlink()
                program.write_bytes(content.replace(str(source).encode(), str(target).encode()))
                program.chmod(mode)


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    reader = Reader(tmp_path)
    yield reader
    reader.press_ctrl_c()


def taken() -> str:
    """Services that git has here by the names that the page takes."""
    services = [f"services/{name}" for name in re.findall(r"latchwire new \w+ (\w+)", PAGE.read_text("utf-8"))]
    return subprocess.run(["git", "ls-files", *services], cwd=TOP, capture_output=True, text=True, check=True).stdout


@pytest.mark.skipif(not (TOP / ".git").exists(), reason="this is no checkout that could be cloned")
@pytest.mark.skipif((TOP / ".git").exists() and bool(taken()), reason="you have services of these names yourself")
def test_from_an_empty_folder_to_a_working_subscriber(reader: Reader) -> None:
    for block in blocks(PAGE.read_text("utf-8")):
        reader.do(block)


def test_the_page_has_the_walk_in_it() -> None:
    found = blocks(PAGE.read_text("utf-8"))
    assert found[0].text.startswith("git clone ")
    assert sum(block.about == "first-terminal" for block in found) >= 3
    assert sum(block.kind == "output" for block in found) >= 8
