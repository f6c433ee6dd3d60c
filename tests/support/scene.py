"""The scene of an attack: a home with a door and an agent at work, somebody who looks, and somebody who wants in.

What the attacker holds is a login at the broker: an ingress's own (``thief``), or one that may do everything, as a
shell on the broker's machine gives it (``owner_of_the_broker``). The door is a lock in memory that counts.
"""

import json
import os
from collections.abc import Mapping
from typing import Any, Final

from latchwire import topics
from latchwire.model import Cause
from latchwire.protocol.claims import Receipt, parse_receipt
from latchwire.protocol.token import parse_claims, split
from latchwire.sender import Ending
from support.broker import wait_until
from support.handlers import Bolt, Lamp
from support.home import DOOR, Home
from support.tokens import token as signed
from support.wire import Wire

COMMAND: Final = topics.command("omega", DOOR)
RECEIPT: Final = topics.receipt("omega", DOOR, "manual")
ALERT: Final = topics.alert("omega")
NONCE: Final = topics.nonce("omega")
HEADER: Final = {"alg": "HS256", "typ": "command+jwt", "kid": "manual/1"}
BROKER_OWNER: Final = "broker-owner"
OWNER_RIGHTS: Final = {
    "logins": {BROKER_OWNER: "who has a shell there needs none"},
    "extra_acl": f"\nuser {BROKER_OWNER}\ntopic readwrite #\n",
}
"""What a home has to be made with for :meth:`Scene.owner_of_the_broker`."""


class Scene:
    """A home with an agent at work.

    Args:
        home: the home.
        options: of the agent.

    Attributes:
        bolt: the door's lock.
        observer: hears everything.
        thief: has the login ``manual``, and none of its keys.
        nonce: the agent's.
    """

    def __init__(self, home: Home, **options: Any) -> None:
        self.home, self.bolt = home, Bolt()
        self.actuator = home.actuator({DOOR: self.bolt, "lamp": Lamp()}, **options)
        self.observer = home.wire()
        self.thief = home.wire("manual", filters=("latchwire/+/nonce",))
        self.nonce = home.nonce(self.observer)

    def owner_of_the_broker(self) -> Wire:
        """May publish and hear everything."""
        return self.home.wire(BROKER_OWNER)

    def claims(self, **changes: object) -> dict[str, object]:
        """Those of a good command, but for the changes."""
        return {
            "iss": "manual", "sub": "manual:test", "aud": f"omega/{DOOR}", "act": "unlock",
            "jti": os.urandom(16).hex(), "nonce": self.nonce, "until": 10, "iat": 0, **changes,
        }  # fmt: skip

    def signed(self, header: Mapping[str, object] = HEADER, claims: bytes | None = None, **changes: object) -> bytes:
        """A token under the real key of ``manual``, with any header, and claims as bytes or with any changes."""
        secret = self.home.key().secret
        return signed(self.claims(**changes) if claims is None else claims, header=header, secret=secret)

    def alert(self, cause: Cause) -> dict[str, object]:
        """The newest alert of that cause, waiting for the first."""
        found = self.observer.wait_for(ALERT, lambda heard: json.loads(heard.payload)["cause"] == cause.wire)
        document = json.loads(found.payload)
        assert isinstance(document, dict)
        return document

    def receipts(self, topic: str = RECEIPT) -> list[Receipt]:
        """All receipts on that topic."""
        return [parse_receipt(parse_claims(split(heard.payload).payload)) for heard in self.observer.on(topic)]

    def receipt(self, topic: str = RECEIPT) -> Receipt:
        """The newest receipt, waiting for the first."""
        self.observer.wait_for(topic)
        return self.receipts(topic)[-1]

    def wait_for_receipts(self, count: int) -> list[Receipt]:
        """Waits until there are so many."""
        wait_until(lambda: len(self.observer.on(RECEIPT)) >= count, f"{count} receipts")
        return self.receipts()

    def assert_nothing_moved(self) -> None:
        """The agent has judged all that was published before: an honest question is answered after it."""
        answer = self.home.sender("whatsapp").ask(agent="omega", device=DOOR, action="status", sub="whatsapp:test")
        assert answer.ending is Ending.DONE
        assert {"lock", "unlock"}.isdisjoint(self.bolt.calls)

    def assert_the_door(self, action: str, *, at_most: int) -> None:
        """What was published before has been judged, and the door has done that no more often."""
        answer = self.home.sender("whatsapp").ask(agent="omega", device=DOOR, action="status", sub="whatsapp:test")
        assert answer.ending is Ending.DONE
        assert self.bolt.count(action) <= at_most
