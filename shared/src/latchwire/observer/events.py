"""What is seen at the broker, as typed values.

States, status, availability and alerts are for people and dashboards and are not signed. A command or a receipt is
``verified`` only where the observer holds the key and the signature is good; the others say what they say.
"""

from collections.abc import Mapping
from typing import NamedTuple

from latchwire.model import Cause, Outcome, State
from latchwire.protocol.claims import Command, Receipt


class CommandSeen(NamedTuple):
    """Somebody asked for something; whether it was done, a receipt says.

    Attributes:
        agent: whose device it is.
        device: which.
        command: all that it says.
        verified: signed with a key that this observer holds, for just this device. Else anybody with a login at the
            broker may have made it up.
    """

    agent: str
    device: str
    command: Command
    verified: bool

    @property
    def who(self) -> str:
        """Who asked: ``whatsapp:+15555550100``."""
        return self.command.sub

    @property
    def action(self) -> str:
        """What for."""
        return self.command.act


class ReceiptSeen(NamedTuple):
    """An agent says what came of a command.

    Attributes:
        agent: whose device it is.
        device: which.
        receipt: all that it says.
        verified: as in :class:`CommandSeen`.
    """

    agent: str
    device: str
    receipt: Receipt
    verified: bool

    @property
    def who(self) -> str:
        """Who asked: ``whatsapp:+15555550100``; "" if the command was malformed."""
        return self.receipt.sub

    @property
    def action(self) -> str:
        """What for; "" if the command was malformed."""
        return self.receipt.act

    @property
    def outcome(self) -> Outcome:
        """``done``, ``refused`` or ``failed``."""
        return self.receipt.outcome

    @property
    def cause(self) -> Cause | None:
        """Why it was not done."""
        return self.receipt.cause

    @property
    def state(self) -> State:
        """What was read back from the hardware after acting."""
        return self.receipt.state


class StateSeen(NamedTuple):
    """A device's state. It is not signed: for people and dashboards.

    Attributes:
        agent: whose device it is.
        device: which.
        state: as read back.
        cause: why it is unknown.
        by: who made it so; "" if nobody who asked did.
        locks_in: seconds until a lock locks by itself.
        simulated: whether there is no hardware behind it.
        retained: it was so before this observer connected: not news.
    """

    agent: str
    device: str
    state: State
    cause: Cause | None
    by: str
    locks_in: int | None
    simulated: bool
    retained: bool


class AlertSeen(NamedTuple):
    """Something that an agent could not answer, as a command with a bad signature.

    Attributes:
        agent: who tells it.
        cause: why.
        device: which, or "".
        kid: whose key was named, or "".
        times: how often within ten seconds.
    """

    agent: str
    cause: Cause
    device: str
    kid: str
    times: int


class AvailabilitySeen(NamedTuple):
    """A service came or went.

    Attributes:
        name: its login.
        online: whether it is there.
        retained: it was so before this observer connected: not news.
    """

    name: str
    online: bool
    retained: bool


class StatusSeen(NamedTuple):
    """A service told how it is.

    Attributes:
        name: its login.
        status: as docs/protocol.md describes it: ``health``, ``troubles``, ``notes`` and more.
        retained: it was so before this observer connected: not news.
    """

    name: str
    status: Mapping[str, object]
    retained: bool


class NonceSeen(NamedTuple):
    """An agent has a new nonce.

    Attributes:
        agent: which.
        nonce: it.
        retained: it was so before this observer connected: not news.
    """

    agent: str
    nonce: str
    retained: bool


class Unreadable(NamedTuple):
    """Something that is none of the above: a payload that is not what its topic promises.

    Attributes:
        topic: where.
        detail: what is wrong with it.
    """

    topic: str
    detail: str


Event = CommandSeen | ReceiptSeen | StateSeen | AlertSeen | AvailabilitySeen | StatusSeen | NonceSeen | Unreadable
