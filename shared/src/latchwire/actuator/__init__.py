"""The acting half of Latchwire: verify, act, answer, keep the state published.

A service gives one handler for each of its devices and knows nothing of MQTT, keys or JSON:

``handler``   what a handler is
``agent``     :class:`Actuator`: the whole at work
``commands``  from a delivery to a receipt
``device``    one device, its relock and its view
``looks``     when its state is read although nobody asked
``strands``   work for many devices on few threads
``published`` what is kept published for others
``alerts``    what could not be answered
``peers``     a second process under the same name
"""

from latchwire.actuator.agent import Actuator
from latchwire.actuator.handler import Handler
from latchwire.actuator.published import About

__all__ = ["About", "Actuator", "Handler"]
