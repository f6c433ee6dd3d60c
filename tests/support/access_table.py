"""The table of topics, cell by cell: who publishes to what, and who reads it, on a running broker.

The expected table is written out here by hand, in the words of the protocol page, and not derived from the access
list. What is delivered is the only proof: a denied SUBSCRIBE looks granted and, on MQTT 3.1.1, a denied PUBLISH looks
acknowledged. So one witness, with rights that no login of ours has, reads what each login publishes, and publishes
what each login may or may not read.
"""

import queue
from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from support.broker import LOGINS, Broker

WITNESS: Final = "witness"
_SECONDS: Final = 10.0

NOBODY: Final = frozenset[str]()
INGRESSES: Final = frozenset({"twitter", "whatsapp", "manual"})
OBSERVER: Final = frozenset({"observer"})


class Row(NamedTuple):
    """Who publishes to a topic, and who reads it."""

    writers: frozenset[str]
    readers: frozenset[str]


def _only(*names: str) -> frozenset[str]:
    return frozenset(names)


TABLE: Final = {
    # an agent's own subtree; another agent has no part in it
    "latchwire/omega/availability": Row(_only("omega"), INGRESSES | OBSERVER | {"omega"}),
    "latchwire/omega/status": Row(_only("omega"), OBSERVER | {"omega"}),
    "latchwire/omega/nonce": Row(_only("omega"), INGRESSES | OBSERVER | {"omega"}),
    "latchwire/omega/alert": Row(_only("omega"), OBSERVER | {"omega"}),
    "latchwire/omega/front-door/command": Row(INGRESSES, OBSERVER | {"omega"}),
    "latchwire/omega/front-door/state": Row(_only("omega"), OBSERVER | {"omega"}),
    "latchwire/omega/front-door/receipt/twitter": Row(_only("omega"), OBSERVER | {"omega", "twitter"}),
    "latchwire/omega/front-door/receipt/whatsapp": Row(_only("omega"), OBSERVER | {"omega", "whatsapp"}),
    "latchwire/omega/front-door/receipt/manual": Row(_only("omega"), OBSERVER | {"omega", "manual"}),
    "latchwire/magiq/availability": Row(_only("magiq"), INGRESSES | OBSERVER | {"magiq"}),
    "latchwire/magiq/status": Row(_only("magiq"), OBSERVER | {"magiq"}),
    "latchwire/magiq/nonce": Row(_only("magiq"), INGRESSES | OBSERVER | {"magiq"}),
    "latchwire/magiq/alert": Row(_only("magiq"), OBSERVER | {"magiq"}),
    "latchwire/magiq/ac/command": Row(INGRESSES, OBSERVER | {"magiq"}),
    "latchwire/magiq/ac/state": Row(_only("magiq"), OBSERVER | {"magiq"}),
    "latchwire/magiq/ac/receipt/twitter": Row(_only("magiq"), OBSERVER | {"magiq", "twitter"}),
    # an ingress's own subtree: how it is, and nothing of what an agent says
    "latchwire/twitter/availability": Row(_only("twitter"), INGRESSES | OBSERVER),
    "latchwire/twitter/status": Row(_only("twitter"), OBSERVER | {"twitter"}),
    "latchwire/twitter/nonce": Row(NOBODY, INGRESSES - {"twitter"} | OBSERVER),
    "latchwire/twitter/alert": Row(NOBODY, OBSERVER),
    "latchwire/twitter/front-door/state": Row(NOBODY, OBSERVER),
    "latchwire/whatsapp/availability": Row(_only("whatsapp"), INGRESSES | OBSERVER),
    "latchwire/whatsapp/status": Row(_only("whatsapp"), OBSERVER | {"whatsapp"}),
    "latchwire/whatsapp/nonce": Row(NOBODY, INGRESSES - {"whatsapp"} | OBSERVER),
    "latchwire/whatsapp/alert": Row(NOBODY, OBSERVER),
    "latchwire/whatsapp/front-door/state": Row(NOBODY, OBSERVER),
    "latchwire/manual/availability": Row(_only("manual"), INGRESSES | OBSERVER),
    "latchwire/manual/status": Row(_only("manual"), OBSERVER | {"manual"}),
    "latchwire/manual/nonce": Row(NOBODY, INGRESSES - {"manual"} | OBSERVER),
    "latchwire/manual/alert": Row(NOBODY, OBSERVER),
    "latchwire/manual/front-door/state": Row(NOBODY, OBSERVER),
    # a message to oneself, which proves a subscription
    "latchwire/self-test/nonce": Row(INGRESSES | OBSERVER, INGRESSES | OBSERVER),
    "latchwire/omega/self-test/command": Row(INGRESSES | {"omega"}, OBSERVER | {"omega"}),
    "latchwire/twitter/self-test/receipt/twitter": Row(_only("twitter"), OBSERVER | {"twitter"}),
    "latchwire/whatsapp/self-test/receipt/whatsapp": Row(_only("whatsapp"), OBSERVER | {"whatsapp"}),
    "latchwire/manual/self-test/receipt/manual": Row(_only("manual"), OBSERVER | {"manual"}),
    # who only looks has nothing of their own
    "latchwire/observer/availability": Row(NOBODY, INGRESSES),
    "latchwire/observer/front-door/receipt/twitter": Row(NOBODY, _only("twitter")),
    "latchwire/health/availability": Row(NOBODY, INGRESSES | OBSERVER),
    "latchwire/health/front-door/receipt/twitter": Row(NOBODY, OBSERVER | {"twitter"}),
    # what is no topic of the protocol
    "latchwire": Row(NOBODY, OBSERVER),
    "latchwire/omega": Row(NOBODY, OBSERVER | {"omega"}),
    "latchwire/omega/front-door": Row(NOBODY, OBSERVER | {"omega"}),
    "latchwire/omega/front-door/command/now": Row(NOBODY, OBSERVER | {"omega"}),
    "latchwire/omega/front/door/command": Row(NOBODY, OBSERVER | {"omega"}),
    "/latchwire/omega/front-door/command": Row(NOBODY, NOBODY),
    "Latchwire/omega/front-door/command": Row(NOBODY, NOBODY),
    "somewhere/else": Row(NOBODY, NOBODY),
}
# The broker's own; nobody publishes to them, and the broker itself is the one that is heard.
SYS_READERS: Final = {
    "$SYS/broker/uptime": _only("health"),
    "$SYS/broker/version": NOBODY,
    "$SYS/broker/clients/connected": NOBODY,
}

Cell = tuple[str, str]
CELLS: Final = [(login, topic) for topic in TABLE for login in LOGINS]


class Client:
    """One login's connection; ``heard`` holds (topic, payload) of all that was delivered."""

    def __init__(self, broker: Broker, login: str) -> None:
        self.heard: set[tuple[str, str]] = set()
        self._answers: queue.SimpleQueue[int] = queue.SimpleQueue()
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5 if broker.mqtt5 else mqtt.MQTTv311)
        self._client.username_pw_set(login, broker.logins[login])
        self._client.on_connect = lambda *_: self._answers.put(0)
        self._client.on_publish = lambda _c, _u, mid, *_: self._answers.put(mid)
        self._client.on_subscribe = lambda _c, _u, mid, *_: self._answers.put(mid)
        self._client.on_message = self._on_message
        self._client.connect(broker.host, broker.port)
        self._client.loop_start()
        self._answers.get(timeout=_SECONDS)
        if not self._client.is_connected():
            raise AssertionError(f"{login} could not log in")

    def _on_message(self, _client: mqtt.Client, _data: object, message: mqtt.MQTTMessage) -> None:
        self.heard.add((message.topic, message.payload.decode()))

    def subscribe(self, topics: Iterable[str]) -> None:
        """Asks for topics at QoS 0. All that was delivered before the answer came has been heard."""
        self._client.subscribe([(topic, 0) for topic in topics])
        self._answers.get(timeout=_SECONDS)

    def publish(self, topics: Iterable[str], payload: str) -> None:
        """Publishes to each topic at QoS 1, and waits until the broker has answered each."""
        sent = [self._client.publish(topic, payload, qos=1) for topic in topics]
        for _ in sent:
            self._answers.get(timeout=_SECONDS)

    def fence(self, clients: Iterable["Client"]) -> None:
        """Returns when all that was published before has been heard by all."""
        for client in clients:
            client.subscribe(["fence"])

    def close(self) -> None:
        """Leaves."""
        self._client.disconnect()
        self._client.loop_stop()


class Seen(NamedTuple):
    """What passed: the (login, topic) pairs whose publishing, and whose reading, came through."""

    published: frozenset[Cell]
    read: frozenset[Cell]


def try_every_cell(start: Callable[..., Broker]) -> Seen:
    """Every login publishes and reads every topic once.

    Args:
        start: starts the broker: ``start(logins=…, extra_acl=…)``.
    """
    broker = start(logins={WITNESS: "sees all"}, extra_acl=f"\nuser {WITNESS}\ntopic readwrite #\n")
    everything = ["#", "$SYS/#", *TABLE, *SYS_READERS] if broker.mqtt5 else ["#"]
    clients = {login: Client(broker, login) for login in (*LOGINS, WITNESS)}
    witness = clients[WITNESS]

    witness.subscribe(everything)
    for login in LOGINS:
        clients[login].publish(TABLE, f"from {login}")
    witness.fence(clients.values())
    published = {(login, topic) for login, topic in CELLS if (topic, f"from {login}") in witness.heard}

    for login in LOGINS:
        clients[login].subscribe(["#", "$SYS/#", *TABLE, *SYS_READERS] if broker.mqtt5 else TABLE)
    witness.publish(TABLE, "for whom it may concern")
    witness.fence(clients.values())
    read = {(login, topic) for login in LOGINS for topic, _ in clients[login].heard}
    # The witness's own rights are the test's measure: what it cannot publish, nobody could have read.
    assert {topic for topic, payload in witness.heard if payload.startswith("for")} == set(TABLE)

    for client in clients.values():
        client.close()
    return Seen(frozenset(published), frozenset(read))
