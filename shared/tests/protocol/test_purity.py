"""The security core is pure: it can read no clock, file, socket or random number, and compares signatures one way."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import latchwire
import latchwire.protocol

SOURCE = Path(latchwire.__file__).parent
CORE = SOURCE / "protocol"
ALLOWED = {"binascii", "collections.abc", "enum", "functools", "hmac", "json", "math", "operator", "re", "typing"}
CALLS = {"open", "print", "input", "exec", "eval", "compile", "__import__", "breakpoint"}


def imports(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield node.module or ""


def path_of(module: str) -> Path:
    whole = SOURCE.parent.joinpath(*module.split("."))
    return whole / "__init__.py" if whole.is_dir() else whole.with_suffix(".py")


def reached() -> dict[str, ast.Module]:
    """Every module of ours that the core reaches, itself included, with its syntax tree."""
    found: dict[str, ast.Module] = {}
    waiting = [f"latchwire.protocol.{path.stem}" for path in CORE.glob("*.py") if path.stem != "__init__"]
    waiting.append("latchwire.protocol")
    while waiting:
        module = waiting.pop()
        if module not in found:
            found[module] = ast.parse(path_of(module).read_text())
            waiting += [name for name in imports(found[module]) if name.startswith("latchwire")]
    return found


REACHED = reached()


def test_the_core_reaches_only_its_words() -> None:
    outside = {name for name in REACHED if not name.startswith("latchwire.protocol")}
    assert outside == {"latchwire.errors", "latchwire.model", "latchwire.topics"}
    assert len(REACHED) >= 9


@pytest.mark.parametrize("module", sorted(REACHED))
def test_it_imports_no_clock_file_socket_thread_or_random_number(module: str) -> None:
    assert {name for name in imports(REACHED[module]) if not name.startswith("latchwire")} <= ALLOWED


@pytest.mark.parametrize("module", sorted(REACHED))
def test_it_calls_nothing_that_reads_or_writes(module: str) -> None:
    called = {node.func.id for node in ast.walk(REACHED[module])
              if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}  # fmt: skip
    assert not called & CALLS


def everything() -> list[Path]:
    folders = [SOURCE, *sorted((SOURCE.parents[2] / "services").glob("*/src"))]
    return [path for folder in folders for path in sorted(folder.rglob("*.py"))]


def attributes(path: Path) -> Iterator[str]:
    """Every ``module.name`` that stands in it."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            yield f"{node.value.id}.{node.attr}"


def test_signatures_are_made_in_one_module_and_compared_there_in_constant_time() -> None:
    making = {path for path in everything() if {"hmac.digest", "hmac.new"} & set(attributes(path))}
    assert {path for path in making if path.is_relative_to(SOURCE)} == {CORE / "token.py"}
    assert list(attributes(CORE / "token.py")).count("hmac.compare_digest") == 1


def test_a_signature_is_never_compared_by_equality() -> None:
    for path in everything():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Compare):
                named = {
                    getattr(part, "attr", None) or getattr(part, "id", None)
                    for side in (node.left, *node.comparators)
                    for part in ast.walk(side)
                }
                assert not {"signature", "secret"} & named, f"{path.name}: {ast.unparse(node)}"
