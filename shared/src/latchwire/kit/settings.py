"""Settings from config.json, read by their type; a wrong one is told with its place and its cure."""

from collections.abc import Iterator, Mapping
from enum import Enum
from typing import Final

from latchwire.config.strict_json import quoted
from latchwire.config.wording import meant
from latchwire.errors import ConfigurationError

__all__ = ["REQUIRED", "Required", "Settings"]


class Required(Enum):
    """The default of what has none."""

    REQUIRED = "required"


REQUIRED: Final = Required.REQUIRED
"""What a setting's default is where there must be none: a missing one is told."""


class Settings(Mapping[str, object]):
    """Settings by name, as config.json holds them, and each by its type.

    Every method raises :class:`latchwire.errors.ConfigurationError` with the place and the cure if the setting is not
    what it asks for, or is missing and has no default.

    Args:
        values: by name.
        place: where they stand: ``devices.garage``.
    """

    def __init__(self, values: Mapping[str, object], *, place: str) -> None:
        self._values, self._place = values, place

    def __getitem__(self, name: str) -> object:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def text(self, name: str, default: str | Required = REQUIRED) -> str:
        """A text that is not empty."""
        if name not in self._values and not isinstance(default, Required):
            return default
        found = self._get(name, 'a text, like "…"')
        if not isinstance(found, str) or not found:
            raise self._wrong(name, found, 'a text, like "…"')
        return found

    def one_of(self, name: str, choices: tuple[str, ...], default: str | Required = REQUIRED) -> str:
        """One of these texts."""
        if name not in self._values and not isinstance(default, Required):
            return default
        what = f"one of: {', '.join(choices)}"
        found = self._get(name, what)
        if not isinstance(found, str) or found not in choices:
            raise self._wrong(name, found, what)
        return found

    def whole_number(self, name: str, least: int, most: int, default: int | Required = REQUIRED) -> int:
        """A whole number between two bounds, both included."""
        if name not in self._values and not isinstance(default, Required):
            return default
        what = f"a whole number from {least} to {most}"
        found = self._get(name, what)
        if type(found) is not int or not least <= found <= most:
            raise self._wrong(name, found, what)
        return found

    def number(self, name: str, least: float, most: float, default: float | Required = REQUIRED) -> float:
        """A number between two bounds, both included."""
        if name not in self._values and not isinstance(default, Required):
            return default
        what = f"a number from {least:g} to {most:g}"
        found = self._get(name, what)
        if isinstance(found, bool) or not isinstance(found, (int, float)) or not least <= found <= most:
            raise self._wrong(name, found, what)
        return float(found)

    def flag(self, name: str, default: bool | Required = REQUIRED) -> bool:  # noqa: FBT001  # a setting's value
        """``true`` or ``false``."""
        if name not in self._values and not isinstance(default, Required):
            return default
        found = self._get(name, "true or false")
        if not isinstance(found, bool):
            raise self._wrong(name, found, "true or false")
        return found

    def _get(self, name: str, what: str) -> object:
        if name not in self._values:
            raise ConfigurationError(f"{self._place}.{name}: is missing; it is {what}{meant(name, self._values)}")
        return self._values[name]

    def _wrong(self, name: str, found: object, what: str) -> ConfigurationError:
        return ConfigurationError(f"{self._place}.{name}: {quoted(found)} is wrong; it is {what}")
