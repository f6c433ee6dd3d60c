"""An actuator at work: settles its devices, connects, takes commands, keeps states, availability and nonce published.

The order at the start is the safety: outputs are settled before the network comes up. At the end it is the reverse:
what was opened for a time is locked first, and only then the broker is told good-bye.
"""

import logging
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Final

from latchwire import topics
from latchwire.actuator.alerts import Alerts
from latchwire.actuator.commands import DEADLINE_SECONDS, Commands
from latchwire.actuator.device import Device
from latchwire.actuator.handler import Handler
from latchwire.actuator.looks import Looks
from latchwire.actuator.peers import ASIDE_SECONDS, ASSERT_SECONDS, Peer, Peers
from latchwire.actuator.published import About, Published
from latchwire.actuator.strands import Job, Strands
from latchwire.bus import Bus, Endpoint, Login, Message, Proof, Subscription
from latchwire.config.agent import AgentConfig
from latchwire.health import Health
from latchwire.log import event
from latchwire.model import Cause
from latchwire.protocol.keys import Keyring
from latchwire.protocol.verdict import Delivery
from latchwire.waiting import STALL_SECONDS, Timers, Wake, now

SETTLE_SECONDS: Final = 10.0
"""How long the network waits for outputs to be settled; hardware that hangs longer must not keep the agent silent."""
LETTERS: Final = 200
"""Messages that may wait for the broker beside the state of each device."""
HANG_SECONDS: Final = 60.0
"""A job of a device that takes longer has hung: twenty times what an operation on I2C may take."""
CLOSE_SECONDS: Final = 3.0
"""How long the end waits for doors to be locked; procd kills after five (procd's term_timeout)."""

_log = logging.getLogger("latchwire.agent")


class Actuator:
    """The acting half of Latchwire: give it one handler for each device, and start it.

    Args:
        config: the agent.
        keyring: its keys.
        endpoint: where the broker is.
        login: the agent's login there.
        handlers: one for each device of ``config``.
        about: what to say of itself.
        workers: how many devices can be slow at the same time.
        hang_seconds: how long a job of a device may take before its thread counts as hung.
        deadline: seconds that an action may take before it is answered ``timeout``.
        aside_seconds: how often one that stands aside for another process looks whether that is gone.
    """

    def __init__(
        self,
        *,
        config: AgentConfig,
        keyring: Keyring,
        endpoint: Endpoint,
        login: Login,
        handlers: Mapping[str, Handler],
        about: About,
        workers: int = 8,
        hang_seconds: float = HANG_SECONDS,
        deadline: float = DEADLINE_SECONDS,
        aside_seconds: float = ASIDE_SECONDS,
    ) -> None:
        self._config, self._about, self._aside_seconds = config, about, aside_seconds
        self._hang_seconds = hang_seconds
        self._peers = Peers(started=now())
        self._timers = Timers(on_fault=self._fault)
        self._strands = Strands(workers=workers, on_fault=self._fault)
        self._alerts = Alerts(
            timers=self._timers, publish=lambda alert: self._bus.publish(topics.alert(config.name), alert)
        )
        self._devices = {name: self._new_device(name, handlers[name]) for name in config.devices}
        self._looks = Looks(
            devices=self._devices,
            strands=self._strands,
            timers=self._timers,
            on_looked=self._changed,
            on_fault=self._fault,
        )
        self._unproved: Sequence[str] = ()
        self._lost = "not connected yet"
        self._stopping = False
        self._commands = Commands(
            config=config,
            keyring=keyring,
            devices=self._devices,
            strands=self._strands,
            timers=self._timers,
            alerts=self._alerts,
            publish=lambda topic, token, minor: self._bus.publish(topic, token, keep=True, minor=minor),
            on_done=self._changed,
            deadline=deadline,
        )
        name = config.name
        self._bus = Bus(
            endpoint=endpoint,
            login=login,
            listener=self,
            subscriptions=(
                Subscription(topics.command(name, "+"), topics.command(name, topics.SELF_TEST), as_published=True),
                Subscription(topics.availability(name), topics.availability(name), Proof.OWN),
                Subscription(topics.nonce(name), topics.nonce(name), Proof.OWN),
                Subscription(topics.status(name), topics.status(name), Proof.OWN),
            ),
            will=(topics.availability(name), "offline"),
            durable=True,
            session_seconds=2 * config.lifetime,
            letters=LETTERS + len(config.devices),  # all states are published at a connect
        )
        self._published = Published(
            config=config,
            about=about,
            bus=self._bus,
            peers=self._peers,
            devices=self._devices,
            nonce=lambda: self._commands.nonce.value,
            verifies=lambda: self._commands.verifies,
            health=self.health,
        )

    def _new_device(self, name: str, handler: Handler) -> Device:
        return Device(
            config=self._config.devices[name],
            handler=handler,
            timers=self._timers,
            submit=lambda job: self._strands.submit(name, job, first=True),
            on_change=partial(self._changed, name),
        )

    def _changed(self, name: str) -> None:
        self._published.state(name)

    # --------------------------------------------------------------------------- beginning and end

    def start(self) -> None:
        """Settles all devices, then connects; returns at once after that."""
        self._looks.watch()
        self._on_every_strand({name: device.settle for name, device in self._devices.items()}, SETTLE_SECONDS)
        self._timers.start()
        self._timers.after(self._config.lifetime, self._roll_in_time)
        self._looks.start()
        self._bus.start()

    def stop(self) -> None:
        """Locks what was opened for a time, gives the hardware back, and disconnects; within a few seconds."""
        self._stopping = True
        self._looks.stop()
        self._commands.stop()
        self._on_every_strand({name: device.close for name, device in self._devices.items()}, CLOSE_SECONDS)
        for name in self._devices:
            self._published.state(name)
        self._bus.stop([] if self._peers.is_aside else [(topics.availability(self._config.name), "offline")])
        self._timers.stop()
        self._looks.close()
        self._strands.stop()

    def _on_every_strand(self, jobs: Mapping[str, Job], seconds: float) -> None:
        """Runs a job for each device before all that waits there; gives up waiting after so long."""
        left, done = set(jobs), Wake()

        def run(name: str) -> None:
            try:
                jobs[name]()
            finally:
                left.discard(name)
                if not left:
                    done.set()

        for name in jobs:
            self._strands.submit(name, partial(run, name), first=True)
        if jobs and not done.wait(seconds):
            _log.warning("The hardware does not answer; going on without it. device=%s", ",".join(sorted(left)))
        done.close()

    def use(self, keyring: Keyring, login: Login) -> None:
        """Works with these keys from now on, and connects with this password when it has to connect again."""
        self._bus.use(login)
        self._commands.use(keyring)
        self._published.status()

    def hung(self) -> str:
        """Which of its threads hangs or has died, in a few words; "" if none: then only a new process can help."""
        name, seconds = self._strands.longest()
        if seconds > self._hang_seconds:
            return f"the hardware of {name} for {seconds:.0f} s"
        if max(self._timers.seconds_stalled(), self._looks.seconds_stalled()) > STALL_SECONDS:
            return "the timers"
        if self._bus.seconds_stalled() > STALL_SECONDS:
            return "the connection to the broker"
        return ""

    def health(self) -> Health:
        """How it is, for ``--health``, the status topic and ``latchwire status``."""
        troubles: list[str] = []
        if self._peers.is_aside:
            troubles.append(f"{Cause.DUPLICATE_AGENT.sentence} {Cause.DUPLICATE_AGENT.remedy}")
        elif not self._bus.is_connected:
            troubles.append(f"No connection to the broker: {self._lost}")
        elif self._unproved:
            troubles.append(f"The broker's access list does not let it hear {', '.join(self._unproved)}")
        notes = [self._bus.certificate_note] if self._bus.certificate_note else []
        unknown: dict[tuple[Cause, str], list[str]] = {}
        for name, device in self._devices.items():
            if device.view.cause is not None:
                unknown.setdefault((device.view.cause, device.view.lacks), []).append(name)
        for (cause, lacks), names in unknown.items():
            line = f"{', '.join(names)}: {cause.sentence} {lacks or cause.remedy}"
            (notes if cause is Cause.NOT_CONFIGURED else troubles).append(line)
        return Health(tuple(troubles), tuple(notes))

    # ------------------------------------------------------------------------- told by the bus

    def connected(self) -> None:
        """Publishes what is retained."""
        self._unproved = ()
        self._published.everything()

    def ready(self) -> None:
        """Every subscription was proved."""
        self._unproved = ()
        event(_log, logging.INFO, "Connected, and ready for commands.", agent=self._config.name)

    def unproved(self, filters: Sequence[str]) -> None:
        """The access list denies what the agent must hear."""
        if self._peers.is_aside:
            return  # it publishes nothing there itself
        self._unproved = filters
        event(
            _log, logging.ERROR,
            "The broker lets this login subscribe but delivers nothing: look at the broker's access list.",
            agent=self._config.name, topics=",".join(filters),
        )  # fmt: skip
        self._published.status()

    def lost(self, reason: str) -> None:
        """There is no connection; devices go on by themselves."""
        if reason != self._lost:
            event(_log, logging.WARNING, "The broker is away, trying again.", agent=self._config.name, reason=reason)
        self._lost = reason

    def denied(self, ticket: int, reason: str) -> None:
        """The access list denies what the agent must say."""
        event(_log, logging.ERROR, "The broker refused a publication: look at its access list.",
              agent=self._config.name, reason=reason, ticket=ticket)  # fmt: skip

    def heard(self, message: Message) -> None:
        """A command, or something in the agent's own name."""
        address = topics.parse(message.topic)
        if address is None:
            self._alerts.raise_(Cause.MALFORMED, detail="published on a topic that names no device")
        elif address.kind == "command":
            if not self._peers.is_aside:
                delivery = Delivery(address.device, message.payload, message.retained, message.duplicate)
                if self._commands.heard(delivery):
                    self._roll()
        elif not message.retained and not self._stopping:
            self._heard_own(address.kind, message.payload)

    def _heard_own(self, kind: str, payload: bytes) -> None:
        if kind == "availability" and payload != b"online" and not self._peers.is_aside:
            # The last will of a connection of ours that ended, or of a process that stood aside.
            self._published.online()
        elif kind == "nonce" and self._peers.heard_nonce(payload, now()):
            self._published.status()
        elif kind == "status":
            self._heard_peer(self._peers.heard_status(payload, now()))

    def _heard_peer(self, peer: Peer) -> None:
        if peer is Peer.OLDER:
            self._alerts.raise_(Cause.DUPLICATE_AGENT)
            self._timers.after(self._aside_seconds, self._look_again)
        elif peer is Peer.YOUNGER:
            self._published.everything()
            # What the other one published until it heard that is not to stay.
            self._timers.after(ASSERT_SECONDS, self._published.everything)

    # --------------------------------------------------------------------------------- in time

    def _look_again(self) -> None:
        if self._peers.look_again(now(), quiet=2.0 * self._config.lifetime):
            self._commands.roll()
            self.connected()
        else:
            self._timers.after(self._aside_seconds, self._look_again)

    def _roll_in_time(self) -> None:
        self._roll()
        self._timers.after(max(0.01, self._config.lifetime - self._commands.nonce.age(now())), self._roll_in_time)

    def _roll(self) -> None:
        if self._commands.roll() and not self._stopping:  # after its good-bye it would seem to be there
            self._published.nonce()

    # --------------------------------------------------------------------------------- told

    def _fault(self, fault: Exception) -> None:
        event(_log, logging.ERROR, "A fault of the agent itself; please report it.",
              agent=self._config.name, fault=repr(fault))  # fmt: skip
        _log.debug("Where it was:", exc_info=fault)
