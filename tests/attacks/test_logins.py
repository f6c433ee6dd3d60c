"""What a login at the broker is good for, and what it is not: names, topics, client ids, last wills."""

import socket
from collections.abc import Callable

import pytest

from latchwire import topics
from latchwire.model import Cause
from latchwire.sender import Ending
from support.access_table import CELLS, TABLE, Seen, try_every_cell
from support.broker import TOP, Broker, wait_until
from support.home import DOOR, Home
from support.nats import Cluster, rights_of
from support.scene import ALERT, COMMAND, Scene
from support.wire import Wire

ONLINE = topics.availability("omega")


@pytest.fixture(scope="module")
def seen_on_nats(cluster: Cluster) -> Seen:
    """Tries every cell of the table of topics once (on Mosquitto that is done in tests/broker)."""
    return try_every_cell(cluster.broker)  # type: ignore[arg-type]  # what the table needs of it is the same


def test_a_login_publishes_nothing_but_what_the_table_gives_it_on_nats(seen_on_nats: Seen) -> None:
    """Holds: any one login at the broker; tries every topic in every other's name."""
    assert seen_on_nats.published == {(login, topic) for login, topic in CELLS if login in TABLE[topic].writers}


def test_a_login_reads_nothing_but_what_the_table_gives_it_on_nats(seen_on_nats: Seen) -> None:
    """Holds: any one login at the broker; reads what is for others."""
    assert seen_on_nats.read == {(login, topic) for login, topic in CELLS if login in TABLE[topic].readers}


def test_the_rights_on_the_page_about_other_brokers_are_those_of_the_access_list() -> None:
    """Holds: a login at a broker that somebody set up from the page."""
    page = " ".join((TOP / "docs/operating.md").read_text().split())
    acl = (TOP / "broker/acl").read_text()
    for login in ("omega", "whatsapp"):
        rights = rights_of(login, acl)
        for subjects in (rights.publish, rights.subscribe, rights.never):
            assert not subjects or ", ".join(f'"{subject}"' for subject in subjects) in page


def test_a_thief_with_the_agents_client_id_takes_nothing_over(scene: Scene) -> None:
    """Holds: a login; takes client ids that might be the agent's. They are new for each process."""
    for client_id in ("omega", scene.actuator._bus._client_id.rsplit("-", 1)[0], "omega-" + "0" * 32):
        Wire(scene.home.endpoint(), scene.home.login("manual"), client_id=client_id).close()
    answer = scene.home.sender().ask(agent="omega", device=DOOR, action="unlock", sub="manual:test")
    assert answer.ending is Ending.DONE
    assert scene.observer.on(ONLINE)[-1].payload == b"online"


def test_a_thief_who_knows_the_client_id_only_makes_the_agent_connect_again(scene: Scene) -> None:
    """Holds: the broker's log, where client ids stand, and another login; takes the agent's connection over."""
    taken = Wire(scene.home.endpoint(), scene.home.login("manual"), filters=(ONLINE, COMMAND),
                 client_id=scene.actuator._bus._client_id)  # fmt: skip
    taken.close()
    sender = scene.home.sender()
    wait_until(
        lambda: sender.ask(agent="omega", device=DOOR, action="unlock", sub="manual:test").ending is Ending.DONE,
        "the agent is back",
        40,  # NATS makes both of a pair that fight for a name wait for ten seconds
    )
    assert taken.commands() == []


def test_a_last_will_in_the_agents_name_is_published_by_nobody(home: Home) -> None:
    """Holds: another login; leaves a last will on the agent's topics and drops the connection."""
    scene = Scene(home)
    for topic in (ONLINE, topics.nonce("omega"), topics.state("omega", DOOR)):
        home.wire("twitter", filters=("latchwire/twitter/status",), will=(topic, "forged")).cut()
    mark = ("latchwire/whatsapp/availability", "offline")
    home.wire("whatsapp", filters=("latchwire/whatsapp/status",), will=mark).cut()
    scene.observer.wait_for(mark[0])  # a will that is allowed comes
    assert [heard for heard in scene.observer.messages if heard.payload == b"forged"] == []


def test_a_command_is_published_to_one_topic_and_not_to_a_pattern(scene: Scene) -> None:
    """Holds: an ingress's login and a well-signed command; publishes it to all doors at once."""
    for topic in ("latchwire/+/front-door/command", "latchwire/omega/+/command", "latchwire/#", "#"):
        raw = Raw(scene.home, "manual")
        raw.publish(topic, scene.home.token(scene.nonce, aud="omega/+").encode())
        assert raw.is_thrown_out()
    scene.assert_nothing_moved()


def test_wildcards_of_nats_in_a_topic_reach_no_door(scene: Scene) -> None:
    """Holds: an ingress's login; uses what means "any" at NATS, where a topic becomes a subject."""
    token = scene.home.token(scene.nonce)
    for topic in ("latchwire/*/front-door/command", "latchwire/omega/*/command", "latchwire/omega/>", "latchwire/>"):
        scene.thief.say(topic, token)
    scene.assert_nothing_moved()
    assert {heard.topic for heard in scene.observer.on("latchwire/omega/#") if "receipt" in heard.topic} <= {
        topics.receipt("omega", DOOR, "whatsapp")
    }


def test_a_topic_that_is_no_device_is_told_without_its_words(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    """Holds: an ingress's login; writes words into the topic (control characters end the connection at the broker)."""
    devices = ("Front-Door", "d" * 33, "front_door", "дверь", "ERROR:forged=done", "%s%n", "$(reboot)", "..")
    for device in devices:
        scene.thief.publish(f"latchwire/omega/{device}/command", scene.home.token(scene.nonce))
    assert scene.alert(Cause.MALFORMED) == {"cause": "malformed", "count": 1}
    scene.assert_nothing_moved()
    told = caplog.text + scene.observer.on(ALERT)[-1].payload.decode()
    assert [device for device in devices if device != ".." and device in told] == []


class Raw:
    """An MQTT 3.1.1 connection that checks nothing of what it sends."""

    def __init__(self, home: Home, name: str) -> None:
        login = home.login(name)
        self._socket = socket.create_connection((home.broker.host, home.broker.port), timeout=5)
        fields = b"".join(map(_text, (b"raw", login.name.encode(), login.password.encode())))
        self._send(0x10, b"\x00\x04MQTT\x04\xc2\x00\x3c" + fields)
        assert self._socket.recv(4) == b"\x20\x02\x00\x00"

    def publish(self, topic: str, payload: bytes) -> None:
        self._send(0x32, _text(topic.encode()) + b"\x00\x01" + payload)

    def is_thrown_out(self) -> bool:
        """Whether the broker ends the connection."""
        with self._socket:
            while True:
                try:
                    if not self._socket.recv(100):
                        return True
                except ConnectionError:
                    return True
                except TimeoutError:
                    return False

    def _send(self, kind: int, body: bytes) -> None:
        length, size = b"", len(body)
        while size > 127:
            length, size = length + bytes([size & 127 | 128]), size >> 7
        self._socket.sendall(bytes([kind]) + length + bytes([size]) + body)


def _text(text: bytes) -> bytes:
    return len(text).to_bytes(2, "big") + text


def test_a_new_login_is_nothing_until_it_is_written_down(start_broker: Callable[..., Broker]) -> None:
    """Holds: the network; no login, a wrong password, another's password, an empty one."""
    broker = start_broker(logins={"garage": "the password of garage"})
    for name, password in (("", ""), ("omega", ""), ("omega", "wrong"), ("omega", broker.logins["garage"]), ("x", "x")):
        body = b"\x00\x04MQTT\x04" + (b"\xc2" if name else b"\x02") + b"\x00\x3c" + _text(b"raw")
        body += _text(name.encode()) + _text(password.encode()) if name else b""
        with socket.create_connection((broker.host, broker.port), timeout=5) as connection:
            connection.sendall(b"\x10" + bytes([len(body)]) + body)
            try:
                answer = connection.recv(4)
            except ConnectionError:
                answer = b""
            assert answer[3:] != b"\x00", f"{name!r} came in"
