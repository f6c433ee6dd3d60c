"""The page about attacks names tests that exist, and each attack says what its attacker holds."""

import ast
import re
from pathlib import Path

import pytest

TOP = Path(__file__).parents[2]
PAGE = TOP / "docs" / "threat-model.md"
ATTACKS = sorted((TOP / "tests/attacks").glob("test_*.py"))


def named_in(path: Path) -> dict[str, str]:
    """The tests of a file with their docstrings."""
    tree = ast.parse(path.read_text())
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")]
    return {node.name: ast.get_docstring(node) or "" for node in functions}


def test_each_test_that_the_page_names_is_where_it_says() -> None:
    named = re.findall(r"\[`(test_\w+)`\]\(\.\./([\w/.-]+)\)", PAGE.read_text())
    assert len(named) > 50
    assert [f"{path}: {name}" for name, path in named if name not in named_in(TOP / path)] == []
    assert len(re.findall(r"`test_\w+`", PAGE.read_text())) == len(named)


@pytest.mark.parametrize("path", ATTACKS, ids=lambda path: path.stem)
def test_each_attack_says_in_its_first_words_what_the_attacker_holds(path: Path) -> None:
    silent = [name for name, text in named_in(path).items() if not text.startswith("Holds: ")]
    allowed = {"test_the_rights_on_the_page_about_other_brokers_are_those_of_the_access_list"}
    assert set(silent) <= allowed


def test_every_file_of_attacks_is_named_on_the_page() -> None:
    assert [path.name for path in ATTACKS if f"../tests/attacks/{path.name}" not in PAGE.read_text()] == []
