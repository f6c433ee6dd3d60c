"""What an agent keeps published: availability, nonce, status and the state of each device, all retained.

None of it is signed: states and status are for people and dashboards, the nonce only has to be fresh. All of it is
published again at every connect, for the broker keeps nothing over a restart. A process that stands aside for an older
one publishes none of it.
"""

import json
from collections.abc import Callable, Mapping
from typing import NamedTuple

from latchwire import topics
from latchwire.actuator.device import Device
from latchwire.actuator.peers import Peers
from latchwire.bus import Bus
from latchwire.config.agent import AgentConfig
from latchwire.health import Health
from latchwire.model import State
from latchwire.waiting import now


class About(NamedTuple):
    """What a service says of itself on its status topic.

    Attributes:
        service: its program's name.
        version: its version.
        config: a hash of the configuration in use, so that two can be compared.
    """

    service: str
    version: str
    config: str = ""


class Published:
    """Publishes what is retained, and only what is news.

    Args:
        config: the agent.
        about: what its status says of the program.
        bus: where to publish.
        peers: whether to publish at all.
        devices: whose states.
        nonce: the current one.
        health: how the agent is.
    """

    def __init__(
        self,
        *,
        config: AgentConfig,
        about: About,
        bus: Bus,
        peers: Peers,
        devices: Mapping[str, Device],
        nonce: Callable[[], str],
        health: Callable[[], Health],
    ) -> None:
        self._config, self._about, self._bus, self._peers = config, about, bus, peers
        self._devices, self._nonce, self._health = devices, nonce, health
        self._states: dict[str, str] = {}
        self._troubles: tuple[str, ...] = ()

    def everything(self) -> None:
        """After a connect."""
        self.online()
        self.nonce()
        self.status()
        self._states.clear()
        for name in self._devices:
            self.state(name)

    def online(self) -> None:
        """That the agent is there."""
        self._send(topics.availability(self._config.name), "online")

    def nonce(self) -> None:
        """What the next command is to be signed over."""
        nonce = self._nonce()
        self._peers.made(nonce)
        self._send(
            topics.nonce(self._config.name), _json({"protocol": 1, "nonce": nonce, "lifetime": self._config.lifetime})
        )

    def state(self, name: str) -> None:
        """The device's state, if it is another one than was published last."""
        device = self._devices[name]
        view, locks_in = device.view, device.locks_in()
        state: dict[str, object] = {"state": view.state.value}
        if view.cause is not None and view.state is State.UNKNOWN:
            state["cause"] = view.cause.wire
        if device.simulated:
            state["simulated"] = True
        if view.by:
            state["by"] = view.by
        news = _json(state)
        if locks_in is not None:
            state["locksIn"] = locks_in
        elif news == self._states.get(name):
            return
        if self._send(topics.state(self._config.name, name), _json(state)):
            self._states[name] = news
        if self._health().troubles != self._troubles:
            self.status()

    def status(self) -> None:
        """How the agent is."""
        rank, health = self._peers.rank(now()), self._health()
        self._troubles = health.troubles
        self._send(
            topics.status(self._config.name),
            _json({
                "service": self._about.service,
                "version": self._about.version,
                "config": self._about.config,
                "health": health.word,
                "troubles": health.troubles,
                "notes": health.notes,
                "up": rank.up,
                "instance": rank.instance,
            }),
        )  # fmt: skip

    def _send(self, topic: str, payload: str) -> bool:
        return not self._peers.is_aside and self._bus.publish(topic, payload, retained=True) is not None


def _json(document: Mapping[str, object]) -> str:
    return json.dumps(document, separators=(",", ":"))
