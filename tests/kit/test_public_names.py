"""The public API: the shipped services use nothing else, and each module loads no more than it uses."""

import ast
import importlib
import inspect
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from api_page import PAGE, PUBLIC, page

TOP = Path(__file__).parents[2]
FOLDERS = [*TOP.glob("services/*/src"), *TOP.glob("templates/*/src"), *TOP.glob("examples/*/src")]
SOURCES = sorted(path for folder in FOLDERS for path in folder.rglob("*.py"))
NEVER_BY_AN_ACTUATOR = {
    "jsonschema", "asyncio", "latchwire.sender", "latchwire.cli", "latchwire.access", "latchwire.config.loading",
    "latchwire.config.home", "argparse", "inspect", "dataclasses",
}  # fmt: skip


def imported(path: Path) -> Iterator[tuple[str, str]]:
    """Each of our modules that a file imports, and the name in it; "" for the module itself."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "latchwire":
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield (inner, "") if inner in PUBLIC else (node.module or "", alias.name)
        elif isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names if alias.name.partition(".")[0] == "latchwire")


def test_the_shipped_services_use_nothing_that_is_not_offered_to_everybody() -> None:
    assert len({path.parts[-2] for path in SOURCES}) >= 4
    others = {
        f"{path.relative_to(TOP)}: {module} {name}"
        for path in SOURCES
        for module, name in imported(path)
        if module not in PUBLIC or (name and name not in importlib.import_module(module).__all__)
    }
    assert others == set()


@pytest.mark.parametrize("module", PUBLIC)
def test_a_public_module_says_which_names_are_public_and_has_each(module: str) -> None:
    found = importlib.import_module(module)
    assert len(set(found.__all__)) == len(found.__all__)
    assert [name for name in found.__all__ if not hasattr(found, name)] == []


def loaded_by(line: str) -> set[str]:
    """The modules that a fresh interpreter has after this line, and had not before."""
    code = f"import sys; before = set(sys.modules); {line}; print(*(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_the_package_itself_loads_nothing() -> None:
    assert loaded_by("import latchwire") == {"latchwire"}


def test_the_words_load_no_more_than_the_standard_library_s_enumerations() -> None:
    ours = {name for name in loaded_by("import latchwire.errors") if name.partition(".")[0] == "latchwire"}
    assert ours == {"latchwire", "latchwire.errors", "latchwire.model"}


@pytest.mark.parametrize("module", ["latchwire.kit.actuator", "latchwire.kit.agent", "latchwire.kit.device"])
def test_an_actuator_s_import_loads_nothing_of_the_asking_side_and_no_library_that_it_does_not_use(module: str) -> None:
    assert loaded_by(f"import {module}") & NEVER_BY_AN_ACTUATOR == set()


def test_whether_a_bundle_is_asked_for_is_known_before_anything_is_loaded() -> None:
    ours = {name for name in loaded_by("import latchwire.kit.bundled") if name.partition(".")[0] == "latchwire"}
    assert ours == {"latchwire", "latchwire.kit", "latchwire.kit.bundled"}


@pytest.mark.parametrize("module", ["latchwire.kit.ingress", "latchwire.kit.observer"])
def test_neither_an_ingress_nor_an_observer_loads_an_event_loop_or_the_acting_side(module: str) -> None:
    assert loaded_by(f"import {module}") & {"asyncio", "latchwire.actuator", "latchwire.cli"} == set()


def test_an_observer_loads_nothing_that_asks() -> None:
    assert "latchwire.sender" not in loaded_by("import latchwire.kit.observer")


def test_the_page_is_made_from_today_s_docstrings() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "make docs  mends this"


@pytest.mark.parametrize("module", PUBLIC)
def test_no_public_name_is_missing_on_the_page_and_each_says_what_it_is(module: str) -> None:
    text = PAGE.read_text(encoding="utf-8")
    part = text.partition(f"\n## {module}\n")[2].partition("\n## ")[0]
    found = importlib.import_module(module)
    assert found.__doc__
    for name in found.__all__:
        assert f"`{name}`" in part, f"{module}.{name}"
        item = getattr(found, name)
        if inspect.isclass(item) or inspect.isfunction(item):
            assert item.__doc__, f"{module}.{name}"
            assert not item.__doc__.startswith(f"{name}("), f"{module}.{name} has no docstring but Python's own"


def test_the_distribution_says_that_it_is_typed() -> None:
    assert (TOP / "shared/src/latchwire/py.typed").exists()
