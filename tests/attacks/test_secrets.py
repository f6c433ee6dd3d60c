"""Where secrets must never be: logs at any level, process lists, what is printed, what passes at the broker, bundles.

Images and what Docker tells are looked at in tests/compose (``make test-compose``).
"""

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from latchwire.config.environment import environment
from latchwire.errors import ConfigurationError
from support.broker import wait_until
from support.home import DOOR
from support.house import JOHN, TOKEN, House, example
from support.magiq_cloud import KEY, SECRET

BEARER = "a-bearer-token-of-X-that-nobody-may-see"


@pytest.fixture
def house(make_house: Callable[..., House]) -> House:
    """A house with a secret of every kind, as talkative as it can be."""
    document = example()
    document["agents"]["magiq"]["runs"] = "here"
    variables = {"MAGIQ_API_KEY": KEY, "MAGIQ_API_SECRET": SECRET, "LOG_LEVEL": "DEBUG", "TWILIO_AUTH_TOKEN": TOKEN}
    document["people"] = {"owner": {"manual": True, "may": "*"},
                          "john": {"whatsapp": JOHN, "may": "*"}}  # fmt: skip
    return make_house(document=document, variables=variables)


def secrets_of(house: House) -> set[str]:
    """Every key, password and token of that house."""
    keys = {line.split()[2] for path in (house.places.state / "keys").iterdir() for line in path.read_text().split("\n")
            if line}  # fmt: skip
    passwords = {path.read_text().strip() for path in (house.places.state / "logins").iterdir()}
    assert len(keys) >= 6
    return {*keys, *passwords, *house.broker.logins.values(), TOKEN, KEY, SECRET}


def processes() -> str:
    """What ``ps -ef`` shows to everybody: the command lines of all processes."""
    lines = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            lines.append(path.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
        except OSError:  # it has ended meanwhile
            continue
    return "\n".join(lines)


def leaked(text: str, house: House) -> list[str]:
    """Which secrets stand in that text, as they are or in other spellings."""
    found = []
    for secret in secrets_of(house):
        spellings = {secret, repr(secret)[1:-1]}
        if len(secret) == 64:
            spellings |= {repr(bytes.fromhex(secret))[2:-1], secret.upper()}
        found += [secret for spelling in spellings if len(spelling) > 5 and spelling in text]
    return found


def test_no_secret_is_in_a_log_a_process_list_or_on_the_wire(house: House) -> None:
    """Holds: a look at the log, at `ps`, at the screen, at all that passes at the broker."""
    observer = house.wire()
    house.start("relay-agent", "whatsapp-webhook")
    house.launch("magiq-bridge")
    seen = [processes()]
    house.whatsapp("unlock the front door")
    house.whatsapp("unlock the front door", sender="+15555550199")
    for words in (
        ("send", DOOR, "lock"),
        ("status",),
        ("status", "--json"),
        ("check",),
        ("bundle", "--help"),
        ("init",),
    ):
        done = house.command_line(*words)
        seen += [done.stdout, done.stderr]
    seen.append(processes())
    seen += [house.log(name) for name in ("relay-agent", "whatsapp-webhook", "magiq-bridge")]
    seen += [house.healthy(name)[1] for name in ("relay-agent", "whatsapp-webhook")]
    wire = [f"{heard.topic} {heard.payload.decode(errors='replace')}" for heard in observer.messages]
    assert any("receipt" in line for line in wire)
    assert leaked("\n".join([*seen, *wire]), house) == []
    assert "Traceback" not in house.log("relay-agent")


@pytest.mark.parametrize("broker_kind", ["mosquitto"])  # no broker has a part in it
def test_no_secret_is_in_an_error(house: House) -> None:
    """Holds: somebody else's screen, where a damaged file is told."""
    state, before = house.places.state, secrets_of(house)
    for path in [*(state / "keys").iterdir(), *(state / "logins").iterdir()]:
        text = path.read_text()
        for damage in (text[:-8] + "zz\n", text + text, "x" + text, text.replace(" ", "\n"), text + "\u00e4"):
            path.write_text(damage)
            done = house.command_line("check")
            assert not [secret for secret in before if secret in done.stdout + done.stderr]
            assert "Traceback" not in done.stderr
            if path.name != "omega":
                break  # the other files are read by the same code
        path.write_text(text)


@pytest.mark.parametrize("broker_kind", ["mosquitto"])
def test_every_file_with_a_secret_is_its_owners_alone_and_else_not_used(house: House) -> None:
    """Holds: another user's account on the same machine."""
    for path in house.places.state.rglob("*"):
        mode = stat.S_IMODE(path.lstat().st_mode)
        assert path.is_symlink() or path.suffix == ".new" or mode & 0o077 == 0 or path == house.places.config, path
    house.places.keys("omega").chmod(0o640)
    house.places.env.chmod(0o640)
    with pytest.raises(ConfigurationError, match=r"others can read it .*chmod 600"):
        house.places.keyring("omega")
    with pytest.raises(ConfigurationError, match=r"others can read it .*chmod 600"):
        environment(house.places.state, {})


@pytest.mark.parametrize("broker_kind", ["mosquitto"])
def test_a_link_in_the_state_folder_makes_nobody_write_elsewhere(house: House, tmp_path: Path) -> None:
    """Holds: the right to write in state/ (a service that was taken over); lays links to other files there."""
    victim = tmp_path / "victim"
    victim.write_text("as it was")
    victim.chmod(0o600)
    state = house.places.state
    keys = house.places.keys("manual").read_text()
    for link in (house.places.login("magiq"), house.places.run / "relay-agent.sock", house.places.keys("whatsapp"),
                 state / "keys" / ".whatsapp.latchwire-tmp"):  # fmt: skip
        link.unlink(missing_ok=True)
        link.symlink_to(victim)
    house.command_line("init")
    house.launch("relay-agent")
    wait_until(lambda: "ready for commands" in house.log("relay-agent"), "the agent works", 20)
    assert victim.read_text() == "as it was"
    assert house.places.keys("manual").read_text() == keys
    assert stat.S_IMODE(victim.stat().st_mode) == 0o600


@pytest.mark.parametrize("broker_kind", ["mosquitto"])
def test_the_health_socket_is_its_owners_alone_and_bears_who_knocks_without_reading(house: House) -> None:
    """Holds: the same user's account without the keys; knocks at the health socket and never reads."""
    import socket  # noqa: PLC0415  # here alone

    house.start("relay-agent")
    path = house.places.run / "relay-agent.sock"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    knocking = []
    for _ in range(100):
        knock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        knock.setblocking(False)
        knocking.append(knock)
        try:
            knock.connect(f"/proc/self/fd/{folder}/{path.name}")
            knock.send(b"GET / HTTP/1.1\r\n\r\n")
        except OSError:
            pass
    os.close(folder)
    assert house.command_line("send", DOOR, "unlock").returncode == 0
    assert house.healthy("relay-agent")[0]
    for knock in knocking:
        knock.close()
