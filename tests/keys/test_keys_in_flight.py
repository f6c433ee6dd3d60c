"""What was signed with a key that leaves meanwhile is done once and answered so that its sender believes it."""

import threading

from latchwire.actuator import Actuator
from latchwire.protocol.keys import Key, Keyring
from latchwire.sender import Answer, Ending, Sender
from support.broker import wait_until
from support.handlers import Bolt, Lamp
from support.home import DOOR, Home

NEW = Key("manual", 2, "omega", b"n" * 32)


def asked(sender: Sender) -> tuple[threading.Thread, list[Answer]]:
    answers: list[Answer] = []
    thread = threading.Thread(
        target=lambda: answers.append(
            sender.ask(agent="omega", device=DOOR, action="unlock", sub="manual:test", wait=10)
        )
    )
    thread.start()
    return thread, answers


def begun(home: Home, bolt: Bolt) -> tuple[Actuator, Sender, threading.Thread, list[Answer]]:
    """An unlocking that was signed with the old key and is being done."""
    actuator = home.actuator({DOOR: bolt, "lamp": Lamp()})
    sender = home.sender()
    bolt.gate.clear()
    thread, answers = asked(sender)
    wait_until(lambda: bolt.count("unlock") == 1, "it is being done")
    return actuator, sender, thread, answers


def test_a_command_under_way_is_answered_though_both_sides_have_dropped_its_key(home: Home) -> None:
    bolt = Bolt()
    actuator, sender, thread, answers = begun(home, bolt)
    actuator.use(Keyring([NEW]), home.login("omega"))
    sender.use(Keyring([NEW]), home.login("manual"))
    bolt.gate.set()
    thread.join(10)
    assert [answer.ending for answer in answers] == [Ending.DONE]
    assert bolt.count("unlock") == 1

    thread, answers = asked(sender)  # and the next one goes by the new key
    thread.join(10)
    assert [answer.ending for answer in answers] == [Ending.DONE]
