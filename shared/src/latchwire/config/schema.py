"""Checks the form of config.json with the JSON Schema that also helps in the editor, and says what is wrong.

The schema carries the cure beside the rule (``x-wrong``: how the sentence goes on after the wrong value), so
a rule and its sentence are changed in one place.
"""

import functools
import importlib.resources
import itertools
import json
from typing import Any, Final

import jsonschema
from jsonschema.exceptions import ValidationError

from latchwire.config.strict_json import quoted
from latchwire.config.wording import listed, meant, place

_MOST: Final = 100
"""Problems told at once; who has more reads the first ones first."""

_TYPES: Final = {
    "object": "is no object {…}",
    "array": "is no list […]",
    "string": "is no text between quotation marks",
    "integer": "is no whole number",
    "boolean": "is neither true nor false",
}


def text() -> str:
    """The schema as it is shipped, to be laid beside config.json."""
    return _resource("config.schema.json")


def example() -> str:
    """The demo's config.json."""
    return _resource("config.example.json")


def problems(document: object) -> list[str]:
    """What is wrong with the form of the document, each as ``place: what; cure``."""
    errors = itertools.islice(_validator().iter_errors(document), _MOST)
    return list(dict.fromkeys(sentence for error in errors for sentence in _sentences(error)))


def _resource(name: str) -> str:
    return importlib.resources.files("latchwire.config").joinpath(name).read_text("utf-8")


@functools.cache
def _validator() -> Any:
    strict = jsonschema.Draft202012Validator.TYPE_CHECKER.redefine(
        "integer",
        lambda _, value: type(value) is int,  # 5.0 is none here, as it is none for the agent
    )
    extend: Any = jsonschema.validators.extend  # not typed in its stubs
    return extend(jsonschema.Draft202012Validator, type_checker=strict)(json.loads(text()))


def _sentences(error: ValidationError) -> list[str]:
    where = list(error.absolute_path)
    rule = error.schema if isinstance(error.schema, dict) else {}
    known = list(rule.get("properties", ()))
    instance: Any = error.instance
    wanted: Any = error.validator_value
    match error.validator:
        case "required":
            return [_told([*where, name], _missing(rule, name)) for name in wanted if name not in instance]
        case "additionalProperties":
            unknown = [name for name in instance if name not in known]
            return [_told([*where, name], _no_key(name, known)) for name in unknown]
        case "enum" if "propertyNames" in error.absolute_schema_path and not isinstance(instance, dict):
            return [_told([*where, instance], _no_key(instance, wanted))]
        case "enum":
            return [_told(where, f"{quoted(instance)} is none of: {listed(wanted)}{meant(instance, wanted)}")]
    return [_told(where, f"{quoted(instance)} {_wrong(error, rule)}")]


def _wrong(error: ValidationError, rule: dict[str, Any]) -> str:
    if "x-wrong" in rule:
        return str(rule["x-wrong"])
    if error.validator == "type" and isinstance(error.validator_value, str):
        return _TYPES.get(error.validator_value, "is not allowed here")
    return "is not allowed here"


def _missing(rule: dict[str, Any], name: str) -> str:
    wanted = rule.get("properties", {}).get(name, {})
    if "enum" in wanted:
        return f"is missing; choose one of: {listed(wanted['enum'])}"
    return f"is missing: {wanted['description']}" if "description" in wanted else "is missing"


def _no_key(name: str, known: list[str]) -> str:
    return f"there is no such key; there are: {listed(known)}{meant(name, known)}"


def _told(where: list[str | int], what: str) -> str:
    return f"{place(where)}: {what}" if where else what
