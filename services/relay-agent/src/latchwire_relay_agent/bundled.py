"""Whether a bundle is asked for, and which: nothing is imported here that costs an Omega time."""

from collections.abc import Mapping, Sequence
from typing import Final

OPTION: Final = "--bundle"
VARIABLE: Final = "LATCHWIRE_BUNDLE"


def asked_for(arguments: Sequence[str], variables: Mapping[str, str]) -> tuple[str | None, list[str]]:
    """The folder of the bundle that was asked for, if one was, and the arguments that are left.

    ``--bundle FOLDER`` and ``--bundle=FOLDER`` come before ``LATCHWIRE_BUNDLE``.
    """
    folder, left = variables.get(VARIABLE) or None, list(arguments)
    for index, argument in enumerate(left):
        if argument.startswith(f"{OPTION}="):
            folder = argument.partition("=")[2]
            del left[index]
            break
        if argument == OPTION and index + 1 < len(left):
            folder = left[index + 1]
            del left[index : index + 2]
            break
    return folder, left
