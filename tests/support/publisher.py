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
        self._nonce = threading.Event()
        self._client.on_connect = self._on_connect
        self._client.on_message = lambda *_: self._nonce.set()

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

    def _on_connect(self, client: paho.Client, *_: object) -> None:
        client.subscribe("latchwire/omega/nonce", qos=1)
        self._connected.set()

    def forget(self) -> None:
        """Waits for a new nonce from now on."""
        self._nonce.clear()

    def wait_for_nonce(self, seconds: float) -> None:
        """Waits until the agent publishes a nonce, as it does when it has connected."""
        assert self._nonce.wait(seconds), f"no nonce within {seconds} s"

    def publish(self, topic: str, payload: bytes) -> None:
        """Publishes at QoS 1 and waits for nothing."""
        self._client.publish(topic, payload, qos=1)
