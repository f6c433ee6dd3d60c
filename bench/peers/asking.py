"""Our asking side, one command at a time, each ended by a verified receipt.

    asking HOST PORT STATE AGENT DEVICE ISSUER

It alternates between the two states of the device, so that each command moves something.
"""

import itertools
import sys
from pathlib import Path

from bench.worker import serve_samples
from latchwire.bus import Endpoint, Login
from latchwire.config.loading import load
from latchwire.config.places import Places
from latchwire.model import Kind
from latchwire.sender import Ending, Sender
from latchwire.service.one_cpu import settle


def main(host: str, port: str, state: str, *words: str) -> None:
    """Runs it."""
    settle("bench", {}, acts=False)  # as a service does
    agent, device, issuer = words
    places = Places(Path(state))
    sender = Sender(
        issuer=issuer,
        keyring=places.keyring(issuer),
        endpoint=Endpoint(host, int(port)),
        login=Login(issuer, places.password(issuer)),
        announce=False,
        connect_seconds=10,
    )
    sender.start()
    kind = load(places.config).devices[device].kind
    actions = itertools.cycle(("unlock", "lock") if kind is Kind.LOCK else ("on", "off"))

    def once() -> None:
        answer = sender.ask(agent=agent, device=device, action=next(actions), sub=f"{issuer}:bench")
        if answer.ending is not Ending.DONE:
            raise SystemExit(f"not done: {answer}")

    once()
    once()
    serve_samples(once)


if __name__ == "__main__":
    main(*sys.argv[1:])
