"""Which modules a program reaches: the closure of its import statements, read from the sources without running them.

Imports inside functions count, those under ``if TYPE_CHECKING`` do not. Modules outside the given folders (the standard
library) are collected by name, for the test that compares them with what OpenWrt's packages bring.
"""

import ast
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple


class Closure(NamedTuple):
    """What was reached: the files of our modules by module name, and the names of all others."""

    files: dict[str, Path]
    others: frozenset[str]


def closure(start: str, folders: Sequence[Path], packages: frozenset[str]) -> Closure:
    """All that the module ``start`` imports, and what that imports, and the rest by name.

    Args:
        start: a module.
        folders: where our modules are.
        packages: the first parts of the names that are ours, for ``folders`` may hold others too.

    Raises:
        LookupError: ``start`` is in none of the folders.
    """
    files: dict[str, Path] = {}
    others: set[str] = set()
    waiting = [start]
    while waiting:
        name = waiting.pop()
        if name in files:
            continue
        path = find(name, folders) if name.partition(".")[0] in packages else None
        if path is None:
            others.add(name)
            continue
        files[name] = path
        if "." in name:
            waiting.append(name.rpartition(".")[0])
        waiting.extend(imported(path, name, folders))
    if start not in files:
        raise LookupError(f"no module {start} in {', '.join(map(str, folders))}")
    return Closure(dict(sorted(files.items())), frozenset(others))


def find(name: str, folders: Sequence[Path]) -> Path | None:
    """The file of a module, or ``None`` if it is in none of the folders."""
    for folder in folders:
        base = folder.joinpath(*name.split("."))
        for path in (base / "__init__.py", base.with_name(f"{base.name}.py")):
            if path.is_file():
                return path
    return None


def imported(path: Path, name: str, folders: Sequence[Path]) -> Iterator[str]:
    """The names that a file's import statements mean, absolute; ``from a import b`` gives ``a.b`` if it is one."""
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    for node in _nodes(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*above, *filter(None, [node.module])])
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names if find(f"{base}.{alias.name}", folders))


def _nodes(tree: ast.AST) -> Iterator[ast.AST]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) in {"TYPE_CHECKING", "typing.TYPE_CHECKING"}:
            for other in node.orelse:
                yield other
                yield from _nodes(other)
            continue
        yield node
        yield from _nodes(node)
