"""An ingress of somebody's own: it says who, what and where; the five outcomes come from the kit, on a real broker."""

import copy
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from latchwire.errors import ConfigurationError
from latchwire.kit.ingress import Ingress, make
from latchwire.model import State
from support.broker import wait_until
from support.handlers import Bolt, Lamp
from support.home import CONFIG, Home
from support.own_program import OwnProgram

DOCUMENT: Mapping[str, Any] = {
    **CONFIG,
    "people": {
        "owner": {"manual": True, "may": "*"},
        "anna": {"identities": ["keypad:1234"], "may": {"lamp": ["on"]}},
    },
    "ingresses": {"keypad": {"digits": 4}},
}

KEYPAD = """
import sys, time
from pathlib import Path
from latchwire.kit.ingress import Ingress, run

class Keypad:
    "Hears a keypad."
    def __init__(self, ingress: Ingress) -> None:
        self.ingress, self.pressed = ingress, ingress.data / "pressed"
        self.digits = ingress.settings.whole_number("digits", 1, 9)
    DEF listen(self):
        print("listening", self.digits, flush=True)
        while not self.ingress.stopping.is_set():
            if self.pressed.exists():
                code, device, action = self.pressed.read_text().split()
                self.pressed.unlink()
                if code == "fault":
                    raise RuntimeError("the keypad is gone")
                answer = self.ingress.ask(identity=f"keypad:{code}", device=device, action=action, wait=4)
                print("told", code, device, action, answer.ending, answer.cause and answer.cause.wire, flush=True)
            PAUSE
if __name__ == "__main__":
    sys.exit(run(Keypad, name="keypad"))
"""
BLOCKING = KEYPAD.replace("DEF", "def").replace("PAUSE", "time.sleep(0.02)")
ASYNC = KEYPAD.replace("DEF", "async def").replace("PAUSE", "import asyncio; await asyncio.sleep(0.02)")

MakeHome = Callable[..., Home]


class Keypad(OwnProgram):
    """The program, and who presses its keys."""

    def __init__(self, home: Home, folder: Path, text: str) -> None:
        super().__init__(home, folder / "keypad.py", text, ready="listening")
        self._count = 0

    def press(self, code: str, device: str, action: str) -> str:
        """Presses keys, and gives what was told."""
        new = self.home.places.data / "new"
        new.write_text(f"{code} {device} {action}")
        new.rename(self.home.places.data / "pressed")
        self._count += 1
        wait_until(lambda: self.log.count("told ") == self._count, f"an answer:\n{self.log}", 20)
        return [line for line in self.log.splitlines() if line.startswith("told ")][-1]


@pytest.mark.parametrize("text", [BLOCKING, ASYNC], ids=["blocking", "async"])
def test_who_what_and_where_is_enough_and_each_outcome_is_told(make_home: MakeHome, tmp_path: Path, text: str) -> None:
    home = make_home(document=DOCUMENT)
    lamp = Lamp()
    agent = home.actuator({"front-door": Bolt(), "lamp": lamp})
    keypad = Keypad(home, tmp_path, text)
    wait_until(lambda: keypad.health()[0], "it is connected", 20)
    assert keypad.press("1234", "lamp", "on") == "told 1234 lamp on done None"
    assert lamp.state is State.ON
    assert keypad.press("1234", "lamp", "off") == "told 1234 lamp off refused forbidden"
    assert keypad.press("9999", "lamp", "on") == "told 9999 lamp on refused forbidden"
    agent.stop()
    assert keypad.press("1234", "lamp", "on") == "told 1234 lamp on nobody-listening away"
    document = copy.deepcopy(dict(DOCUMENT))
    document["people"]["anna"]["suspended"] = True
    home.write_config(document)
    assert keypad.press("1234", "lamp", "on") == "told 1234 lamp on refused forbidden"
    keypad.end()
    assert "Traceback" not in keypad.log


def test_what_listening_raises_is_told_and_it_listens_again(make_home: MakeHome, tmp_path: Path) -> None:
    home = make_home(document=DOCUMENT)
    home.actuator({"front-door": Bolt(), "lamp": Lamp()})
    keypad = Keypad(home, tmp_path, BLOCKING)
    (home.places.data / "pressed").write_text("fault lamp on")
    keypad.wait_for_log("Keypad.listen failed: RuntimeError('the keypad is gone'); it is called again.")
    wait_until(lambda: keypad.log.count("listening") == 2, "it listens again")
    assert "told 1234 lamp on done" in keypad.press("1234", "lamp", "on")


def test_changed_settings_make_it_anew_and_changed_people_do_not(make_home: MakeHome, tmp_path: Path) -> None:
    home = make_home(document=DOCUMENT)
    keypad = Keypad(home, tmp_path, BLOCKING)
    home.write_config({**DOCUMENT, "people": {"owner": {"manual": True, "may": "*"}}})
    home.write_config({**DOCUMENT, "ingresses": {"keypad": {"digits": 6}}})
    keypad.wait_for_log("listening 6")
    assert keypad.log.count("Starting.") == 2


def test_an_ingress_that_config_json_does_not_name_is_told_what_to_write(make_home: MakeHome) -> None:
    home = make_home()
    with pytest.raises(ConfigurationError, match=r'write "ingresses": \{"keypad": \{\}\}, and type: ./latchwire init'):
        make(lambda _: object(), issuer="keypad", name="keypad", places=home.places, variables={})


def test_a_class_that_cannot_listen_is_told_so(make_home: MakeHome) -> None:
    home = make_home(document=DOCUMENT)

    class Deaf:
        def __init__(self, ingress: Ingress) -> None:
            assert ingress.issuer == "keypad"

    variables = {"BROKER_PORT": str(home.broker.port)}
    with pytest.raises(ConfigurationError, match="Deaf has neither a method listen nor a method start"):
        make(Deaf, issuer="keypad", name="keypad", places=home.places, variables=variables)
