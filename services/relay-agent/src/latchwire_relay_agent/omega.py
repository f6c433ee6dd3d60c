"""Runs the relay agent of a bundle, as on the Omega, with as little memory as may be.

Without the broker's certificate there is no TLS, and then neither ``ssl`` nor OpenSSL's hashes are loaded. ``None`` in
``sys.modules`` makes an import fail as if the module were not installed (Python reference, "The import system",
section 5.3.1), which paho-mqtt, hashlib and hmac all allow for. So it must be decided before any of them is imported:
that is why everything else is imported inside :func:`run`. For a bundle with TLS that comes later the process begins
anew.
"""

import os
import sys
from collections.abc import Sequence
from typing import Final

from latchwire_relay_agent.bundled import asked_for

FOLDER: Final = "/etc/relay-agent"
"""Where the bundle is if nothing else is said."""
RUN_FOLDER: Final = "/var/run/relay-agent"
"""Where the socket for ``--health`` is; in memory on OpenWrt."""
CA: Final = "ca.crt"


class Anew(BaseException):
    """The process has to begin anew: TLS was left out, and is needed now."""


def run(folder: str, arguments: Sequence[str]) -> int:
    """Runs the agent of that bundle; the exit status."""
    if not os.path.exists(f"{folder}/{CA}"):  # noqa: PTH110  # before pathlib, see above
        leave_out_tls()
    from pathlib import Path  # noqa: PLC0415

    from latchwire import __version__  # noqa: PLC0415
    from latchwire.actuator import Actuator  # noqa: PLC0415
    from latchwire.service.bundle import BundledAgent  # noqa: PLC0415
    from latchwire.service.frame import Program, main  # noqa: PLC0415
    from latchwire.service.setup import Setup  # noqa: PLC0415
    from latchwire_relay_agent.agent import NAME, PURPOSE, make  # noqa: PLC0415

    run_folder = Path(os.environ.get("LATCHWIRE_RUN") or RUN_FOLDER)

    def make_agent(setup: Setup) -> Actuator:
        if setup.endpoint.ca_file is not None and "ssl" in sys.modules and sys.modules["ssl"] is None:
            raise Anew
        return make(setup, run_folder)

    bundled = BundledAgent(folder=Path(folder), make=make_agent, variables=os.environ)
    program = Program(
        name=NAME,
        purpose=PURPOSE,
        version=__version__,
        run_folder=run_folder,
        find=bundled.find,
        variables=os.environ,
    )
    try:
        return main(program, arguments)
    except Anew:  # what ran was stopped in order by now
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606  # this very program


def leave_out_tls() -> None:
    """Makes ``ssl`` and OpenSSL's hashes look not installed, unless somebody has loaded them already."""
    for name in ("ssl", "_ssl", "_hashlib"):
        sys.modules.setdefault(name, None)  # type: ignore[arg-type]  # what the import system documents


def main() -> int:
    """The program of ``relay-agent.pyz``."""
    folder, arguments = asked_for(sys.argv[1:], os.environ)
    return run(folder or FOLDER, arguments)
