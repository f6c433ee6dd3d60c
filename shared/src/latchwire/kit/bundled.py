"""An agent on its own hardware: it reads a bundle, the folder that ``latchwire bundle`` makes for one agent.

:func:`latchwire.kit.actuator.run` sees to it by itself, if ``--bundle FOLDER`` or ``LATCHWIRE_BUNDLE`` asks for one. On
a board with little memory a program calls :func:`run` from here, which never loads what reads config.json.

It runs on the Omega: nothing is imported before :func:`run` but names of types, so that a program can still decide what
not to load.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from latchwire.kit.agent import OpenDevices

__all__ = ["asked_for", "run"]

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


def run(
    open_devices: OpenDevices,
    *,
    name: str,
    folder: str,
    purpose: str = "",
    version: str = "",
    workers: int | None = None,
    arguments: Sequence[str] = (),
) -> int:
    """Runs the agent of a bundle until SIGTERM or SIGINT.

    Args:
        open_devices: makes the handlers of its devices.
        name: the program's, as ``relay-agent``: for its socket, its status and its usage. The socket is in
            ``LATCHWIRE_RUN``, else in ``/var/run/NAME``.
        folder: of the bundle.
        purpose: a sentence for ``--help``.
        version: what ``--version`` says; Latchwire's, if it is left out.
        workers: how many devices can be slow at the same time; as many as there are, if it is left out.
        arguments: ``--health``, ``--check``, ``--version``, ``--help``, or none.

    Returns:
        The exit status.

    Raises:
        Anew: ``open_devices`` raised it, all has stopped since, and nobody has asked the process to end meanwhile.
    """
    import os  # noqa: PLC0415  # all of these only now: see above
    from pathlib import Path  # noqa: PLC0415

    from latchwire import __version__  # noqa: PLC0415
    from latchwire.kit.making import Making  # noqa: PLC0415
    from latchwire.service.bundle import BundledAgent  # noqa: PLC0415
    from latchwire.service.frame import Program, main  # noqa: PLC0415

    version = version or __version__
    run_folder = Path(os.environ.get("LATCHWIRE_RUN") or f"/var/run/{name}")
    making = Making(service=name, open_devices=open_devices, run_folder=run_folder, workers=workers)
    bundled = BundledAgent(folder=Path(folder), make=making, variables=os.environ)
    program = Program(
        name=name,
        purpose=purpose,
        version=version,
        run_folder=run_folder,
        find=bundled.find,
        variables=os.environ,
        acts=True,
    )
    return main(program, arguments)
