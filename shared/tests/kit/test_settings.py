"""Settings of somebody's own device: each read by its type, and a wrong one told with its place and its cure."""

from collections.abc import Callable
from pathlib import Path

import pytest

from latchwire.errors import ConfigurationError
from latchwire.kit.settings import Settings
from latchwire.kit.testing import device
from latchwire.model import Kind

VALUES = {"name": "x", "none": "", "pin": 4, "speed": 1.5, "on": True, "list": [1]}
HERE = Settings(VALUES, place="devices.lamp")


def test_each_is_read_by_its_type() -> None:
    assert HERE.text("name") == "x"
    assert HERE.one_of("name", ("x", "y")) == "x"
    assert HERE.whole_number("pin", 0, 4) == 4
    assert (HERE.number("speed", 0, 2), HERE.number("pin", 0, 5)) == (1.5, 4.0)
    assert HERE.flag("on") is True
    assert dict(HERE) == VALUES


def test_what_is_missing_has_its_default_whatever_the_bounds() -> None:
    assert HERE.text("other", "") == ""
    assert HERE.one_of("other", ("x",), "none") == "none"
    assert (HERE.whole_number("other", 0, 4, -1), HERE.number("other", 0, 4, -0.5)) == (-1, -0.5)
    assert HERE.flag("other", False) is False


@pytest.mark.parametrize(
    ("read", "told"),
    [
        (lambda: HERE.text("naem"), 'devices.lamp.naem: is missing; it is a text, like "…"; did you mean "name"?'),
        (lambda: HERE.text("none"), 'devices.lamp.none: "" is wrong; it is a text'),
        (lambda: HERE.text("pin", "x"), "devices.lamp.pin: 4 is wrong; it is a text"),
        (lambda: HERE.one_of("name", ("a", "b")), 'devices.lamp.name: "x" is wrong; it is one of: a, b'),
        (lambda: HERE.whole_number("pin", 5, 9), "devices.lamp.pin: 4 is wrong; it is a whole number from 5 to 9"),
        (lambda: HERE.whole_number("on", 0, 9), "devices.lamp.on: true is wrong; it is a whole number"),
        (lambda: HERE.whole_number("speed", 0, 9, 3), "devices.lamp.speed: 1.5 is wrong; it is a whole number"),
        (lambda: HERE.number("on", 0, 9), "devices.lamp.on: true is wrong; it is a number from 0 to 9"),
        (lambda: HERE.number("speed", 2, 9), "devices.lamp.speed: 1.5 is wrong; it is a number from 2 to 9"),
        (lambda: HERE.flag("pin"), "devices.lamp.pin: 4 is wrong; it is true or false"),
    ],
)
def test_a_wrong_one_is_told_with_its_place_and_its_cure(read: Callable[[], object], told: str) -> None:
    with pytest.raises(ConfigurationError) as error:
        read()
    assert str(error.value).startswith(told)


def test_a_secret_comes_from_the_variable_or_the_file_and_a_missing_one_says_where_to_set_it(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("from the-file\n".replace(" ", "-"))
    lamp = device("lamp", folder=tmp_path, variables={"A": "abc", "B_FILE": str(tmp_path / "token")})
    assert (lamp.secret("A"), lamp.secret("B"), lamp.variable("C", "usual")) == ("abc", "from-the-file", "usual")
    with pytest.raises(ConfigurationError, match=r"C is not set; set it in state/\.env"):
        lamp.secret("C")


def test_code_for_one_kind_says_so_of_another(tmp_path: Path) -> None:
    lamp = device("lamp", folder=tmp_path)
    lamp.require(Kind.SWITCH)
    with pytest.raises(
        ConfigurationError, match=r'devices\.lamp\.kind: a "switch" cannot be worked by it; write "lock"'
    ):
        lamp.require(Kind.LOCK)
