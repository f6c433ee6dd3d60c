"""A bare MQTT client for tests: hears what really passes, and says what no part of ours would.

It knows nothing of the project but topics. With it a test plays the agent, the thief, or the one who only looks.
"""

import threading
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.subscribeoptions import SubscribeOptions

from latchwire.bus import Endpoint, Login
from support.broker import wait_until


class Heard(NamedTuple):
    """A message as it came; ``expiry`` is what is left of its Message Expiry Interval, in seconds."""

    topic: str
    payload: bytes
    retained: bool
    duplicate: bool
    expiry: int | None


class Wire:
    """A connection of a login; ready when it is made.

    Args:
        endpoint: where the broker is.
        login: as whom.
        filters: what to hear.
        client_id: one to take, else the broker's choice.
        will: topic and payload, published retained when it is cut off.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        login: Login,
        *,
        filters: Sequence[str] = ("latchwire/#",),
        client_id: str = "",
        will: tuple[str, str] | None = None,
    ) -> None:
        self.messages: Final[list[Heard]] = []
        self._subscribed = threading.Event()
        self._on_heard: Callable[[Heard], None] | None = None
        self._mqtt5 = endpoint.mqtt5
        version = MQTTProtocolVersion.MQTTv5 if self._mqtt5 else MQTTProtocolVersion.MQTTv311
        self._client = paho.Client(CallbackAPIVersion.VERSION2, client_id=client_id, protocol=version)
        self._client.username_pw_set(login.name, login.password)
        if will is not None:
            self._client.will_set(*will, qos=1, retain=True)
        self._filters = filters
        self._client.on_connect = lambda *_: self._subscribe()
        self._client.on_subscribe = lambda *_: self._subscribed.set()
        self._client.on_message = self._heard
        self._client.connect(endpoint.host, endpoint.port)
        self._client.loop_start()
        assert self._subscribed.wait(10), "the broker does not answer"

    def _subscribe(self) -> None:
        if self._mqtt5:
            options = SubscribeOptions(qos=1, retainAsPublished=True)
            self._client.subscribe([(item, options) for item in self._filters])
        else:
            self._client.subscribe([(item, 1) for item in self._filters])

    def _heard(self, _client: object, _data: object, message: paho.MQTTMessage) -> None:
        expiry = getattr(message.properties, "MessageExpiryInterval", None)
        heard = Heard(message.topic, bytes(message.payload), message.retain, message.dup, expiry)
        self.messages.append(heard)
        if self._on_heard is not None:
            self._on_heard(heard)

    def answer(self, call: Callable[[Heard], None]) -> None:
        """Calls this for every message from now on, on the client's thread."""
        self._on_heard = call

    def publish(self, topic: str, payload: str | bytes, *, retained: bool = False) -> None:
        """Publishes at QoS 1 and waits until the broker has it."""
        self._client.publish(topic, payload, qos=1, retain=retained).wait_for_publish(10)

    def say(self, topic: str, payload: str | bytes, *, retained: bool = False) -> None:
        """Publishes at QoS 1 without waiting, as a callback has to."""
        self._client.publish(topic, payload, qos=1, retain=retained)

    def on(self, topic: str) -> list[Heard]:
        """What was heard on a topic, or on all that begin with it where it ends with ``#``."""
        if topic.endswith("#"):
            return [message for message in self.messages if message.topic.startswith(topic[:-1])]
        return [message for message in self.messages if message.topic == topic]

    def commands(self) -> list[Heard]:
        """All commands heard, without the services' own proofs."""
        return [
            message
            for message in self.messages
            if message.topic.endswith("/command") and "/self-test/" not in message.topic
        ]

    def wait_for(self, topic: str, accept: Callable[[Heard], bool] = lambda _: True, seconds: float = 10.0) -> Heard:
        """The newest acceptable message on a topic, waiting for the first."""
        wait_until(lambda: any(accept(message) for message in self.on(topic)), f"a message on {topic}", seconds)
        return [message for message in self.on(topic) if accept(message)][-1]

    def cut(self) -> None:
        """Ends the connection without a good-bye, so that the broker publishes the will."""
        sock = self._client.socket()
        self._client.loop_stop()
        if sock is not None:
            sock.close()

    def close(self) -> None:
        """Says good-bye, and lets go of the client, which closes its own pair of sockets only when it is let go of."""
        self._client.disconnect()
        self._client.loop_stop()
        self._client.on_connect = self._client.on_subscribe = self._client.on_message = None
