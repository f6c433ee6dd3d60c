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

from latchwire.kit.bundled import asked_for

FOLDER: Final = "/etc/relay-agent"
"""Where the bundle is if nothing else is said."""
CA: Final = "ca.crt"


def run(folder: str, arguments: Sequence[str]) -> int:
    """Runs the agent of that bundle; the exit status."""
    if not os.path.exists(f"{folder}/{CA}"):  # noqa: PTH110  # before pathlib, see above
        leave_out_tls()
    from latchwire.errors import Anew  # noqa: PLC0415
    from latchwire.kit.agent import Agent  # noqa: PLC0415
    from latchwire.kit.bundled import run as run_bundle  # noqa: PLC0415
    from latchwire_relay_agent.agent import NAME, PURPOSE, WORKERS, open_relays  # noqa: PLC0415
    from latchwire_relay_agent.hardware import Handler  # noqa: PLC0415

    def open_unless_anew(agent: Agent) -> dict[str, Handler]:
        if os.path.exists(f"{folder}/{CA}") and "ssl" in sys.modules and sys.modules["ssl"] is None:  # noqa: PTH110
            raise Anew  # TLS was left out, and is needed now
        return open_relays(agent)

    try:
        return run_bundle(
            open_unless_anew, name=NAME, folder=folder, purpose=PURPOSE, workers=WORKERS, arguments=arguments
        )
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
