"""What an agent keeps published: availability, nonce, status and the state of each device, all retained.

None of it is signed: states and status are for people and dashboards, the nonce only has to be fresh. All of it is
published again at every connect, for the broker keeps nothing over a restart. A process that stands aside for an older
one publishes none of it.
"""

import json
import threading
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from latchwire import topics
from latchwire.actuator.device import Device
from latchwire.actuator.peers import Peers
from latchwire.bus import Bus
from latchwire.config.agent import AgentConfig
from latchwire.health import Health
from latchwire.model import Cause, State
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
        verifies: the ``kid`` of each key that commands may be signed with.
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
        verifies: Callable[[], list[str]],
        health: Callable[[], Health],
    ) -> None:
        self._config, self._about, self._bus, self._peers = config, about, bus, peers
        self._devices, self._nonce, self._verifies, self._health = devices, nonce, verifies, health
        self._states: dict[str, str] = {}
        self._troubles: tuple[str, ...] = ()
        self._causes: dict[str, tuple[Cause | None, str]] = {}
        self._in_turn = threading.RLock()  # what is read last has to be published last

    def everything(self) -> None:
        """After a connect, or when another process has published something else."""
        with self._in_turn:
            self.status()
            self.online()
            self.nonce()
            self._states.clear()
            for name in self._devices:
                self.state(name)

    def online(self) -> None:
        """That the agent is there."""
        self._send(topics.availability(self._config.name), "online")

    def nonce(self) -> None:
        """What the next command is to be signed over."""
        with self._in_turn:
            nonce = self._nonce()
            self._peers.made(nonce)
            document = {"protocol": 1, "nonce": nonce, "lifetime": self._config.lifetime}
            self._send(topics.nonce(self._config.name), _json(document))

    def state(self, name: str) -> None:
        """The device's state, if it is another one than was published last."""
        with self._in_turn:
            state, news = self._state(self._devices[name])
            if "locksIn" in state or news != self._states.get(name):
                payload = _json(state) if "locksIn" in state else news
                if self._send(topics.state(self._config.name, name), payload):
                    self._states[name] = news
                self._status_of(name, self._devices[name])

    def _status_of(self, name: str, device: Device) -> None:
        """Publishes the health if this device changed it; else a thousand sockets would be asked at each command."""
        cause = (device.view.cause, device.view.lacks)
        if cause == self._causes.get(name, (None, "")):
            return
        self._causes[name] = cause
        if self._health().troubles != self._troubles:
            self.status()

    def _state(self, device: Device) -> tuple[Mapping[str, object], str]:
        """What to publish of a device, and the part of it that is news when it changes."""
        view, locks_in = device.view, device.locks_in()
        state: dict[str, object] = {"state": view.state.value}
        if view.cause is not None and view.state is State.UNKNOWN:
            state["cause"] = view.cause.wire
        if device.simulated:
            state["simulated"] = True
        if view.by:
            state["by"] = view.by
        if locks_in is None:
            return state, _json(state)
        state["locksIn"] = locks_in
        return state, _json({**state, "locksIn": None})  # that it locks by itself is news, and so is the end of that

    def status(self) -> None:
        """How the agent is."""
        with self._in_turn:
            rank, health = self._peers.rank(now()), self._health()
            self._troubles = health.troubles
            status = {
                "service": self._about.service,
                "version": self._about.version,
                "config": self._about.config,
                "health": health.word,
                "troubles": health.troubles,
                "notes": health.notes,
                "verifies": self._verifies(),
                "up": rank.up,
                "instance": rank.instance,
            }
            self._send(topics.status(self._config.name), _json(status))

    def _send(self, topic: str, payload: str) -> bool:
        return not self._peers.is_aside and self._bus.publish(topic, payload, retained=True) is not None


_json: Final = json.JSONEncoder(separators=(",", ":")).encode  # json.dumps makes one at each call
