"""The connection to a real broker: ready only when proved, sent now or not at all, and back for ever."""

import select
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from latchwire.bus import Bus, Endpoint, Login, Message, Proof, Subscription, keepalive, library
from latchwire.bus import attempts as of_attempts
from latchwire.bus import connection as of_connection
from support.broker import Broker, wait_until
from support.wire import Wire

COMMANDS = Subscription("latchwire/omega/+/command", "latchwire/omega/self-test/command")
AVAILABILITY = "latchwire/omega/availability"


class Ear:
    """A listener that remembers."""

    def __init__(self) -> None:
        self.events: list[str] = []
        self.messages: list[Message] = []
        self.tickets: list[int] = []
        self.missing: list[str] = []
        self.reasons: list[str] = []
        self.on_connected: Callable[[], object] = lambda: None
        self.fault: Exception | None = None

    def connected(self) -> None:
        self.events.append("connected")
        self.on_connected()

    def ready(self) -> None:
        self.events.append("ready")

    def unproved(self, filters: Sequence[str]) -> None:
        self.missing.extend(filters)

    def heard(self, message: Message) -> None:
        self.messages.append(message)
        if self.fault is not None:
            raise self.fault

    def denied(self, ticket: int, reason: str) -> None:
        assert reason
        self.tickets.append(ticket)

    def lost(self, reason: str) -> None:
        self.events.append("lost")
        self.reasons.append(reason)


class Buses:
    """Makes buses that end with the test."""

    def __init__(self) -> None:
        self.made: list[Bus] = []

    def __call__(
        self, where: Broker | Endpoint, ear: Ear, *, name: str = "omega", password: str = "", **options: object
    ) -> Bus:
        endpoint = where if isinstance(where, Endpoint) else Endpoint(where.host, where.port)
        options.setdefault("subscriptions", (COMMANDS,))
        login = Login(name, password or f"the password of {name}")
        bus = Bus(endpoint=endpoint, login=login, listener=ear, **options)  # type: ignore[arg-type]
        self.made.append(bus)
        bus.start()
        return bus


@pytest.fixture
def connect() -> Iterator[Buses]:
    buses = Buses()
    yield buses
    for bus in buses.made:
        bus.stop()


@pytest.fixture(autouse=True)
def _quick_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(of_attempts, "PAUSES", (0.05, 0.1))


def observer(broker: Broker) -> Wire:
    return Wire(Endpoint(broker.host, broker.port), Login("observer", broker.logins["observer"]))


def seconds(call: Callable[[], object]) -> float:
    begun = time.monotonic()
    call()
    return time.monotonic() - begun


def threads_of(name: str) -> int:
    return sum(thread.name == f"bus-{name}" for thread in threading.enumerate())


# ------------------------------------------------------------------------------------ connecting


@pytest.mark.parametrize("mqtt5", [True, False], ids=["5", "3.1.1"])
def test_it_is_ready_after_its_messages_to_itself_came_and_hears_commands(
    broker: Broker, connect: Buses, *, mqtt5: bool
) -> None:
    ear = Ear()
    bus = connect(Endpoint(broker.host, broker.port, mqtt5=mqtt5), ear)
    wait_until(lambda: bus.is_ready, "it is ready")
    assert ear.events == ["connected", "ready"]
    assert ear.messages == []  # its own proof is nobody's business
    connect(broker, Ear(), name="manual", subscriptions=(), durable=True).publish(
        "latchwire/omega/front-door/command", "said", keep=True
    )
    wait_until(lambda: bool(ear.messages), "a command is heard")
    assert ear.messages == [Message("latchwire/omega/front-door/command", b"said", retained=False, duplicate=False)]


def test_a_subscription_that_only_others_prove_does_not_keep_it_from_being_ready(
    broker: Broker, connect: Buses
) -> None:
    bus = connect(broker, Ear(), subscriptions=(Subscription(AVAILABILITY, AVAILABILITY, Proof.NONE),))
    wait_until(lambda: bus.is_ready, "it is ready")


def test_a_denied_subscription_that_looks_granted_is_noticed(
    start_broker: Callable[..., Broker], connect: Buses, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("latchwire.bus.proofs.PROOF_SECONDS", 0.3)
    broker = start_broker(extra_acl="\nuser omega\ntopic deny latchwire/omega/self-test/command\n")
    ear = Ear()
    bus = connect(broker, ear)
    wait_until(lambda: bool(ear.missing), "the denial is noticed")
    assert ear.missing == [COMMANDS.filter]
    assert bus.is_connected
    assert not bus.is_ready


def test_a_subscription_that_is_allowed_later_is_proved_later(
    start_broker: Callable[..., Broker], connect: Buses, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("latchwire.bus.proofs.PROOF_SECONDS", 0.2)
    monkeypatch.setattr("latchwire.bus.proofs.AGAIN_SECONDS", 0.2)
    broker = start_broker(extra_acl="\nuser omega\ntopic deny latchwire/omega/self-test/command\n")
    ear = Ear()
    bus = connect(broker, ear)
    wait_until(lambda: bool(ear.missing), "the denial is noticed")
    access = broker.folder / "acl"
    access.write_text(access.read_text().replace("topic deny latchwire/omega/self-test/command\n", ""))
    broker.add_login("anybody", "reloads the access list")
    wait_until(lambda: bus.is_ready, "it is ready")


def test_a_denied_publication_is_told_with_its_ticket(broker: Broker, connect: Buses) -> None:
    ear = Ear()
    bus = connect(broker, ear)
    wait_until(lambda: bus.is_ready, "it is ready")
    ticket = bus.publish("latchwire/magiq/light/command", "not mine")
    wait_until(lambda: bool(ear.tickets), "the denial is told")
    assert ear.tickets == [ticket]


def test_a_denied_publication_on_3_1_1_harms_nothing(broker: Broker, connect: Buses) -> None:
    ear = Ear()
    bus = connect(Endpoint(broker.host, broker.port, mqtt5=False), ear)
    wait_until(lambda: bus.is_ready, "it is ready")
    bus.publish("latchwire/magiq/light/command", "not mine")
    bus.publish(AVAILABILITY, "online", retained=True)
    observer(broker).wait_for(AVAILABILITY)
    assert ear.tickets == []
    assert ear.events == ["connected", "ready"]


def test_small_packets_leave_at_once(broker: Broker, connect: Buses) -> None:
    bus = connect(broker, Ear())
    wait_until(lambda: bus.is_ready, "it is ready")
    assert bus._client is not None
    sock = bus._client.socket()
    assert isinstance(sock, socket.socket)
    assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1


def test_client_ids_begin_with_the_login_and_are_new_for_each_process(broker: Broker, connect: Buses) -> None:
    buses = [connect(broker, Ear()) for _ in range(2)]
    wait_until(lambda: all(bus.is_ready for bus in buses), "neither throws the other out")
    names = [bus._client_id for bus in buses]
    assert names[0] != names[1]
    assert all(name.startswith("omega-") and len(name) == len("omega-") + 32 for name in names)


def test_a_refused_login_is_told_with_its_name(broker: Broker, connect: Buses) -> None:
    ear = Ear()
    connect(broker, ear, password="wrong")
    wait_until(lambda: bool(ear.reasons), "it is told")
    assert "omega" in ear.reasons[0]
    assert "wrong" not in ear.reasons[0]


# ------------------------------------------------------------------------ sent now or not at all


def test_what_was_published_without_a_connection_is_never_sent(broker: Broker, connect: Buses) -> None:
    ear = Ear()
    bus = connect(broker, ear)
    wait_until(lambda: bus.is_ready, "it is ready")
    broker.kill()
    wait_until(lambda: not bus.is_connected, "it notices")
    assert bus.publish("latchwire/omega/availability", "of no use", keep=True) is None
    broker.start()
    wait_until(lambda: ear.events.count("ready") == 2, "it is back")
    bus.publish(AVAILABILITY, "online")
    looks = observer(broker)
    bus.publish(AVAILABILITY, "marker")
    looks.wait_for(AVAILABILITY, lambda heard: heard.payload == b"marker")
    assert {heard.payload for heard in looks.on(AVAILABILITY)} <= {b"online", b"marker"}


@pytest.mark.parametrize("durable", [True, False])
def test_what_the_broker_never_acknowledged_is_sent_again_only_if_it_is_kept(
    broker: Broker, connect: Buses, *, durable: bool
) -> None:
    ear = Ear()
    bus = connect(broker, ear, durable=durable, session_seconds=60)
    wait_until(lambda: bus.is_ready, "it is ready")
    broker.pause()  # the connection stands, and nobody reads
    for index in range(3):
        assert bus.publish("latchwire/omega/front-door/receipt/manual", f"receipt {index}", keep=True)
        assert bus.publish("latchwire/omega/front-door/state", f"old {index}", retained=True)
    wait_until(lambda: not bus._outbox._waiting, "all was handed over")
    ear.on_connected = lambda: bus.publish("latchwire/omega/front-door/state", "new", retained=True)
    broker.kill()
    wait_until(lambda: not bus.is_connected, "it notices")
    broker.start()
    looks = observer(broker)
    wait_until(lambda: ear.events.count("ready") == 2, "it is back")
    bus.publish("latchwire/omega/alert", "marker")
    looks.wait_for("latchwire/omega/alert")
    states = {heard.payload for heard in looks.on("latchwire/omega/front-door/state")}
    assert states == {b"new"}, "an old state came after the new one"
    if not durable:
        assert looks.on("latchwire/omega/front-door/receipt/manual") == []


def test_receipts_of_a_time_without_a_broker_arrive_in_their_order(broker: Broker, connect: Buses) -> None:
    topic = "latchwire/omega/front-door/receipt/omega"
    ear = Ear()
    own = Subscription("latchwire/omega/+/receipt/omega", "latchwire/omega/self-test/receipt/omega")
    bus = connect(broker, ear, durable=True, session_seconds=60, subscriptions=(own,))
    wait_until(lambda: bus.is_ready, "it is ready")
    broker.kill()
    wait_until(lambda: not bus.is_connected, "it notices")
    for index in range(30):
        assert bus.publish(topic, str(index), keep=True) is not None
    broker.start()
    wait_until(lambda: len(ear.messages) >= 30, "all arrive")
    assert [int(message.payload) for message in ear.messages] == list(range(30))


def test_more_than_can_be_kept_is_told_and_not_sent(connect: Buses, caplog: pytest.LogCaptureFixture) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        bus = connect(Endpoint("127.0.0.1", nobody.getsockname()[1]), Ear(), durable=True, session_seconds=60)
        tickets = [bus.publish("latchwire/omega/alert", "x", keep=True) for _ in range(201)]
    assert tickets[-1] is None
    assert None not in tickets[:-1]
    assert "too many are unsent" in caplog.text


# --------------------------------------------------------------------------------- back for ever


def test_it_comes_back_after_the_broker_was_killed_again_and_again(broker: Broker, connect: Buses) -> None:
    ear = Ear()
    bus = connect(broker, ear)
    for round_ in range(1, 4):
        wait_until(lambda count=round_: ear.events.count("ready") == count, "it is ready")  # type: ignore[misc]
        broker.kill()
        wait_until(lambda: not bus.is_connected, "it notices")
        broker.start()
    wait_until(lambda: bus.is_ready, "it is ready")


def test_attempts_are_spread(monkeypatch: pytest.MonkeyPatch, connect: Buses) -> None:
    waits: list[float] = []
    real = Bus._pause

    def pause(bus: Bus, seconds: float) -> None:
        waits.append(seconds)
        real(bus, seconds)

    monkeypatch.setattr(Bus, "_pause", pause)
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        ear = Ear()
        begun = time.monotonic()
        connect(Endpoint("127.0.0.1", nobody.getsockname()[1]), ear)
        wait_until(lambda: len(ear.reasons) >= 20, "it goes on trying")
        took = time.monotonic() - begun
    assert all(0.05 <= seconds <= 0.15 for seconds in waits[1:])  # it stays about the longest one
    assert len({*waits}) > 10, "a whole street's services come back one after the other"
    assert took >= 19 * 0.1 * 0.5


def test_a_broker_that_takes_the_connection_and_never_answers_is_given_up(
    connect: Buses, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(of_connection, "CONNECT_SECONDS", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        ear = Ear()
        bus = connect(Endpoint(*silent.getsockname()), ear)
        wait_until(lambda: len(ear.reasons) >= 2, "it gives up, and tries again")
        assert set(ear.reasons) == {"the broker does not answer"}
        assert seconds(bus.stop) < 1


GARBAGE = {
    "a packet type that is none": b"\xf0\x00",
    "a SUBACK before a CONNACK": b"\x90\x00",
    "a CONNACK that is too short": b"\x20\x00",
    "a CONNACK with properties that are none": b"\x20\x05\x00\x00\xff\xff\xff",
    "a PUBLISH whose topic is longer than itself": b"\x20\x03\x00\x00\x00\x32\x03\xff\xff\x00",
    "a PUBACK of what was never sent": b"\x20\x03\x00\x00\x00\x40\x02\x7f\xff\x30\x01\x00",
    "a topic that is not UTF-8": b"\x20\x03\x00\x00\x00\x30\x06\x00\x02\xff\xfe\x00x" + b"\x90\x00",
    "a PUBLISH with a property that is none": b"\x20\x03\x00\x00\x00\x30\x08\x00\x01a\x03\x7f\x7f\x7f\x00",
    "a length that never ends": b"\x20\xff\xff\xff\xff\xff\xff",
}


@pytest.mark.parametrize("garbage", GARBAGE.values(), ids=GARBAGE)
def test_whatever_a_broker_sends_it_goes_on_trying(connect: Buses, garbage: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as hostile:
        hostile.settimeout(10)
        ear = Ear()
        connect(Endpoint(*hostile.getsockname()), ear)
        for _ in range(3):
            peer, _ = hostile.accept()
            with peer:
                peer.settimeout(10)
                peer.recv(4096)
                peer.sendall(garbage)
    wait_until(lambda: len(ear.reasons) >= 3, "it tries again each time")


def test_a_fault_of_the_listener_does_not_end_the_connection(
    broker: Broker, connect: Buses, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    ear = Ear()
    ear.fault = ZeroDivisionError("a bug")
    bus = connect(broker, ear)
    wait_until(lambda: bus.is_ready, "it is ready")
    other = connect(broker, Ear(), name="manual", subscriptions=())
    wait_until(lambda: other.is_ready, "the other is ready")
    for _ in range(2):
        other.publish("latchwire/omega/front-door/command", "said")
    wait_until(lambda: len(ear.messages) == 2, "it goes on hearing")
    assert ear.events == ["connected", "ready"]
    assert "ZeroDivisionError" in caplog.text
    assert "Traceback" not in caplog.text


# ---------------------------------------------------------------------------------- TLS


def secure(broker: Broker, host: str = "localhost", ca_file: str = "") -> Endpoint:
    return Endpoint(host, broker.tls_port, ca_file or str(broker.ca_file))


def test_over_tls_many_threads_may_publish_at_once(start_broker: Callable[..., Broker], connect: Buses) -> None:
    broker, ear = start_broker(tls=True), Ear()
    bus = connect(secure(broker), ear)
    wait_until(lambda: bus.is_ready, "it is ready")
    hear = Ear()
    wide = Subscription("latchwire/#", "latchwire/self-test/nonce")
    looks = connect(secure(broker), hear, name="observer", subscriptions=(wide,))
    wait_until(lambda: looks.is_ready, "the observer is ready")
    refused: list[None] = []

    def publish_many() -> None:
        for index in range(100):
            while bus.publish("latchwire/omega/alert", f"{index}" * 20) is None:
                refused.append(None)  # the outbox is full for a moment
                time.sleep(0.01)

    threads = [threading.Thread(target=publish_many) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    wait_until(lambda: bus._outbox.is_empty, "all is acknowledged", 20)
    assert ear.events == ["connected", "ready"]  # and no "bad record mac"
    wait_until(lambda: len(hear.messages) > 0, "something is heard")


def test_a_certificate_of_somebody_else_is_not_trusted(start_broker: Callable[..., Broker], connect: Buses) -> None:
    broker, other = start_broker(tls=True), start_broker(tls=True)
    ear = Ear()
    bus = connect(secure(broker, ca_file=str(other.ca_file)), ear)
    wait_until(lambda: bool(ear.reasons), "it is told")
    assert "certificate" in ear.reasons[0].lower()
    assert not bus.is_connected


def test_a_certificate_for_another_name_is_not_trusted(start_broker: Callable[..., Broker], connect: Buses) -> None:
    broker, ear = start_broker(tls=True), Ear()
    bus = connect(secure(broker, host="127.1"), ear)  # the same machine by a name that is not in the certificate
    wait_until(lambda: bool(ear.reasons), "it is told")
    assert "certificate" in ear.reasons[0].lower()
    assert not bus.is_connected


def test_a_missing_ca_file_is_told_by_its_name_and_looked_for_again(
    start_broker: Callable[..., Broker], connect: Buses
) -> None:
    broker, ear = start_broker(tls=True), Ear()
    missing = broker.folder / "not-yet.pem"
    bus = connect(secure(broker, ca_file=str(missing)), ear)
    wait_until(lambda: bool(ear.reasons), "it is told")
    assert "not-yet.pem" in ear.reasons[0]
    missing.write_bytes(broker.ca_file.read_bytes())
    wait_until(lambda: bus.is_ready, "it is ready")


# ------------------------------------------------------------------------- idle, and the end


def test_an_idle_connection_wakes_only_for_its_keep_alive_and_stays(
    broker: Broker, connect: Buses, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (library, of_connection, keepalive):
        monkeypatch.setattr(module, "KEEPALIVE", 1)
    wakes: list[float] = []
    real = select.poll

    class Counting:
        def __init__(self) -> None:
            self._poll = real()
            self.register = self._poll.register

        def poll(self, *arguments: float) -> list[tuple[int, int]]:
            found = self._poll.poll(*arguments)
            if threading.current_thread().name == "bus-omega":
                wakes.append(time.monotonic())
            return found

    monkeypatch.setattr(select, "poll", Counting)
    ear = Ear()
    bus = connect(broker, ear)
    wait_until(lambda: bus.is_ready, "it is ready")
    wakes.clear()
    begun = time.monotonic()
    wait_until(lambda: time.monotonic() - begun > 4, "four keep-alives pass")
    assert ear.events == ["connected", "ready"]  # the broker ends a silent connection after 1.5 s
    assert 4 <= len(wakes) <= 20  # each keep-alive: its time, PINGREQ, PINGRESP


def test_a_broker_that_hangs_is_noticed_by_the_keep_alive(
    broker: Broker, connect: Buses, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (library, of_connection, keepalive):
        monkeypatch.setattr(module, "KEEPALIVE", 1)
    ear = Ear()
    bus = connect(broker, ear)
    wait_until(lambda: bus.is_ready, "it is ready")
    broker.pause()
    wait_until(lambda: not bus.is_connected, "it notices", 6)
    broker.resume()
    wait_until(lambda: bus.is_ready, "it is back")


def test_a_shorter_keep_alive_that_the_broker_asks_for_is_kept(connect: Buses) -> None:
    """A broker that says Server Keep Alive 1 in its CONNACK, and looks whether it hears a PINGREQ in time."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(10)
        connect(Endpoint(*listener.getsockname()), Ear(), subscriptions=())
        peer, _ = listener.accept()
        with peer:
            peer.settimeout(3)
            peer.recv(4096)
            peer.sendall(b"\x20\x06\x00\x00\x03\x13\x00\x01")
            assert peer.recv(2) == b"\xc0\x00"


def test_stop_says_farewell_and_is_quick(broker: Broker, connect: Buses) -> None:
    bus = connect(broker, Ear(), will=(AVAILABILITY, "offline, by its will"))
    wait_until(lambda: bus.is_ready, "it is ready")
    looks = observer(broker)
    assert seconds(lambda: bus.stop([(AVAILABILITY, "offline")])) < 1
    looks.wait_for(AVAILABILITY)
    assert {heard.payload for heard in looks.on(AVAILABILITY)} == {b"offline"}
    wait_until(lambda: threads_of("omega") == 0, "its thread has ended")
    assert bus.publish(AVAILABILITY, "online") is None


def test_stop_is_quick_without_a_broker_and_bounded_with_one_that_hangs(broker: Broker, connect: Buses) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        ear = Ear()
        away = connect(Endpoint("127.0.0.1", nobody.getsockname()[1]), ear)
        wait_until(lambda: bool(ear.reasons), "it has tried")
        assert seconds(away.stop) < 1
    bus = connect(broker, Ear())
    wait_until(lambda: bus.is_ready, "it is ready")
    broker.pause()
    assert seconds(lambda: bus.stop([(AVAILABILITY, "offline")])) < 4
    broker.resume()


def test_two_hundred_reconnects_leave_no_thread_and_no_descriptor_behind(
    broker: Broker, connect: Buses, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(of_attempts, "PAUSES", (0.01,))
    ear = Ear()
    bus = connect(broker, ear, durable=True, session_seconds=60)
    of_process = Path("/proc/self/fd")

    def reconnect(count: int) -> None:
        for _ in range(count):
            wait_until(lambda: bus.is_ready, "it is ready")
            before = ear.events.count("ready")
            assert bus._client is not None
            sock = bus._client.socket()
            assert isinstance(sock, socket.socket)
            sock.shutdown(socket.SHUT_RDWR)
            wait_until(lambda now=before: ear.events.count("ready") > now, "it is back")  # type: ignore[misc]

    reconnect(5)
    threads, descriptors = threading.active_count(), len([*of_process.iterdir()])
    reconnect(200)
    assert threading.active_count() == threads
    assert len([*of_process.iterdir()]) <= descriptors + 1
