"""The commands that a sender has published, and the messages about which it knows that nothing was done.

A message may be heard twice, from two threads or after a reconnect: it is one command, and each is told the same. A
command stays here for some time after its last moment, since its receipt may be slow; that nothing was done about a
message stays longer, for it must stay true.

All of it needs the sender's lock, but for :meth:`Memory.find`.
"""

from collections.abc import Iterator
from typing import Final

from latchwire.protocol.keys import Keyring
from latchwire.sender.answer import Answer
from latchwire.sender.open_command import OpenCommand
from latchwire.waiting import now

LATE_SECONDS: Final = 60.0
"""How long after its last moment a command is still waited for, since its receipt may be slow."""
TOLD_SECONDS: Final = 600.0
"""How long it is remembered that nothing was done about a message, and nothing will be."""
FORGET_SECONDS: Final = 10.0
"""How often what is past that is looked for: a busy house has thousands open that were answered long ago."""


class Memory:
    """What one sender remembers, by the command's id."""

    def __init__(self) -> None:
        self._open: dict[str, OpenCommand] = {}
        self._never: dict[str, tuple[float, Answer]] = {}
        self._look_at = 0.0

    def __iter__(self) -> Iterator[OpenCommand]:
        """All commands that were published."""
        return iter(self._open.values())

    def find(self, jti: str) -> OpenCommand | None:
        """The command of that id, if it was published."""
        return self._open.get(jti)

    def add(self, command: OpenCommand) -> OpenCommand:
        """Notes it before it is published; if there is one of that id, gives that one back."""
        return self._open.setdefault(command.jti, command)

    def never_done(self, jti: str) -> Answer | None:
        """What was told about a message for which nothing was published, and nothing will be."""
        told = self._never.get(jti)
        return None if told is None else told[1]

    def will_never_be_done(self, jti: str, answer: Answer) -> Answer:
        """Notes that; whoever was told something before stays right."""
        self._open.pop(jti, None)
        return self._never.setdefault(jti, (now(), answer))[1]

    def keys_in_use(self) -> Keyring:
        """Those that commands were signed with which nobody was answered yet: one may have left meanwhile."""
        return Keyring(command.key for command in self if not command.has_ended)

    def forget(self) -> None:
        """Forgets what is past, now and then."""
        at = now()
        if at < self._look_at:
            return
        self._look_at = at + FORGET_SECONDS
        for jti in [jti for jti, command in self._open.items() if at > command.latest + LATE_SECONDS]:
            del self._open[jti]
        for jti in [jti for jti, (told, _) in self._never.items() if at > told + TOLD_SECONDS]:
            del self._never[jti]
