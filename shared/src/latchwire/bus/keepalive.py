"""When the library has to look at its keep-alive: it sends a PINGREQ when one way was quiet for too long."""

import time
from typing import Final

from paho.mqtt import client as paho

KEEPALIVE: Final = 33
"""Seconds: a little more than a nonce lives by default, so that it keeps an agent's connection alive without a PINGREQ.

The broker takes a silent client for gone after one and a half times that (MQTT 5.0 section 3.1.2.10)."""
LOOK_SECONDS: Final = 0.1
"""How often the library looks while there is much to do."""


class KeepAlive:
    """One connection's."""

    def __init__(self) -> None:
        self._heard = self._said = self._look_at = time.monotonic()

    def heard(self) -> None:
        """Something was read."""
        self._heard = time.monotonic()

    def said(self) -> None:
        """Something was written."""
        self._said = time.monotonic()

    def due(self, client: paho.Client) -> float:
        """The time, by ``time.monotonic``, when the library has to look: it goes by the older of the two."""
        # A broker may ask for a shorter one than was offered (MQTT 5.0 section 3.2.2.3.14).
        return min(self._heard, self._said) + min(client.keepalive or KEEPALIVE, KEEPALIVE)

    def look(self, client: paho.Client) -> None:
        """Lets the library look, now and then."""
        if time.monotonic() < self._look_at:
            return
        self._look_at = time.monotonic() + LOOK_SECONDS
        writing = client.want_write()
        client.loop_misc()
        if client.want_write() and not writing:  # a PINGREQ: the library counts from it, too
            self.heard()
