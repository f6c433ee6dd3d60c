"""The connection to the broker, and the only module that knows paho-mqtt.

One thread a connection does all its reading and writing (paho's interface for an external loop), so that two threads
never write to one TLS socket, and sleeps until there is something to do. It connects again for ever, with jitter.

Two traps of the broker are closed here. A denied SUBSCRIBE is granted by Mosquitto, so every subscription is proved by
a message to itself before the bus is *ready*. And paho sends after a reconnect what was published before it, so its
client is thrown away with each connection: what was not sent then is never sent, but for what a durable bus keeps.

``connection``  the thread, and what others ask of it
``client``      paho's, with a quick way for PUBLISH and PUBACK
``packets``     these two, as bytes
``library``     what else is asked of paho
``outbox``      what is to be published
``proofs``      whether a subscription is one
``attempts``, ``farewell``, ``keepalive``, ``sleeping``, ``tls`` and ``words`` do what they are called
"""

from latchwire.bus.connection import Bus
from latchwire.bus.words import Endpoint, Listener, Login, Message, Proof, Subscription

__all__ = ["Bus", "Endpoint", "Listener", "Login", "Message", "Proof", "Subscription"]
