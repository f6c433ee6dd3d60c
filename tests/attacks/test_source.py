"""What must not stand in the source, whoever writes it: looked for in the syntax tree of every module of ours."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.broker import TOP

MODULES = sorted([*(TOP / "shared/src").rglob("*.py"), *TOP.glob("services/*/src/**/*.py")])
SECRET_WORDS = {"signature", "secret", "password", "token", "mac", "hmac", "digest", "expected_signature", "pin", "key"}
"""Names of what is compared with ``hmac.compare_digest`` or looked up, and never with ``==``."""
NEVER_CALLED = {
    "eval", "exec", "compile", "__import__", "os.system", "os.popen", "pickle.loads", "pickle.load", "marshal.loads",
    "yaml.load", "shelve.open", "tempfile.mktemp", "random.random", "random.choice", "random.randint",
    "random.getrandbits", "hashlib.md5", "hashlib.sha1", "ssl._create_unverified_context",
}  # fmt: skip
NEVER_GIVEN = {("shell", True), ("verify", False), ("check_hostname", False)}
PUBLIC = {"config/reloading.py", "cli/authority.py"}
"""Modules whose `digest` is that of a file that is no secret, and whose `key` is a certificate's public one."""


def calls(path: Path) -> Iterator[tuple[str, ast.Call]]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node


def last_name(node: ast.expr) -> str:
    """``token`` of ``self.token``, of ``token`` and of ``token.strip()``."""
    if isinstance(node, ast.Call):
        node = node.func.value if isinstance(node.func, ast.Attribute) else node.func
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def is_harmless(node: ast.Compare) -> bool:
    """Against a literal, ``None`` or a length nothing is learnt of a secret."""
    return all(isinstance(side, ast.Constant) for side in node.comparators) or isinstance(node.left, ast.Constant)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(TOP)))
def test_no_secret_is_compared_but_by_compare_digest(path: Path) -> None:
    """Holds: a stop-watch; learns a secret byte by byte from a comparison that ends at the first difference."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Compare) and any(isinstance(how, ast.Eq | ast.NotEq) for how in node.ops):
            named = {last_name(side) for side in (node.left, *node.comparators)}
            secret = named & SECRET_WORDS
            if str(path).endswith(tuple(PUBLIC)):
                secret -= {"digest", "key"}
            assert not secret or is_harmless(node), f"{path.name}:{node.lineno}: {ast.unparse(node)}"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(TOP)))
def test_nothing_runs_what_came_from_outside_and_nothing_is_left_unchecked(path: Path) -> None:
    """Holds: any message; it becomes neither code nor a shell's line, and no certificate goes unchecked."""
    for name, call in calls(path):
        given = {(word.arg, word.value.value) for word in call.keywords if isinstance(word.value, ast.Constant)}
        assert name not in NEVER_CALLED, f"{path.name}:{call.lineno}: {name}"
        assert not given & NEVER_GIVEN, f"{path.name}:{call.lineno}: {given & NEVER_GIVEN}"


def test_random_bits_come_from_the_operating_system() -> None:
    """Holds: many nonces and ids; cannot tell the next, for no generator of Python's own makes them."""
    imported = {
        name.name
        for path in MODULES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Import)
        for name in node.names
        if name.name == "random" and path.parent.name in {"latchwire", "protocol", "actuator", "sender", "cli", "bus"}
    }
    assert imported == set()
