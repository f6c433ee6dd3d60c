"""Whose the state folder is, as Compose's ``setup`` decides it. What it does as root: tests/compose."""

import pytest

from latchwire.cli.compose import Choice, Owner, choose
from latchwire.errors import ConfigurationError


@pytest.mark.parametrize(
    ("checkout", "variables", "rootless", "expected"),
    [
        pytest.param((1000, 1000), {}, False, ((1000, 1000), True), id="the first person's checkout is that person's"),
        pytest.param((1001, 1002), {}, False, ((1001, 1002), False), id="another person's is noted for the next start"),
        pytest.param((0, 0), {}, False, ((1000, 1000), True), id="nothing of root's runs as root"),
        pytest.param((0, 0), {}, True, ((0, 0), False), id="a rootless engine's root is the person who started it"),
        pytest.param((0, 0), {"LATCHWIRE_UID": "70", "LATCHWIRE_GID": "71"}, False, ((70, 71), True), id="told wins"),
        pytest.param((1001, 1), {"LATCHWIRE_UID": "0", "LATCHWIRE_GID": "0"}, True, ((0, 0), True), id="0 is a number"),
        pytest.param((1000, 1000), {"LATCHWIRE_UID": "", "LATCHWIRE_GID": ""}, False, ((1000, 1000), True), id="empty"),
    ],
)
def test_the_state_folder_is_the_users_whose_checkout_it_is(
    checkout: tuple[int, int],
    variables: dict[str, str],
    rootless: bool,  # noqa: FBT001 - a column of the table
    expected: tuple[tuple[int, int], bool],
) -> None:
    owner, as_guessed = expected
    assert choose(Owner(*checkout), variables, rootless=rootless) == Choice(Owner(*owner), as_guessed)


def test_a_user_number_that_is_none_is_told() -> None:
    with pytest.raises(ConfigurationError, match="LATCHWIRE_UID: 'ada' is no number"):
        choose(Owner(1000, 1000), {"LATCHWIRE_UID": "ada"}, rootless=False)
