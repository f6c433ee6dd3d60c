"""The program: runs the relay agents of config.json that are ``simulated`` or ``here``, or the one of a bundle.

``--bundle FOLDER`` or ``LATCHWIRE_BUNDLE`` names a bundle; then only what the Omega has too is imported.
"""

import os
import sys

from latchwire.kit.bundled import asked_for


def main() -> int:
    """Runs the service."""
    folder, arguments = asked_for(sys.argv[1:], os.environ)
    if folder is not None:
        from latchwire_relay_agent import omega  # noqa: PLC0415  # each way imports only what it needs

        return omega.run(folder, arguments)
    from latchwire.kit.actuator import run_together  # noqa: PLC0415
    from latchwire_relay_agent.agent import NAME, PURPOSE, WORKERS, open_relays  # noqa: PLC0415

    return run_together(
        open_relays, name=NAME, agent_type="relay", purpose=PURPOSE, workers=WORKERS, arguments=arguments
    )
