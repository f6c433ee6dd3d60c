"""Our asking side, one command at a time, each ended by a verified receipt.

    asking HOST PORT STATE AGENT DEVICE

It alternates between the two states of the device, so that each command moves something.
"""

import itertools
import sys
from pathlib import Path

from bench.worker import serve_samples
from latchwire.bus import Endpoint, Login
from latchwire.config.places import Places
from latchwire.sender import Ending, Sender

ISSUER = "manual"


def main(host: str, port: str, state: str, agent: str, device: str) -> None:
    """Runs it."""
    places = Places(Path(state))
    sender = Sender(
        issuer=ISSUER,
        keyring=places.keyring(ISSUER),
        endpoint=Endpoint(host, int(port)),
        login=Login(ISSUER, places.password(ISSUER)),
        announce=False,
        connect_seconds=10,
    )
    sender.start()
    actions = itertools.cycle(("unlock", "lock"))

    def once() -> None:
        answer = sender.ask(agent=agent, device=device, action=next(actions), sub=f"{ISSUER}:bench")
        if answer.ending is not Ending.DONE:
            raise SystemExit(f"not done: {answer}")

    once()
    once()
    serve_samples(once)


if __name__ == "__main__":
    main(*sys.argv[1:])
