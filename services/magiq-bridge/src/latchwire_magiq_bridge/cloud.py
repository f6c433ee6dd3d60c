"""The seam between a socket's handler and the cloud that its socket hangs on.

``client.MagiqCloud`` is the real one; ``simulated.SimulatedCloud`` lives inside the process. Both are called
from several threads at once, one for each socket.
"""

from typing import NamedTuple, Protocol


class Reading(NamedTuple):
    """What the cloud said of a socket.

    Attributes:
        on: whether its power is on, as the cloud knows it.
        connected: whether the socket is connected to its cloud; if not, ``on`` is only a memory.
    """

    on: bool
    connected: bool


class Cloud(Protocol):
    """What a cloud of sockets can be asked.

    ``deadline`` is a moment on ``time.monotonic``: no request starts after it, and none is waited for
    much longer.
    """

    @property
    def simulated(self) -> bool:
        """Whether nothing real is switched."""

    def get(self, device_id: str, *, deadline: float) -> Reading:
        """Asks for a socket's state.

        Raises:
            ActionError: with the cause that is true of the moment at which it failed.
        """

    def set(self, device_id: str, *, on: bool, deadline: float) -> Reading | None:
        """Switches a socket: setting what is set already changes nothing.

        Returns:
            What the answer says of the socket, or ``None`` if the command was taken but nothing was said.

        Raises:
            ActionError: with a cause that says whether it may have happened.
        """

    def may_poll(self) -> bool:
        """Whether the limit of requests in a minute leaves room for one that nobody waits for."""

    def close(self) -> None:
        """Lets go of connections."""
