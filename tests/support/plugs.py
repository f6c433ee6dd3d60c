"""Stand-ins for a Tasmota device and an ESPHome device: small MQTT clients that behave as the vendors' pages say.

What is said on which topic, when, and retained or not: see ``latchwire_tasmota_bridge.dialects``, which names the
pages. Two things are from Tasmota's code (xdrv_02_9_mqtt.ino): at each connect it also publishes an empty command to
itself, and it listens to its group topic. Each speaks MQTT 3.1.1 with a clean session at QoS 0, as the firmware does.
"""

import json
import threading
from typing import Any, Final

from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from support.home import Home


class Plug:
    """What both have: a login, relays, a button, and ways to misbehave.

    Attributes:
        relays: which are on, the first at 0.
        heard: topic and payload of each command that reached it, by anybody.
        answer_after: seconds that it takes to answer.
        deaf: it does nothing that it is told.
        stuck: its relays stay as they are; it says so.
    """

    availability: str
    there: str
    gone: str
    listens: tuple[str, ...]

    def __init__(self, home: Home, login: str, *, relays: int = 1) -> None:
        self._home, self._login = home, login
        self.relays: Final = [False] * relays
        self.heard: Final[list[tuple[str, str]]] = []
        self.answer_after = 0.0
        self.deaf = self.stuck = False
        self._client: paho.Client | None = None
        self._ready = threading.Event()

    def power_on(self) -> None:
        """It gets power, and connects."""
        self._ready.clear()
        client = paho.Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv311)
        client.username_pw_set(self._login, self._home.places.password(self._login))
        client.will_set(self.availability, self.gone, retain=True)
        client.on_connect = lambda *_: self._connected()
        client.on_subscribe = lambda *_: self._subscribed()
        client.on_message = lambda _client, _data, message: self._told(message)
        self._client = client
        client.connect(self._home.broker.host, self._home.broker.port)
        client.loop_start()
        assert self._ready.wait(10), "it is not connected"

    def power_off(self) -> None:
        """It is pulled out: no good-bye, and the broker publishes its last will."""
        client, self._client = self._client, None
        if client is not None:
            sock = client.socket()
            client.loop_stop()
            if sock is not None:
                sock.close()

    def press(self, relay: int = 0) -> None:
        """Somebody presses its button."""
        self.relays[relay] = not self.relays[relay]
        self.report(relay)

    def report(self, relay: int = 0) -> None:
        """Says how the relay is."""
        raise NotImplementedError

    def obey(self, topic: str, payload: str) -> None:
        """Does what it is told."""
        raise NotImplementedError

    def publish(self, topic: str, payload: str, *, retained: bool = False) -> None:
        if self._client is not None:
            self._client.publish(topic, payload, retain=retained)

    def set(self, relay: int, *, on: bool) -> bool:
        """Moves a relay; whether it is another now."""
        before = self.relays[relay]
        if not self.stuck:
            self.relays[relay] = on
        return self.relays[relay] is not before

    def _connected(self) -> None:
        assert self._client is not None
        self.publish(self.availability, self.there, retained=True)
        self._client.subscribe([(topic, 0) for topic in self.listens])

    def _subscribed(self) -> None:
        for relay in range(len(self.relays)):
            self.report(relay)
        self._ready.set()

    def _told(self, message: Any) -> None:
        topic, payload = message.topic, message.payload.decode()
        self.heard.append((topic, payload))
        if self.deaf:
            return
        if self.answer_after:
            threading.Timer(self.answer_after, self.obey, (topic, payload)).start()
        else:
            self.obey(topic, payload)


class TasmotaPlug(Plug):
    """A Tasmota device.

    Args:
        home: where its broker is.
        login: its MqttUser.
        topic: its Topic.
        relays: how many it has.
        only_json: its ``SetOption90``.
    """

    there, gone = "Online", "Offline"

    def __init__(self, home: Home, login: str, *, topic: str, relays: int = 1, only_json: bool = False) -> None:
        super().__init__(home, login, relays=relays)
        self._topic, self._only_json = topic, only_json
        self.words: Final = {True: "ON", False: "OFF"}  # its StateText
        self.availability = f"tele/{topic}/LWT"
        self.listens = (f"cmnd/{topic}/#", "cmnd/tasmotas/#")

    def _connected(self) -> None:
        super()._connected()
        self.publish(f"cmnd/{self._topic}/POWER", "")

    def _name(self, relay: int) -> str:
        return "POWER" if len(self.relays) == 1 else f"POWER{relay + 1}"

    def report(self, relay: int = 0) -> None:
        name, said = self._name(relay), self.words[self.relays[relay]]
        self.publish(f"stat/{self._topic}/RESULT", json.dumps({name: said}))
        if not self._only_json:
            self.publish(f"stat/{self._topic}/{name}", said)

    def tell(self) -> None:
        """Its telemetry, as each ``TelePeriod``."""
        powers = {self._name(relay): self.words[on] for relay, on in enumerate(self.relays)}
        self.publish(f"tele/{self._topic}/STATE", json.dumps({"Time": "2026-11-22T01:00:00", **powers, "Wifi": {}}))

    def obey(self, topic: str, payload: str) -> None:
        command = topic.rpartition("/")[2].upper()
        relay = int(command.removeprefix("POWER") or 1) - 1 if command.startswith("POWER") else -1
        if not 0 <= relay < len(self.relays):
            self.publish(f"stat/{self._topic}/RESULT", '{"Command":"Unknown"}')
            return
        if payload.upper() in {"ON", "OFF"}:
            self.set(relay, on=payload.upper() == "ON")
        self.report(relay)


class ESPHomePlug(Plug):
    """An ESPHome device with one switch.

    Args:
        home: where its broker is.
        login: its ``username``.
        prefix: its ``topic_prefix``.
        switch: its switch.
    """

    there, gone = "online", "offline"

    def __init__(self, home: Home, login: str, *, prefix: str, switch: str) -> None:
        super().__init__(home, login)
        self._topic = f"{prefix}/switch/{switch}"
        self.availability = f"{prefix}/status"
        self.listens = (f"{self._topic}/command",)

    def report(self, relay: int = 0) -> None:
        self.publish(f"{self._topic}/state", "ON" if self.relays[relay] else "OFF", retained=True)

    def obey(self, topic: str, payload: str) -> None:
        assert topic == self.listens[0]
        if payload.upper() in {"ON", "OFF"} and self.set(0, on=payload.upper() == "ON"):
            self.report()
