"""One connection on one thread, driven through paho-mqtt's interface for an external loop.

The thread sleeps in ``poll`` until the socket, another thread or the keep-alive wants something. While it sleeps,
whoever publishes writes by itself, which saves two switches of threads on a command's way. Whenever it does not sleep
it has the *turn*, so no two threads are ever inside paho or its TLS socket. What paho tells comes back on this thread.
"""

import logging
import math
import os
import threading
import time
from collections.abc import Callable, Sequence

from paho.mqtt import client as paho
from paho.mqtt.reasoncodes import ReasonCode

from latchwire.bus import library
from latchwire.bus.attempts import Attempts, why
from latchwire.bus.client import Client
from latchwire.bus.farewell import FAREWELL_SECONDS, Farewell
from latchwire.bus.keepalive import KEEPALIVE, KeepAlive
from latchwire.bus.library import CONNECT_SECONDS
from latchwire.bus.outbox import LIMIT, Outbox
from latchwire.bus.proofs import Proofs
from latchwire.bus.sleeping import Sleeping
from latchwire.bus.words import Endpoint, Listener, Login, Message, Subscription
from latchwire.log import Seldom
from latchwire.waiting import Wake

_log = logging.getLogger("latchwire.bus")


class Bus:
    """A connection to the broker that comes back for ever.

    Args:
        endpoint: where the broker is.
        login: as whom; the client id is the login's name, a dash and 128 random bits, new for each process.
        listener: whom to tell.
        subscriptions: what to hear.
        will: topic and payload that the broker publishes, retained, when this client is gone.
        durable: keep the session and what is unsent over a reconnect (an agent), or start clean (a sender).
        session_seconds: how long the broker keeps a durable session (MQTT 5 only).
        letters: how many messages may be unsent or unacknowledged at a time; more are dropped, and told.

    Attributes:
        certificate_note: what to tell a person of the broker's certificate: that its end is near; "" else.
    """

    def __init__(
        self,
        *,
        endpoint: Endpoint,
        login: Login,
        listener: Listener,
        subscriptions: Sequence[Subscription],
        will: tuple[str, str] | None = None,
        durable: bool = False,
        session_seconds: int = 0,
        letters: int = LIMIT,
    ) -> None:
        self._endpoint, self._login, self._listener = endpoint, login, listener
        self._subscriptions, self._will = tuple(subscriptions), will
        self._durable, self._session_seconds = durable, session_seconds
        self._client_id = f"{login.name}-{os.urandom(16).hex()}"
        self._outbox, self._proofs = Outbox(letters), Proofs(subscriptions)
        self._client: Client | None = None
        self._taken = self._ready = self._has_session = self._stopping = self._hurries = self._asks_again = False
        self._reason = self.certificate_note = ""
        self._turned = time.monotonic()
        self._alive = KeepAlive()
        self._turn = threading.Lock()
        self._wake, self._stopped = Wake(), Wake()
        self._seldom = Seldom()
        self._last_words: Sequence[tuple[str, str]] = ()
        self._farewell = Farewell(
            self._outbox, say=self._say_last_words, lingers=lambda: durable and bool(self._last_words)
        )
        self._thread = threading.Thread(target=self._run, name=f"bus-{login.name}", daemon=True)

    @property
    def is_connected(self) -> bool:
        """Whether the broker has taken the login and the connection stands."""
        return self._outbox.is_open

    @property
    def is_ready(self) -> bool:
        """Whether it is connected and every subscription was proved."""
        return self._ready

    def start(self) -> None:
        """Begins to connect."""
        self._thread.start()

    def use(self, login: Login) -> None:
        """Connects with this password from now on; a connection that stands is left alone.

        One that the broker refused is tried again at once.
        """
        if login != self._login:
            self._login, self._hurries = login, True
            self._wake.set()

    def stop(self, last_words: Sequence[tuple[str, str]] = ()) -> None:
        """Publishes the last words (topic and payload, retained) if connected, and disconnects; at most seconds."""
        self._last_words, self._stopping = last_words, True
        self._wake.set()
        if not self._thread.is_alive():
            self._wake.close()
        elif self._stopped.wait(FAREWELL_SECONDS + 1):
            self._thread.join()
        else:
            return  # it hangs in a name look-up or a handshake; it is a daemon and ends with the process
        self._stopped.close()

    def seconds_stalled(self) -> float:
        """How long its thread has not turned beyond its longest sleep; infinite if it has ended unasked."""
        if not self._thread.is_alive():
            return 0.0 if self._stopping or self._thread.ident is None else math.inf
        return max(0.0, time.monotonic() - self._turned - KEEPALIVE)

    def ask_again(self) -> None:
        """Subscribes once more, so that the broker sends what it keeps once more; from any thread.

        Between what a broker keeps and what passes there may be a gap: NATS stores a retained message a moment after
        it has passed, and who subscribes in that moment hears it neither way.
        """
        self._asks_again = True
        self._wake.set()

    def publish(
        self,
        topic: str,
        payload: str | bytes,
        *,
        retained: bool = False,
        expiry: int | None = None,
        keep: bool = False,
        minor: bool = False,
    ) -> int | None:
        """Publishes at QoS 1, from any thread.

        Args:
            topic: where.
            payload: what.
            retained: whether the broker keeps it for who subscribes later.
            expiry: seconds after which the broker may drop it (MQTT 5 only).
            keep: on a durable bus, send it until the broker has acknowledged it, over other connections, too.
            minor: drop it when much is unsent, so that there is room for what matters more.

        Returns:
            A ticket for :meth:`Listener.denied`, or ``None``: not connected, and it will not be sent.
        """
        kept = keep and self._durable
        ticket = self._outbox.put(topic, payload, retained=retained, expiry=expiry, kept=kept, minor=minor)
        if ticket is None:
            if self._outbox.is_full:
                self._seldom.event(_log, logging.WARNING, "A message was dropped, too many are unsent.",
                                   kind="dropped", topic=topic)  # fmt: skip
        elif threading.current_thread() is not self._thread:
            self._send_here()
        return ticket

    def _send_here(self) -> None:
        """Sends on the caller's thread what is due, unless somebody has the turn: who has it looks again without it.

        Never waits for the turn: the bus's thread may hold it while it waits for a lock that the caller holds.
        """
        while self._outbox.is_due and self._turn.acquire(blocking=False):
            try:
                client = self._client
                if client is not None and self._outbox.is_open:
                    self._send(client)
                    is_over = client.socket() is not None and not client.want_write()
                else:
                    is_over = False
            finally:
                self._turn.release()
            if not is_over:  # the rest, and an end, are for the bus's own thread
                self._wake.set()
                return

    # ------------------------------------------------------------------------------- the thread

    def _run(self) -> None:
        attempts = Attempts()
        with self._turn:  # given away only while it sleeps in `_loop`
            while not self._stopping:
                pause = attempts.pause(was_connected=self._serve())
                if not self._stopping:
                    self._tell(self._listener.lost, self._reason)
                    self._pause(pause)
            self._wake.close()
        self._stopped.set()

    def _pause(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while not self._stopping and not self._hurries and (left := until - time.monotonic()) > 0:
            if self._wake.wait(left):
                self._wake.clear()
        self._hurries = False

    def _serve(self) -> bool:
        """Connects and serves one connection to its end; says whether the broker had taken the login."""
        self._turned = time.monotonic()
        where = f"{self._endpoint.host}:{self._endpoint.port}"
        self._reason = "the broker ended the connection"
        self._taken = False
        self._farewell.begin()
        self._proofs.begin()
        try:
            # A new one each time, so that nothing is sent that an older connection left.
            self._client = client = library.new_client(self._endpoint, self._login, self._client_id, self._will)
            client.on_connect, client.on_disconnect = self._on_connect, self._on_disconnect
            client.on_subscribe = self._on_subscribe
            client.on_publication, client.on_acknowledged = self._on_publication, self._on_acknowledged
            keep = self._session_seconds if self._durable else 0
            library.connect(client, self._endpoint, session_seconds=keep, clean=not (keep and self._has_session))
            self._look_at_certificate(client)
            if client.socket() is not None:  # writing CONNECT may have ended it
                self._loop(client)
        except (OSError, ValueError) as error:  # no such name, a certificate that is not good
            self._reason = f"{where}: {why(error)}"
        except Exception as fault:  # noqa: BLE001  # paho met what no broker should send; the thread must live
            self._reason = f"{where}: what it sends cannot be understood ({type(fault).__name__})"
            _log.debug("Where it was:", exc_info=True)
        finally:
            self._outbox.close()
            self._ready = False
            if self._client is not None and (sock := self._client.socket()):
                sock.close()
        return self._taken

    def _look_at_certificate(self, client: paho.Client) -> None:
        note = getattr(client.socket(), "certificate_note", "")
        if note and note != self.certificate_note:
            _log.warning("%s", note)
        self.certificate_note = note

    def _loop(self, client: Client) -> None:
        sock = client.socket()
        sleeping = Sleeping(sock, self._wake, self._turn, lambda: self._outbox.is_due)
        self._alive, begun = KeepAlive(), time.monotonic()
        while sock is not None and sock is client.socket():
            self._turned = now = time.monotonic()
            if not self._taken and now - begun > CONNECT_SECONDS:
                self._reason = "the broker does not answer"
                return
            if self._stopping and not (self.is_connected and self._farewell.go_on(now, client.disconnect)):
                return
            self._send(client)
            waits_inside = sleeping.holds
            seconds = 0 if waits_inside else self._seconds_to_sleep(client, now)
            if sleeping.until(seconds, writes=client.want_write()) or waits_inside:
                client.read()
                self._alive.heard()
                if library.holds_back(client):
                    self._reason = "the broker sends at QoS 2, which was not asked for"
                    return
            self._alive.look(client)
            if self._proofs.due is not None:
                self._check_proofs(client)

    def _seconds_to_sleep(self, client: Client, now: float) -> float:
        until = self._alive.due(client)
        if not self._taken or self._stopping:
            until = min(until, now + self._farewell.seconds)
        if self._proofs.due is not None:
            until = min(until, self._proofs.due)
        return max(0.1, until - now)

    def _send(self, client: Client) -> None:
        """Hands the outbox to paho, and lets it write what the socket takes at once; needs the turn."""
        if self._asks_again:
            self._asks_again = False
            if self._ready and self._subscriptions:
                library.subscribe(client, self._endpoint, self._subscriptions)
        while (letter := self._outbox.take()) is not None:
            self._outbox.sent(library.publish(client, letter), letter)
        if client.want_write():
            client.loop_write()
            self._alive.said()

    def _say_last_words(self) -> None:
        for topic, payload in self._last_words:
            self.publish(topic, payload, retained=True)

    # --------------------------------------------------------------------------- paho's callbacks

    def _on_connect(
        self, client: paho.Client, _data: object, _flags: object, code: ReasonCode, properties: object
    ) -> None:
        if code.is_failure:
            self._reason = f"the broker refuses the login {self._login.name}: {code}"
            return
        self._taken = self._has_session = True
        self._outbox.open(library.most_at_once(properties))
        if self._subscriptions:
            library.subscribe(client, self._endpoint, self._subscriptions)
            self._proofs.asked(time.monotonic())
        self._tell(self._listener.connected)
        if not self._subscriptions:
            self._become_ready()

    def _on_subscribe(
        self, _client: paho.Client, _data: object, _mid: int, _codes: object, _properties: object
    ) -> None:
        self._send_canaries()
        if not self._proofs.missing:
            self._become_ready()

    def _send_canaries(self) -> None:
        for topic in self._proofs.topics():
            self.publish(topic, self._proofs.canary)

    def _check_proofs(self, client: paho.Client) -> None:
        if self._proofs.overdue(time.monotonic()):
            self._tell(self._listener.unproved, self._proofs.missing)
            library.subscribe(client, self._endpoint, self._subscriptions)  # canaries follow its SUBACK

    def _on_publication(self, topic_bytes: bytes, payload: bytes, retained: bool, duplicate: bool) -> None:  # noqa: FBT001  # as the client tells it
        try:
            topic = topic_bytes.decode()
        except UnicodeDecodeError:
            return  # no topic of ours; MQTT forbids it (MQTT 5.0 section 1.5.4)
        if not retained and self._proofs.heard(topic, payload):
            self._become_ready()
        if not self._proofs.is_canary(topic):
            self._tell(self._listener.heard, Message(topic, payload, retained, duplicate))

    def _become_ready(self) -> None:
        if self._ready:
            return  # it was asked for again what is kept
        self._ready = True
        self._tell(self._listener.ready)

    def _on_acknowledged(self, number: int, code: int) -> None:
        letter = self._outbox.acknowledged(number)
        if letter is not None and (reason := library.refusal(code)):
            self._tell(self._listener.denied, letter.ticket, reason)

    def _on_disconnect(
        self, _client: paho.Client, _data: object, _flags: object, code: ReasonCode, _properties: object
    ) -> None:
        if self.is_connected and code.is_failure:
            self._reason = f"the connection ended: {code}"
        self._outbox.close()
        self._ready = False

    def _tell(self, call: Callable[..., None], *arguments: object) -> None:
        try:
            call(*arguments)
        except Exception as fault:  # noqa: BLE001  # a fault of the listener must not end the connection
            sentence = f"A fault in handling a message: {type(fault).__name__}."
            self._seldom.event(_log, logging.ERROR, sentence, kind="fault", fault=repr(fault))
            _log.debug("Where it was:", exc_info=True)
