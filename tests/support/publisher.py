"""Publishes ready-made commands at once, over a connection that is there already."""

import threading
from typing import Protocol, Self

from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion


class Household(Protocol):
    """Where its broker is, and its logins."""

    port: int

    def password(self, name: str) -> str:
        """A login's password."""


class Publisher:
    """A connection as ``manual``; a context manager.

    Args:
        household: whose broker.
    """

    def __init__(self, household: Household) -> None:
        self._port = household.port
        self._client = paho.Client(CallbackAPIVersion.VERSION2)
        self._client.username_pw_set("manual", household.password("manual"))
        self._connected = threading.Event()
        self._client.on_connect = lambda *_: self._connected.set()

    def __enter__(self) -> Self:
        """Connects."""
        self._client.connect("127.0.0.1", self._port)
        self._client.loop_start()
        assert self._connected.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        """Disconnects."""
        self._client.disconnect()
        self._client.loop_stop()

    def publish(self, topic: str, payload: bytes) -> None:
        """Publishes at QoS 1 and waits for nothing."""
        self._client.publish(topic, payload, qos=1)
