"""What a service of your own is made from; the shipped services are made from the same.

``actuator``   works devices: a class with ``on`` and ``off``, or ``lock`` and ``unlock``, and one line that runs it
``observer``   sees what happens: states, receipts, alerts, who came and went
``ingress``    hears somebody and asks for what they said
``agent``      all devices of one agent at once, where they share a bus or a connection
``broker``     a login at the broker for a service that talks MQTT of its own, as a bridge to other makers' devices
``bundled``    an agent on its own hardware, from what ``latchwire bundle`` made
``words``      how what people write is compared
``testing``    for the tests of your own device
``memory``     what a service remembers over a restart
``variables``  settings and secrets from the environment and ``state/.env``

A service says nothing of MQTT, keys or JSON. Its process comes from here too: signals, logs, health, reload, an orderly
end; ``--health`` asks the running one how it is, ``--check`` says what it would start with.

This module imports nothing, so that each service loads what it uses and no more.
"""

from typing import Final

__all__: Final[list[str]] = []
