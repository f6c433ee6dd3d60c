"""The init script under busybox' shell, with procd's functions replaced by ones that record what they were asked.

procd itself runs on an OpenWrt only. The stubs do what its procd.sh does with their words: nothing but to pass them on.
"""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

TOP = Path(__file__).parents[2]
SCRIPT = TOP / "services/relay-agent/openwrt/files/etc/init.d/relay-agent"
BUSYBOX = shutil.which("busybox")
RECORDED = [
    "procd_open_instance",
    "procd_close_instance",
    "procd_set_param",
    "procd_append_param",
    "procd_add_reload_trigger",
    "procd_add_validation",
]
STUBS = (
    "".join(f'{name}() {{ echo "{name} $*"; }}\n' for name in RECORDED)
    + """
uci_load_validate() {
    echo "uci_load_validate $*"
    local package=$1 type=$2 section=$3 function=$4 status=$VALID word name; shift 4
    for word; do
        name=${word%%:*}
        eval "[ -n \\"\\${UCI_$name+set}\\" ] && $name=\\$UCI_$name || $name=\\${word##*:}"
    done
    [ -z "$function" ] || "$function" "$section" "$status"
}
"""
)

pytestmark = pytest.mark.skipif(BUSYBOX is None, reason="busybox is not installed: apt-get install busybox")


def ask(function: str, options: dict[str, str] | None = None, *, valid: bool = True) -> list[str]:
    """What a function of the script asks for, in order."""
    assert BUSYBOX
    variables = {f"UCI_{name}": value for name, value in (options or {}).items()} | {"VALID": "0" if valid else "1"}
    done = subprocess.run(
        [BUSYBOX, "ash", "-eu", "-c", f"{STUBS}\n. {SCRIPT}\n{function}"],
        env={"PATH": os.environ["PATH"], **variables},
        text=True,
        capture_output=True,
        check=False,
    )
    assert done.stderr == ""
    return done.stdout.splitlines()


def parameters(**options: str) -> dict[str, list[str]]:
    words = [line.split() for line in ask("start_service", options)]
    found: dict[str, list[str]] = {}
    for word in words:
        if word[0] == "procd_set_param":
            found[word[1]] = word[2:]
        elif word[0] == "procd_append_param":
            found[word[1]] += word[2:]
    return found


def test_it_is_started_again_for_ever() -> None:
    assert parameters()["respawn"] == ["3600", "5", "0"]


def test_its_words_go_to_logd() -> None:
    assert parameters()["stdout"] == ["1"]
    assert parameters()["stderr"] == ["1"]


def test_it_has_time_to_lock_before_it_is_killed() -> None:
    assert int(parameters()["term_timeout"][0]) >= 10


def test_no_change_of_the_network_restarts_it() -> None:
    asked = "\n".join(ask("start_service") + ask("service_triggers"))
    for word in ("netdev", "interface", "trigger_", "hotplug", "wan"):
        assert word not in asked


def test_a_changed_bundle_program_or_configuration_restarts_it_at_a_reload() -> None:
    files = parameters()["file"]
    for name in ("agent.json", "broker.json", "keyring", "login", "ca.crt", "client.crt", "client.key"):
        assert f"/etc/relay-agent/{name}" in files
    assert "/usr/lib/relay-agent/relay-agent.pyz" in files
    assert "procd_add_reload_trigger relay-agent" in ask("service_triggers")


def test_it_runs_the_installed_program_on_the_configured_bundle() -> None:
    found = parameters(bundle="/mnt/door", log_level="DEBUG")
    assert found["command"] == ["/usr/bin/relay-agent"]
    assert (TOP / "services/relay-agent/openwrt/files/usr/bin/relay-agent").is_file()
    assert found["env"] == ["LATCHWIRE_BUNDLE=/mnt/door", "LOG_LEVEL=DEBUG", "LOG_FORMAT=text"]


def test_a_disabled_or_wrong_configuration_starts_nothing() -> None:
    assert not any(line.startswith("procd_") for line in ask("start_service", {"enabled": "0"}))
    wrong = ask("start_service || true", valid=False)
    assert not any(line.startswith("procd_") for line in wrong)
    assert any("/etc/config/relay-agent is wrong" in line for line in wrong)


def test_outputs_are_settled_before_the_network_comes_up() -> None:
    order = ask('echo "$START $STOP $USE_PROCD"')[-1].split()
    assert int(order[0]) < 20, "OpenWrt's network is START=20"
    assert order[2] == "1"


def test_the_clock_is_told_as_set_only_by_a_server_of_time(tmp_path: Path) -> None:
    assert BUSYBOX
    script = (TOP / "services/relay-agent/openwrt/files/etc/hotplug.d/ntp/90-relay-agent").read_text()
    marker = tmp_path / "synced"
    for action, there in (("step", False), ("unsync", False), ("stratum", True)):
        text = script.replace("/var/run/relay-agent.synced", str(marker))
        subprocess.run([BUSYBOX, "ash", "-eu", "-c", text], env={"ACTION": action}, check=True)
        assert marker.exists() is there
