"""An observer of somebody's own: typed events, marked verified or retained, and nothing that it does stalls another."""

import json
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from latchwire import topics
from latchwire.config.loading import load
from latchwire.errors import ConfigurationError
from latchwire.kit.observer import MOST_WAITING, Event, Here, make
from latchwire.sender import Ending
from support.broker import wait_until
from support.handlers import Bolt, Lamp
from support.home import CONFIG, Home
from support.own_program import OwnProgram

DOCUMENT: Mapping[str, Any] = {**CONFIG, "observers": {"diary": {"slow": 0}}}
DIARY = """
import sys, time, asyncio
from latchwire.kit.observer import *
from latchwire.kit.observer import Event, Here

class Diary:
    "Writes down what passes."
    tick_seconds = 0.2
    def __init__(self, here: Here) -> None:
        self.here, self.slow, self.ticks = here, here.settings.number("slow", 0, 60), 0
    DEF seen(self, event: Event) -> None:
        match event:
            case ReceiptSeen(device=device, verified=verified):
                person = self.here.who(event.who)
                print("receipt", device, event.action, event.outcome, event.state, person and person.name,
                      "verified" if verified else "NOT VERIFIED", flush=True)
            case StateSeen(device=device, state=state, retained=retained):
                print("state", device, state, "retained" if retained else "news", flush=True)
                if device == "lamp" and not retained:
                    PAUSE
            case AvailabilitySeen(name="omega", online=online, retained=retained):
                print("omega", "here" if online else "away", "retained" if retained else "news", flush=True)
            case AlertSeen(cause=cause):
                print("alert", cause.wire, flush=True)
                1 / 0
            case ConnectionSeen(trouble=trouble):
                print("connection", bool(trouble), flush=True)
    def tick(self) -> None:
        self.ticks += 1
        if self.ticks == 3:
            print("ticked", flush=True)
    DEF close(self): print("closed", flush=True)
if __name__ == "__main__":
    sys.exit(run(Diary, name="diary"))
"""
BLOCKING = DIARY.replace("DEF", "def").replace("PAUSE", "time.sleep(self.slow)")
ASYNC = DIARY.replace("DEF", "async def").replace("PAUSE", "await asyncio.sleep(self.slow)")

MakeHome = Callable[..., Home]


def observe(home: Home, folder: Path, text: str) -> OwnProgram:
    program = OwnProgram(home, folder / "diary.py", text, ready="connection False")
    wait_until(lambda: program.health()[0], "it is well")
    return program


@pytest.mark.parametrize("text", [BLOCKING, ASYNC], ids=["blocking", "async"])
def test_it_sees_who_did_what_and_whether_that_is_signed(make_home: MakeHome, tmp_path: Path, text: str) -> None:
    home = make_home(document=DOCUMENT)
    home.actuator({"front-door": Bolt(), "lamp": Lamp()})
    program = observe(home, tmp_path, text)
    assert "state lamp off retained" in program.log
    assert "omega here retained" in program.log
    sender = home.sender()
    assert sender.ask(agent="omega", device="lamp", action="on", sub="manual:anna").ending is Ending.DONE
    program.wait_for_log("receipt lamp on done on owner verified")
    program.wait_for_log("state lamp on news")
    program.wait_for_log("ticked")
    program.end()
    assert "closed" in program.log
    assert "Traceback" not in program.log


def test_a_receipt_whose_key_is_not_held_is_not_called_verified(make_home: MakeHome, tmp_path: Path) -> None:
    home = make_home(document=DOCUMENT)
    home.actuator({"front-door": Bolt(), "lamp": Lamp()})
    sender = home.sender()
    for name in ("manual", "omega"):
        home.places.keys(name).write_text("")
    program = observe(home, tmp_path, BLOCKING)
    assert sender.ask(agent="omega", device="lamp", action="on", sub="manual:anna").ending is Ending.DONE
    program.wait_for_log("receipt lamp on done on owner NOT VERIFIED")


def test_one_that_is_slow_holds_up_nothing_and_loses_nothing(make_home: MakeHome, tmp_path: Path) -> None:
    home = make_home(document={**DOCUMENT, "observers": {"diary": {"slow": 3}}})
    home.actuator({"front-door": Bolt(), "lamp": Lamp()})
    program = observe(home, tmp_path, BLOCKING)
    sender = home.sender()
    for action in ("on", "off"):
        assert sender.ask(agent="omega", device="lamp", action=action, sub="manual:anna", wait=2).ending is Ending.DONE
    assert program.health()[0]  # it answers meanwhile
    for text in ("receipt lamp on done", "receipt lamp off done", "state lamp off news"):
        program.wait_for_log(text)


def test_what_waits_is_bounded_and_what_was_dropped_is_told(make_home: MakeHome) -> None:
    home = make_home(document=DOCUMENT)
    gate = threading.Event()

    class Stuck:
        def __init__(self, here: Here) -> None:
            assert here.name == "diary"

        def seen(self, _: Event) -> None:
            gate.wait(20)

    variables = {"BROKER_PORT": str(home.broker.port)}
    running = make(Stuck, name="diary", places=home.places, variables=variables)
    running.start()
    wire = home.wire("omega")
    wait_until(lambda: running.health().ok, "it is connected")
    for number in range(MOST_WAITING + 200):
        wire.say(topics.alert("omega"), f'{{"cause":"replayed","count":{number}}}')
    wait_until(lambda: "events were dropped" in " ".join(running.health().troubles), "it is told", 60)
    gate.set()
    running.stop()


def test_after_a_reconnect_states_come_again_and_only_news_is_called_so(make_home: MakeHome, tmp_path: Path) -> None:
    home = make_home(document=DOCUMENT)
    home.actuator({"front-door": Bolt(), "lamp": Lamp()})
    program = observe(home, tmp_path, BLOCKING)
    before = program.log.count("state lamp off retained")
    home.broker.stop()
    home.broker.start()
    wait_until(lambda: program.log.count("connection False") == 2, "it is back", 30)
    wait_until(lambda: program.log.count("state lamp off") > before, "states come again", 30)
    assert "connection True" in program.log


def test_what_it_raises_is_told_and_the_next_event_is_seen(make_home: MakeHome, tmp_path: Path) -> None:
    home = make_home(document=DOCUMENT)
    home.actuator({"front-door": Bolt(), "lamp": Lamp()})
    program = observe(home, tmp_path, BLOCKING)
    home.wire("manual").publish(topics.command("omega", "lamp"), "no token")
    program.wait_for_log("Diary.seen failed: ZeroDivisionError('division by zero'); it goes on with the next.")
    assert home.sender().ask(agent="omega", device="lamp", action="on", sub="manual:anna").ending is Ending.DONE
    program.wait_for_log("receipt lamp on done")


def test_it_tells_others_that_it_is_there_and_away(make_home: MakeHome, tmp_path: Path) -> None:
    home = make_home(document=DOCUMENT)
    wire = home.wire()
    program = observe(home, tmp_path, BLOCKING)
    wire.wait_for(topics.availability("diary"), lambda heard: heard.payload == b"online")
    wire.wait_for(topics.status("diary"), lambda heard: b'"service":"diary"' in heard.payload)
    program.end()
    wire.wait_for(topics.availability("diary"), lambda heard: heard.payload == b"offline")


def test_its_status_names_the_configuration_in_force_whatever_changed(make_home: MakeHome, tmp_path: Path) -> None:
    home = make_home(document=DOCUMENT)
    wire = home.wire()
    observe(home, tmp_path, BLOCKING)

    def told() -> object:
        heard = wire.on(topics.status("diary"))
        return json.loads(heard[-1].payload)["config"] if heard else None

    wait_until(lambda: told() == load(home.places.config).digest, "it told which configuration it has")
    home.write_config({**DOCUMENT, "people": {**CONFIG["people"], "anna": {"manual": "anna", "may": "*"}}})
    wait_until(lambda: told() == load(home.places.config).digest, "it tells that it has the new one", 20)


def test_its_login_reads_all_and_asks_for_nothing(make_home: MakeHome) -> None:
    home = make_home(document=DOCUMENT)
    home.actuator({"front-door": Bolt(), "lamp": Lamp()})
    wire, diary = home.wire(), home.wire("diary")
    token = home.token(home.nonce(diary))
    for topic in (topics.command("omega", "front-door"), topics.nonce("omega"), topics.nonce("diary")):
        diary.publish(topic, token)
    diary.publish(topics.state("diary", "front-door"), "{}")
    diary.publish(topics.availability("diary"), "online")
    wire.wait_for(topics.availability("diary"))  # all that came before it has come, or never will
    assert wire.commands() == []
    assert [heard for heard in wire.messages if heard.payload in {token.encode(), b"{}"}] == []


def test_one_that_config_json_does_not_name_is_told_what_to_write(home: Home) -> None:
    with pytest.raises(ConfigurationError, match=r'write "observers": \{"diary": \{\}\}, and type: ./latchwire init'):
        make(lambda _: object(), name="diary", places=home.places, variables={})


def test_a_class_that_cannot_see_is_told_so(make_home: MakeHome) -> None:
    home = make_home(document=DOCUMENT)
    with pytest.raises(ConfigurationError, match="object has no method seen"):
        make(lambda _: object(), name="diary", places=home.places, variables={"BROKER_PORT": str(home.broker.port)})
