"""Confirmations with the real programs: a message, the question, the answer, and the relay's register; and the shell's.

The relay of ``front-door`` is released while the door is locked, so a closed relay is an unlocked door.
"""

import json
import stat
from collections.abc import Iterator
from typing import Any

import pytest

from latchwire_whatsapp_webhook.say import form
from support.broker import wait_until
from support.house import JANE, JOHN, PROGRAMS, House, example
from support.terminal import Terminal

ASKED = "Reply YES within a minute to unlock the front door."
ASKED_PIN = "Reply with your PIN within a minute to unlock the front door, and then delete that message."
DONE = "Done: the front door is unlocked (simulated)."
NOTHING = "There is nothing to confirm, so I did nothing. Say first what you want."


def document() -> dict[str, Any]:
    config = example()
    config["devices"]["front-door"]["confirm"] = ["unlock"]
    config["people"]["jane"]["may"] = "*"
    config["people"]["otto"] = {"whatsapp": "+15555550102", "may": "*"}
    return config


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    house = House(folder=tmp_path_factory.mktemp("house"), document=document())
    try:
        house.start("relay-agent", "whatsapp-webhook")
        yield house
    finally:
        house.close()


@pytest.fixture
def house(running: House) -> House:
    """The house, its door locked, nobody with a PIN."""
    running.places.pins.unlink(missing_ok=True)
    assert running.command_line("send", "front-door", "lock").returncode == 0
    assert not running.relay_is_closed()
    return running


def set_pin(house: House, person: str, pin: str) -> None:
    done = house.command_line("pin", person, input=f"{pin}\n")
    assert (done.returncode, done.stdout) == (0, f"{person} has a new PIN. It counts at once.\n"), done.stderr


# ------------------------------------------------------------------------------------------------------- WhatsApp


def test_from_a_signed_message_by_a_question_and_a_yes_to_the_relays_register(house: House) -> None:
    assert house.whatsapp("unlock the front door").words == ASKED
    assert not house.relay_is_closed()
    assert house.whatsapp("yes").words == DONE
    assert house.relay_is_closed()


def test_a_question_does_not_outlive_the_webhook_and_its_repetition_asks_for_nothing(house: House) -> None:
    question = form("unlock the front door", sender=JANE)
    assert house.post(question).words == ASKED
    house.kill("whatsapp-webhook")
    house.start("whatsapp-webhook")
    assert house.post(question).words == ASKED, "the answer from memory"
    assert house.whatsapp("yes", JANE).words == NOTHING
    assert not house.relay_is_closed()


def test_a_suspended_person_is_stopped_between_question_and_yes(house: House) -> None:
    assert house.whatsapp("unlock the front door", JANE).words == ASKED
    changed = document()
    changed["people"]["jane"]["suspended"] = True
    house.write_config(changed)
    try:
        assert house.whatsapp("yes", JANE).words.endswith("There is nothing here that you may use at present. "
                                                          "The owner grants it in config.json.")  # fmt: skip
        assert not house.relay_is_closed()
    finally:
        house.write_config(document())


def test_a_pin_counts_at_once_and_three_wrong_ones_lock_out_whatever_is_killed(house: House) -> None:
    otto = "+15555550102"
    assert house.whatsapp("unlock the front door", otto).words == ASKED
    set_pin(house, "otto", "4711")
    assert house.whatsapp("unlock the front door", otto).words.endswith(ASKED_PIN)
    for wrong in ("8642583916", "8643583916"):
        assert "That is not your PIN" in house.whatsapp(wrong, otto).words
    house.kill("whatsapp-webhook")
    house.start("whatsapp-webhook")
    assert house.whatsapp("unlock the front door", otto).words == ASKED_PIN
    assert house.whatsapp("8644583916", otto).words.startswith("There were too many wrong PINs, so I did nothing.")
    house.kill("whatsapp-webhook")
    house.start("whatsapp-webhook")
    assert house.whatsapp("unlock the front door", otto).words.endswith("Try again in 15 minutes.")
    ok, said = house.healthy("whatsapp-webhook")
    assert ok, "it is the person who is locked out, and no fault of the service"
    assert "otto is locked out of confirmations" in said
    assert "otto is locked out of confirmations" in house.command_line("status").stdout
    assert not house.relay_is_closed()
    set_pin(house, "otto", "2580583916")
    assert house.whatsapp("unlock the front door", otto).words == ASKED_PIN
    assert house.whatsapp("2580583916", otto).words == DONE
    assert stat.S_IMODE(house.places.pins.stat().st_mode) == 0o600
    kept = [path for path in house.folder.rglob("*") if path.is_file()]
    assert house.places.pins in kept
    for pin in (b"8642583916", b"8644583916", b"2580583916"):
        text = b"".join(path.read_bytes() for path in kept if path.suffix in {".log", ".json"} or "data" in path.parts)
        assert pin not in text


# ------------------------------------------------------------------------------------------------------ the shell


def test_without_a_terminal_the_shell_refuses_and_names_the_flag_for_scripts(house: House) -> None:
    for command in ("send", "sign"):
        refused = house.command_line(command, "front-door", "unlock")
        assert refused.returncode == 3
        assert "This takes a confirmation" in refused.stdout + refused.stderr
        assert "a script says --yes" in refused.stdout + refused.stderr
    assert not house.relay_is_closed()
    told = json.loads(house.command_line("send", "front-door", "toggle", "--json").stdout)
    assert (told["outcome"], told["cause"], told["happened"]) == ("refused", "needs-confirmation", "no")
    assert house.command_line("sign", "front-door", "unlock", "--yes").stdout.count(".") == 2
    assert house.command_line("send", "front-door", "unlock", "--yes").stdout == "front-door is UNLOCKED (simulated).\n"
    assert house.relay_is_closed()


@pytest.mark.parametrize(("typed", "status"), [("YES", 0), ("no", 3), ("", 3)])
def test_on_a_terminal_the_shell_asks(house: House, typed: str, status: int) -> None:
    command = [str(PROGRAMS / "latchwire"), "send", "front-door", "unlock"]
    with Terminal(command, environment=house.environment(), folder=house.folder) as terminal:
        terminal.wait_for("Unlock front-door\\? Type YES: ")
        terminal.types(typed)
        assert terminal.end() == status
    assert house.relay_is_closed() is (status == 0)


def test_ctrl_c_at_the_question_does_nothing_and_says_nothing_else(house: House) -> None:
    command = [str(PROGRAMS / "latchwire"), "send", "front-door", "unlock"]
    with Terminal(command, environment=house.environment(), folder=house.folder) as terminal:
        terminal.wait_for("Type YES: ")
        terminal.interrupt()
        assert terminal.end() == 130
    assert "It may have happened" not in terminal.screen
    assert not house.relay_is_closed()


def test_a_pin_is_asked_for_twice_and_never_shown_and_the_shell_asks_for_it(house: House) -> None:
    def run(*command: str, said: list[tuple[str, str]]) -> tuple[int, str]:
        line = [str(PROGRAMS / "latchwire"), *command]
        with Terminal(line, environment=house.environment(), folder=house.folder) as terminal:
            for question, answer in said:
                terminal.wait_for(question)
                terminal.types(answer)
            return terminal.end(), terminal.screen

    again = "The same again: "
    status, screen = run("pin", "owner", said=[("New PIN for owner: ", "2580"), (again, "2581")])
    assert status == 1
    assert "two different PINs" in screen
    status, screen = run("pin", "owner", said=[("New PIN for owner: ", "2580"), (again, "2580")])
    assert (status, "2580" in screen) == (0, False)
    status, screen = run("send", "front-door", "unlock", said=[("Unlock front-door\\? PIN of owner: ", "8642")])
    assert status == 3
    assert "The PIN is wrong." in screen
    status, screen = run("send", "front-door", "unlock", said=[("PIN of owner: ", "2580")])
    assert (status, "2580" in screen) == (0, False)
    assert house.relay_is_closed()
    assert house.command_line("send", "front-door", "toggle", "--yes").returncode == 3, "a YES is no PIN"
    assert house.command_line("send", "front-door", "unlock", input="2580\n").returncode == 0


@pytest.mark.parametrize(
    ("arguments", "said", "problem"),
    [
        (
            ["pin", "jhon"],
            "4711",
            'config.json: people: nobody is called "jhon"; there are: owner, ',
        ),
        (["pin", "john"], "471", "A PIN has 4 to 12 digits and nothing else; nothing was changed."),
        (["pin", "john"], "47a1", "A PIN has 4 to 12 digits and nothing else; nothing was changed."),
        (["pin", "john"], "", "A PIN has 4 to 12 digits and nothing else; nothing was changed."),
        (["pin", "john"], "1234", "That PIN is among the first that anybody tries; nothing was changed. Take another."),
        (["pin", "--remove", "john"], "", '"john" has no PIN; who has one: none'),
    ],
)
def test_what_is_no_pin_or_nobody_is_told_with_the_cure(
    house: House, arguments: list[str], said: str, problem: str
) -> None:
    done = house.command_line(*arguments, input=said)
    assert done.returncode == 1
    assert done.stderr.startswith(problem)
    assert not house.places.pins.exists()


def test_a_pin_that_was_removed_is_not_asked_for_any_more(house: House) -> None:
    set_pin(house, "john", "4711")
    assert house.whatsapp("unlock the front door", JOHN).words == ASKED_PIN
    assert house.command_line("pin", "--remove", "john").returncode == 0
    assert house.whatsapp("4711", JOHN).words == NOTHING
    wait_until(lambda: house.whatsapp("unlock the front door", JOHN).words == ASKED, "a YES is enough again")
    assert house.whatsapp("yes", JOHN).words == DONE
