"""Works switches that speak MQTT already, Tasmota's and ESPHome's, by signed commands.

What they say and hear stands in ``dialects.py``, what is done with it in ``switch.py``, and the one connection that all
of them share in ``link.py``. The signature, who may, once and not twice, receipts and states come from the kit.
"""

from collections.abc import Mapping
from functools import partial

from latchwire.kit.actuator import Agent, Device, Handler, open_each, run_together
from latchwire.kit.broker import broker_login
from latchwire.kit.settings import Settings
from latchwire.model import Kind
from latchwire_tasmota_bridge.link import Link
from latchwire_tasmota_bridge.switch import Switch

LOGIN = "tasmota-bridge"


def open_devices(agent: Agent) -> Mapping[str, Handler]:
    """A switch for each device of the agent, and one connection for all of them."""
    settings = Settings(agent.config.settings, place=f"agents.{agent.config.name}")
    link = Link(login=partial(broker_login, settings.text("login", LOGIN), agent.variables))

    def open_one(device: Device) -> Handler:
        device.require(Kind.SWITCH)
        return Switch.from_settings(device.settings, link=link)

    return open_each(agent, open_one)


def main() -> int:
    """Runs the service."""
    return run_together(
        open_devices, name="tasmota-bridge", agent_type="tasmota", purpose="Works Tasmota and ESPHome switches."
    )
