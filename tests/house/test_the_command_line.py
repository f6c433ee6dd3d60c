"""The command line against a running house: through pipes, in a terminal, and on bad days."""

import json
import os
import re
import shlex
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from latchwire import topics
from latchwire_relay_agent.simulated import BOARD_BYTES, FAULT
from support.broker import TOP, Broker, free_port, wait_until
from support.home import DOOR
from support.house import PROGRAMS, House, example
from support.terminal import COLOUR, Terminal

LATCHWIRE = PROGRAMS / "latchwire"
CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
"""What steers a terminal: control characters but tab and line end, and overrides of direction."""


def document() -> dict[str, Any]:
    config = example()
    config["people"]["owner"]["may"] = {"front-door": "*", "ac": "*", "light": ["off"]}
    return config


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    made = House(folder=tmp_path_factory.mktemp("house"), document=document())
    try:
        assert made.command_line("init").returncode == 0  # for the options of mosquitto_pub
        made.start("relay-agent", "magiq-bridge")
        yield made
    finally:
        made.close()


@pytest.fixture
def house(running: House) -> House:
    if running.relay_is_closed():
        assert running.command_line("send", "front-door", "lock").returncode == 0
    return running


def fail_board(house: House, number: int) -> None:
    """Makes every transfer to the simulated board fail with that error number; 0 ends it."""
    with (house.places.run / "omega.simulated-board").open("r+b") as memory:
        memory.seek(BOARD_BYTES * 7 + FAULT)
        memory.write(bytes([number]))


# ------------------------------------------------------------------------------------------------- what ready prints


def test_each_line_that_ready_prints_works_as_it_is_printed_in_another_terminal(house: House) -> None:
    ready = subprocess.run(
        ["./latchwire", "ready", "--once"], env=house.environment(), cwd=TOP, text=True, capture_output=True,
        timeout=30, check=True,
    )  # fmt: skip
    lines = [line.strip() for line in ready.stdout.splitlines() if line.startswith("  ")]
    assert [re.sub(r"^(\S+=\S+ )+", "", line).split("  ")[0].split()[1] for line in lines] == [
        "send", "sign", "watch", "status",
    ]  # fmt: skip
    another = {"PATH": os.environ["PATH"], "HOME": str(house.folder)}

    def type_in(line: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["sh", "-c", line], env=another, cwd=TOP, text=True, capture_output=True, timeout=30, check=False
        )

    send, sign, watch, status = lines
    assert type_in(send).stdout == "front-door is UNLOCKED (simulated).\n"
    assert house.relay_is_closed()
    signed = type_in(sign)
    assert (signed.returncode, signed.stderr) == (0, "")
    house.wait_for_relay(closed=False)
    assert type_in(status.split("  ")[0]).returncode == 0
    with Terminal(["sh", "-c", "exec env " + watch.split("  ")[0]], environment=another, folder=TOP) as terminal:
        terminal.wait_for("Watching")
        terminal.interrupt()
        assert terminal.end() == 0


def test_the_token_that_sign_prints_is_good_for_one_time_and_one_door(house: House) -> None:
    token = house.command_line("sign", "front-door", "unlock").stdout
    wire = house.wire("manual", filters=(topics.receipt("omega", DOOR, "manual"),))
    receipts = topics.receipt("omega", DOOR, "manual")
    wire.publish(topics.command("omega", DOOR), token)
    wire.wait_for(receipts)
    house.wait_for_relay(closed=True)
    assert house.command_line("send", "front-door", "lock").returncode == 0
    before = len(wire.on(receipts))
    wire.publish(topics.command("omega", DOOR), token)
    wait_until(lambda: len(wire.on(receipts)) > before, "the same receipt again")
    assert wire.on(receipts)[-1].payload == wire.on(receipts)[0].payload
    assert not house.relay_is_closed()
    wire.close()


# ------------------------------------------------------------------------------------------------------- the endings


def said(house: House, *arguments: str) -> tuple[int, str, dict[str, Any]]:
    """Exit status and text of ``send``, and what the same with ``--json`` says."""
    with ThreadPoolExecutor(2) as pool:
        both = pool.map(lambda more: house.command_line("send", *arguments, *more), ((), ("--json",)))
    plain, as_json = both
    assert (plain.returncode, plain.stderr) == (as_json.returncode, as_json.stderr)
    return plain.returncode, plain.stdout, json.loads(as_json.stdout)


def test_send_done_is_0_and_says_the_state_that_was_read_back(house: House) -> None:
    status, text, document = said(house, "door", "unlock")
    assert (status, text) == (0, "front-door is UNLOCKED (simulated).\n")
    assert (document["outcome"], document["state"], document["simulated"]) == ("done", "unlocked", True)


def test_send_refused_is_3_with_the_reason(house: House) -> None:
    status, text, document = said(house, "light", "on")
    assert status == 3
    assert text.startswith("Refused: light on.\nThis is not allowed. (owner may not do this)\nNothing was done.\n")
    assert (document["cause"], document["happened"]) == ("forbidden", "no")


def test_send_failed_is_4_and_says_whether_it_may_have_happened(house: House) -> None:
    fail_board(house, 6)
    try:
        status, text, document = said(house, "front-door", "unlock")
        shown = house.command_line("status")
    finally:
        fail_board(house, 0)
    assert status == 4
    assert "It may have happened all the same.\n" in text
    assert "Look at power, wiring and address of the hardware" in text
    assert (document["cause"], document["happened"], document["state"]) == ("hardware", "maybe", "unknown")
    assert shown.returncode == 1
    assert re.search("agent omega .*front-door: The hardware did not answer .* Look at power, wiring", shown.stdout)
    assert house.command_line("send", "front-door", "lock").returncode == 0


def test_send_nobody_listening_is_5_and_nothing_will_be_done(house: House) -> None:
    house.kill("relay-agent")
    try:
        status, text, document = said(house, "front-door", "unlock")
        shown = house.command_line("status")
    finally:
        house.start("relay-agent")
    assert status == 5
    assert text.startswith("Nobody is listening: nothing was done to front-door, and nothing will be.\n")
    assert (document["outcome"], document["cause"]) == ("nobody-listening", "away")
    assert shown.returncode == 1
    assert re.search("agent omega .* it is not connected. Start it, or look at its log", shown.stdout)
    assert not house.relay_is_closed()


def test_send_no_answer_is_6_and_says_until_when(house: House) -> None:
    house.pause("relay-agent")
    try:
        status, text, document = said(house, "front-door", "status", "--wait", "1", "--within", "1")
    finally:
        house.resume("relay-agent")
    assert status == 6
    assert text.startswith("No answer: it may have happened. Look at front-door.\n")
    assert document["outcome"] == "no-answer"


# ------------------------------------------------------------------------------------------------------------- watch


HOSTILE = "\x1b]0;owned\x07\x1b[2J\x1b[31mfront-door is LOCKED\x9b1m\r\n\u202everified"


def hostile(house: House) -> None:
    """What somebody with an agent's and a sender's login can say to whoever watches."""
    agent, sender = (house.wire(name, filters=("latchwire/+/nonce",)) for name in ("omega", "manual"))
    as_text = json.dumps({"state": "locked", "by": HOSTILE})
    for topic, payload in (
        (topics.state("omega", DOOR), as_text),
        (topics.state("omega", DOOR), json.dumps({"state": HOSTILE})),
        (topics.state("omega", DOOR), json.dumps({"state": "locked", "locksIn": 10**400})),
        (topics.state("omega", "x\u202e\u2066y"), as_text),
        (topics.alert("omega"), json.dumps({"cause": HOSTILE, "device": HOSTILE, "kid": HOSTILE, "count": 10**9})),
        (topics.status("omega"), json.dumps({"troubles": [HOSTILE], "version": HOSTILE, "health": HOSTILE})),
        (topics.receipt("omega", DOOR, "manual"), HOSTILE),
        (topics.state("omega", DOOR), b"\xff\xfe\x00"),
        (topics.state("omega", DOOR), "[" * 4000),
    ):
        agent.publish(topic, payload)
    for payload in (HOSTILE, b"\xff" * 4000, "a.b.c"):
        sender.publish(topics.command("omega", DOOR), payload)
    nonce = house.nonce(agent)
    good = house.token(nonce, "lock", until=60)
    sender.publish(topics.command("omega", DOOR), good[:-4] + ("AAAA" if good[-4:] != "AAAA" else "BBBB"))
    sender.publish(topics.command("omega", DOOR), good)
    for wire in (agent, sender):
        wire.close()


def test_watch_marks_what_is_forged_and_lets_nothing_steer_the_terminal(house: House) -> None:
    with Terminal([LATCHWIRE, "watch"], environment=house.environment(), folder=house.folder) as terminal:
        terminal.wait_for("Watching")
        hostile(house)
        terminal.wait_for("receipt .*front-door lock: done")
        terminal.interrupt()
        assert terminal.end() == 0
    plain = COLOUR.sub("", terminal.screen)
    assert plain != terminal.screen, "a terminal gets colours"
    assert CONTROL.findall(plain) == []
    assert re.search(r"command  front-door lock  by manual:test  NOT VERIFIED\n", plain)
    assert re.search(r"command  front-door lock  by manual:test  verified\n", plain)
    assert re.search(r"receipt  front-door lock: done .*LOCKED \(simulated\)  verified\n", plain)
    assert re.search(r"alert    omega: bad-signature: ", plain)
    assert "Traceback" not in plain
    house.command_line("send", "front-door", "status")


def test_watch_as_json_is_one_object_a_line_whatever_passes(house: House) -> None:
    program = subprocess.Popen(
        [LATCHWIRE, "watch", "--json"], env=house.environment(), cwd=house.folder, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert program.stderr is not None
        assert "Watching" in program.stderr.readline()
        hostile(house)
        assert house.command_line("send", "front-door", "status").returncode == 0
    finally:
        program.send_signal(signal.SIGTERM)
        output, errors = program.communicate(timeout=10)
    lines: list[dict[str, Any]] = [json.loads(line) for line in output.splitlines()]
    assert program.returncode == 0
    assert errors == ""
    assert {line["verified"] for line in lines if line["event"] == "command"} == {True, False}


def test_status_shows_hostile_texts_harmlessly(house: House) -> None:
    hostile(house)
    shown = house.command_line("status")
    assert CONTROL.findall(shown.stdout + shown.stderr) == []
    assert "Traceback" not in shown.stderr
    json.loads(house.command_line("status", "--json").stdout)
    house.end("relay-agent")
    house.start("relay-agent")
    assert house.command_line("status").returncode == 0


# ----------------------------------------------------------------------------------------------- colours and streams


def test_colours_are_for_terminals_that_want_them(house: House) -> None:
    arguments: list[str | Path] = [LATCHWIRE, "send", "front-door", "status"]
    for environment, coloured in (({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)):
        with Terminal(arguments, environment=house.environment() | environment, folder=house.folder) as terminal:
            assert terminal.end() == 0
        assert bool(COLOUR.search(terminal.screen)) is coloured, environment
        assert COLOUR.sub("", terminal.screen) == "front-door is LOCKED (simulated).\n"


@pytest.mark.parametrize("redirection", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-", ">/dev/full", "| true"])
def test_closed_and_full_streams_end_without_a_traceback(house: House, redirection: str) -> None:
    line = f"{shlex.quote(str(LATCHWIRE))} send front-door status {redirection}"
    done = subprocess.run(
        ["sh", "-c", line], env=house.environment(), cwd=house.folder, text=True, capture_output=True, timeout=30,
        check=False,
    )  # fmt: skip
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr
    assert done.returncode == (1 if "full" in redirection else 0)


def test_a_reader_that_goes_away_ends_watch(house: House) -> None:
    line = f"{shlex.quote(str(LATCHWIRE))} watch --json | head -n 1"
    program = subprocess.Popen(
        ["sh", "-c", line], env=house.environment(), cwd=house.folder, text=True, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    with ThreadPoolExecutor(1) as pool:
        ended = pool.submit(program.communicate, timeout=30)
        sender = house.sender()
        while not ended.done():  # it notices with the next line that it prints
            sender.ask(agent="omega", device=DOOR, action="status", sub="manual:test")
        output, errors = ended.result()
    json.loads(output)
    assert "Traceback" not in errors
    assert "Exception ignored" not in errors


@pytest.mark.parametrize(
    "environment",
    [{"LANG": "C"}, {"LC_ALL": "POSIX", "PYTHONUTF8": "0"}, {"PYTHONIOENCODING": "ascii"}],
)
def test_a_plain_locale_is_enough(house: House, environment: dict[str, str]) -> None:
    for arguments in (["send", "front-door", "status"], ["send", "tür", "unlock"], ["ready", "--once"]):
        done = house.command_line(*arguments, environment=environment)
        assert "Traceback" not in done.stderr
        assert done.returncode == (1 if "tür" in arguments else 0), done.stderr


def test_arguments_that_are_no_text_are_told(house: House) -> None:
    for arguments in ([b"send", b"\xff\xfe", b"unlock"], [b"send", b"front-door", b"\xff"], [b"\xff"],
                      [b"init", b"--from", b"\xff"], [b"send", b"front-door\n\x1b[2J", b"lock"]):  # fmt: skip
        done = house.command_line(*arguments)
        assert done.returncode in {1, 2}
        assert "Traceback" not in done.stderr
        assert CONTROL.findall(done.stderr) == []


# --------------------------------------------------------------------------------------------------------- bad days


def told(house: House, arguments: Sequence[str], **environment: str) -> str:
    """What a command that cannot do its work says; it must fail, and without a traceback."""
    done = house.command_line(*arguments, environment=environment)
    assert done.returncode != 0, done.stdout
    assert "Traceback" not in done.stderr + done.stdout
    return done.stdout + done.stderr


SEND, SIGN, STATUS = ("send", "front-door", "lock"), ("sign", "front-door", "lock"), ("status",)


def test_an_unknown_device_an_unknown_action_and_a_typing_error_are_told_with_what_there_is(house: House) -> None:
    assert 'did you mean "front-door"?; you have: front-door, ac, light' in told(house, ("send", "frontdoor", "lock"))
    assert "front-door knows: lock, unlock, toggle, status" in told(house, ("send", "front-door", "on"))
    assert "invalid choice" in told(house, ("sned",))
    assert "is no number of seconds from 1 to 600" in told(house, ("send", "front-door", "lock", "--wait", "soon"))


def test_a_broken_configuration_is_told_with_its_place(house: House) -> None:
    before = house.places.config.read_text("utf-8")
    try:
        house.write_config(before.replace('"agent": "omega"', '"agent": "omego"'))
        for command in (SEND, STATUS, ("watch",), ("check",)):
            assert 'devices.front-door.agent: "omego" is no agent; you have: omega, magiq' in told(house, command)
        house.write_config("{")
        assert "config.json: line 1, column 2" in told(house, SEND)
    finally:
        house.write_config(before)


def test_missing_and_readable_keys_are_told_with_their_cure(house: House) -> None:
    keys = house.places.keys("manual")
    kept = keys.with_suffix(".kept")
    keys.rename(kept)
    try:
        assert "latchwire init" in told(house, SEND)
        kept.rename(keys)
        keys.chmod(0o644)
        assert "chmod 600" in told(house, SEND)
        assert "chmod 600" in told(house, ("check",))
    finally:
        if kept.exists():
            kept.rename(keys)
        keys.chmod(0o600)
    login = house.places.login("observer")
    login.chmod(0o644)
    try:
        assert "chmod 600" in told(house, STATUS)
    finally:
        login.chmod(0o600)


def test_a_wrong_port_and_one_that_is_somebody_elses_are_told_with_their_cure(house: House, tmp_path: Path) -> None:
    away, start = "The broker cannot be reached.", "Start it: make run"
    other_logins = "Another broker may have that port; else make logins and broker agree"
    with Broker(folder=tmp_path / "other") as other, socket.create_server(("127.0.0.1", 0)) as mute:
        nobody, silent, strange = str(free_port()), str(mute.getsockname()[1]), str(other.port)
        rows = [
            (SEND, "lots", 'BROKER_PORT: "lots" is no port; give a number from 1 to 65535'),
            *(
                (command, port, words)
                for port in (nobody, silent)
                for command, words in ((SEND, away), (STATUS, start))
            ),
            (SIGN, strange, away),
            (STATUS, strange, other_logins),
            ((*STATUS, "--json"), strange, '"ok": false'),
        ]
        with ThreadPoolExecutor(len(rows)) as pool:
            texts = pool.map(lambda row: told(house, row[0], BROKER_PORT=row[1]), rows)
            for (command, port, words), text in zip(rows, texts, strict=True):
                assert words in text, (command, port)


def test_ctrl_c_while_it_waits_says_that_it_may_have_happened(house: House) -> None:
    observer = house.wire()
    house.pause("relay-agent")
    try:
        arguments: list[str | Path] = [LATCHWIRE, "send", "front-door", "status"]
        with Terminal(arguments, environment=house.environment(), folder=house.folder) as terminal:
            wait_until(lambda: bool(observer.commands()), "it was published")
            terminal.interrupt()
            assert terminal.end() == 6
        assert "No answer: it may have happened. Look at front-door." in terminal.screen
        assert "Traceback" not in terminal.screen
    finally:
        house.resume("relay-agent")
        observer.close()


def test_ctrl_c_at_any_moment_leaves_no_traceback(house: House) -> None:
    for hundredths in range(8, 64, 8):
        program = subprocess.Popen(
            [LATCHWIRE, "status"], env=house.environment(), cwd=house.folder, stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        time.sleep(hundredths / 100)
        program.send_signal(signal.SIGINT)
        _, errors = program.communicate(timeout=20)
        ours = "latchwire/cli" in errors
        assert not (ours and "Traceback" in errors), errors
