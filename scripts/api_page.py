"""Writes docs/api.md, the public API of ``latchwire``, from its docstrings:  ``make docs``.

Public are the modules below, and in each of them the names of ``__all__``; all else may change at any time. Generators
of documentation make sites of many pages and bring a dozen packages; this is one page, and its Markdown is plain.
"""

import enum
import importlib
import inspect
import re
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, Final

PUBLIC: Final = (
    "latchwire.kit.actuator",
    "latchwire.kit.observer",
    "latchwire.kit.ingress",
    "latchwire.model",
    "latchwire.errors",
    "latchwire.health",
    "latchwire.log",
    "latchwire.waiting",
    "latchwire.kit.device",
    "latchwire.kit.settings",
    "latchwire.kit.words",
    "latchwire.kit.variables",
    "latchwire.kit.agent",
    "latchwire.kit.broker",
    "latchwire.kit.bundled",
    "latchwire.kit.memory",
    "latchwire.kit.state",
    "latchwire.kit.testing",
    "latchwire",
)
PAGE: Final = Path(__file__).parents[1] / "docs" / "api.md"
_HEAD: Final = """\
# The public API

What is on this page stays as it is, or is announced in CHANGELOG.md before it changes. The services that come with
Latchwire use nothing else. [extending.md](extending.md) is the walk; this is the reference. It is made from the
docstrings by `make docs`.
"""
_SECTIONS: Final = {"Args:": "Arguments", "Attributes:": "Attributes", "Returns:": "Returns", "Raises:": "Raises"}
_WIDTH: Final = 100
_ITEM: Final = re.compile(r"(\w[\w, .]*): (.*)")
_ROLE: Final = re.compile(r":\w+:`(?:[\w.]*\.)?(\w+)`")
_ROW: Final = re.compile(r"``(.+?)`` +(\S.*)")


def page() -> str:
    """The text of docs/api.md."""
    parts = [_HEAD]
    parts += [f"- [`{name}`](#{name.replace('.', '')}): {_summary(_module(name))}" for name in PUBLIC]
    for name in PUBLIC:
        parts += ["", *_of_module(name)]
    return "\n".join(parts) + "\n"


def _module(name: str) -> ModuleType:
    return importlib.import_module(name)


def _summary(of: object) -> str:
    return _inline((inspect.getdoc(of) or "").partition("\n")[0])


def _of_module(name: str) -> Iterator[str]:
    module = _module(name)
    yield f"## {name}"
    yield ""
    yield from _markdown(inspect.getdoc(module) or "")
    homes = {public: _home(public, getattr(module, public), name) for public in module.__all__}
    elsewhere = [f"[`{public}`](#{home.replace('.', '')})" for public, home in homes.items() if home != name]
    if elsewhere:
        yield f"\nThese names are here too: {', '.join(elsewhere)}."
    for public in (public for public, home in homes.items() if home == name):
        yield ""
        yield from _of_name(public, getattr(module, public), module)


def _home(public: str, item: object, here: str) -> str:
    """The public module that a name is described under: its own if that is public, else the first that offers it."""
    own = getattr(item, "__module__", "")
    if own in PUBLIC and public in _module(own).__all__:
        return str(own)
    first = (
        name for name in PUBLIC if getattr(_module(name), public, None) is item and public in _module(name).__all__
    )
    return next(first, here)


def _of_name(name: str, item: Any, module: ModuleType) -> Iterator[str]:
    if inspect.isclass(item):
        yield from _of_class(name, item)
    elif inspect.isfunction(item):
        yield f"### `{name}`"
        yield ""
        yield _call(name, item)
        yield from _markdown(inspect.getdoc(item) or "")
    else:
        yield f"### `{name}`"
        yield ""
        yield from _markdown(_of_constant(name, module) or _value(item))


def _of_class(name: str, item: type) -> Iterator[str]:
    yield f"### class `{name}`"
    yield ""
    if not issubclass(item, enum.Enum) and not getattr(item, "_is_protocol", False):
        yield _call(name, item)
    yield from _markdown(inspect.getdoc(item) or "")
    if issubclass(item, enum.Enum):
        yield ""
        yield from (f"- `{member.name}`{_meaning(member)}" for member in item)
    for member, found in _members(item):
        yield ""
        if isinstance(found, property):
            yield f"**`{name}.{member}`** (property)"
        else:
            yield f"**`{name}.{member}`**\n\n{_call(member, found).rstrip()}"
        yield ""
        yield from _markdown(inspect.getdoc(found) or "")


def _members(item: type) -> Iterator[tuple[str, Any]]:
    """The public methods and properties, those of bases of ours too, in the order of their definition."""
    seen: set[str] = set()
    for owner in item.__mro__:
        if not owner.__module__.startswith("latchwire"):
            continue
        for member, found in vars(owner).items():
            if member.startswith("_") or member in seen:
                continue
            seen.add(member)
            plain = found.__func__ if isinstance(found, (classmethod, staticmethod)) else found
            if isinstance(plain, property) or inspect.isfunction(plain):
                yield member, plain


def _call(name: str, item: Any) -> str:
    """How it is called, as a block of code: on one line, or an argument a line."""
    try:
        found = inspect.signature(item)
    except ValueError:  # one of Python's own, as an exception's
        return ""
    asynchronous = "async " if inspect.iscoroutinefunction(item) else ""
    parameters = [one for one in found.parameters.values() if one.name not in {"self", "cls"}]
    words = [_parameter(one) for one in parameters]
    first = next((place for place, one in enumerate(parameters) if one.kind is one.KEYWORD_ONLY), None)
    if first is not None:
        words.insert(first, "*")
    returned = found.return_annotation
    tail = "" if inspect.isclass(item) or returned is inspect.Signature.empty else f" -> {_type(returned)}"
    line = f"{asynchronous}{name}({', '.join(words)}){tail}"
    if len(line) > _WIDTH:
        line = f"{asynchronous}{name}(\n" + "".join(f"    {word},\n" for word in words) + f"){tail}"
    return f"```python\n{line}\n```\n"


def _parameter(one: inspect.Parameter) -> str:
    text = one.name if one.annotation is one.empty else f"{one.name}: {_type(one.annotation)}"
    if one.default is one.empty:
        return text
    default = (
        f"{type(one.default).__name__}.{one.default.name}" if isinstance(one.default, enum.Enum) else repr(one.default)
    )
    return f"{text} = {default}"


def _type(annotation: object) -> str:
    if annotation is None or annotation is type(None):
        return "None"
    text = annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)
    return re.sub(r"\b(?:\w+\.)+(\w+)", r"\1", text)


def _meaning(member: enum.Enum) -> str:
    sentence = getattr(member, "sentence", "")
    wire = getattr(member, "wire", member.value if isinstance(member.value, str) else "")
    return f" `{wire}`{': ' + sentence if sentence else ''}" if wire else ""


def _value(item: object) -> str:
    """As Python writes it, but for the modules of its classes, which are nobody's to import from."""
    return f"``{re.sub(r'latchwire[a-z_.]*[.](?=[A-Z])', '', repr(item))}``"


def _of_constant(name: str, module: ModuleType) -> str:
    """The text below a constant or an alias, which is no object that Python keeps."""
    source = inspect.getsource(module)
    match = re.search(rf'^{name}\b[^\n]*= .*?\n"""(.*?)"""', source, re.MULTILINE | re.DOTALL)
    between = match[0].partition('"""')[0] if match else ""
    return inspect.cleandoc(match[1]) if match and "\n\n" not in between else ""


def _markdown(text: str) -> Iterator[str]:
    """A docstring as Markdown: sections and rows become lists, indented lines become code."""
    lines = text.splitlines()
    number = 0
    while number < len(lines):
        line = lines[number]
        block = number + 1
        while block < len(lines) and (lines[block].startswith("    ") or not lines[block].strip()):
            block += 1
        while not lines[block - 1].strip() and block > number + 1:
            block -= 1
        if line in _SECTIONS:
            yield f"{_SECTIONS[line]}:"
            yield ""
            items = textwrap.dedent("\n".join(lines[number + 1 : block])).splitlines()
            yield from map(_inline, items) if line == "Returns:" else _items(items)
            number = block
        elif line.startswith("    "):
            code = textwrap.dedent("\n".join(lines[number:block]))
            yield f"```{'json' if code.startswith(chr(34)) else 'python'}\n{code}\n```"
            number = block
        else:
            row = _ROW.match(line)
            yield f"- `{row[1]}`: {_inline(row[2])}" if row and "  " in line else _inline(line)
            number += 1


def _items(lines: list[str]) -> Iterator[str]:
    """The items of a section, each with the lines that go on below it."""
    for line in lines:
        match = _ITEM.match(line)
        if match:
            yield f"- `{match[1]}`: {_inline(match[2])}"
        else:
            yield f"  {_inline(line.strip())}" if line.startswith(" ") else f"- {_inline(line)}"


def _inline(text: str) -> str:
    return _ROLE.sub(r"`\1`", text).replace("``", "`")


def main() -> int:
    """Writes the page; with ``check`` says whether it is in step."""
    if sys.argv[1:] == ["check"]:
        return 0 if PAGE.read_text(encoding="utf-8") == page() else 1
    PAGE.write_text(page(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
