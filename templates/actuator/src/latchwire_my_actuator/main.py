"""Works the switches of my-actuator. For each of them a file stands for the hardware, until you put yours in its place.

config.json gives each device an object of the class below. The signature, who may, once and not twice, the receipt, the
state that others see, reload, health and shutdown are not here: they come from ``latchwire.kit``.
"""

from latchwire.errors import ActionError
from latchwire.kit.actuator import Device, run
from latchwire.model import Cause, Kind, State


class MyActuator:
    """Works one switch."""

    def __init__(self, device: Device) -> None:
        """Reads what config.json says of it; no hardware is touched yet."""
        device.require(Kind.SWITCH)
        self._file = device.agent.run_folder / device.settings.text("file", f"{device.name}.txt")

    def on(self) -> State:
        """Switches it on."""
        self._file.write_text("on")
        return self.status()

    def off(self) -> State:
        """Switches it off."""
        self._file.write_text("off")
        return self.status()

    def status(self) -> State:
        """Reads how it is: what is asked for is not what is, until the hardware says so."""
        text = self._file.read_text().strip() if self._file.exists() else "off"
        if text not in {"on", "off"}:
            raise ActionError(Cause.BAD_ANSWER, f"{self._file} says {text!r}")
        return State(text)


def main() -> int:
    """Runs the service."""
    return run(MyActuator, name="my-actuator")
