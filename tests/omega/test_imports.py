"""The agent runs on the part of Python that the package's ``Depends`` bring, and on little of that.

OpenWrt splits Python's standard library into packages. Here all that the packages in ``Depends`` do not bring is made
impossible to import, and the archive from ``dist/`` runs against a real broker.
"""

import ast
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Final

import paho.mqtt.client
import pytest

from omega.household import Household
from support.broker import wait_until

TOP: Final = Path(__file__).parents[2]
BROUGHT_BY: Final = {
    "python3-asyncio": "asyncio _asyncio",
    "python3-cgi": "cgi",
    "python3-cgitb": "cgitb",
    "python3-codecs": "unicodedata _codecs_cn _codecs_hk _codecs_iso2022 _codecs_jp _codecs_kr _codecs_tw "
    "_multibytecodec",
    "python3-ctypes": "ctypes _ctypes",
    "python3-dbm": "dbm _dbm _gdbm",
    "python3-decimal": "decimal _decimal _pydecimal",
    "python3-distutils": "distutils",
    "python3-email": "email",
    "python3-logging": "logging",
    "python3-lzma": "lzma _lzma",
    "python3-multiprocessing": "multiprocessing _multiprocessing _posixshmem",
    "python3-ncurses": "curses _curses _curses_panel",
    "python3-openssl": "_ssl _hashlib",
    "python3-pydoc": "pydoc doctest",
    "python3-readline": "readline",
    "python3-sqlite3": "sqlite3 _sqlite3",
    "python3-unittest": "unittest",
    "python3-urllib": "urllib",
    "python3-uuid": "uuid _uuid",
    "python3-venv": "venv",
    "python3-xml": "xml xmlrpc pyexpat _elementtree",
}
"""What each of OpenWrt 23.05's packages has; all else is in python3-base and python3-light
(openwrt/packages, lang/python/python3/files/python3-package-*.mk)."""
NEVER: Final = [
    "dataclasses",
    "inspect",
    "asyncio",
    "decimal",
    "xml",
    "importlib.metadata",
    "unicodedata",
    "concurrent.futures",
    "secrets",
    "random",
    "tempfile",
    "email",
    "http",
    "argparse",
    "gettext",
    "bz2",
    "lzma",
    "subprocess",
    "ipaddress",
]
"""What costs memory or time and is loaded by nothing that the agent needs."""

RUN: Final = """
import sys
archive, blocked = sys.argv[1], sys.argv[2].split()
class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in blocked:
            import zipimport
            spec = zipimport.zipimporter(archive).find_spec(name) if path is None else None
            if spec is None and path is None:
                raise ModuleNotFoundError(f"OpenWrt would not have {name}", name=name)
            return spec
sys.meta_path.insert(0, Blocker)
Blocker.find_spec = classmethod(Blocker.find_spec)
for name in blocked:
    assert name not in sys.modules, name
sys.path.insert(0, archive)
del sys.argv[1:]
from latchwire_relay_agent.omega import main
status = main()
print("\\n".join(name for name, module in sys.modules.items() if module))
sys.exit(status)
"""


def depends() -> set[str]:
    control = (TOP / "services/relay-agent/openwrt/control/control").read_text()
    line = next(line for line in control.splitlines() if line.startswith("Depends: "))
    return set(line.removeprefix("Depends: ").split(", "))


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The archive of bytecode that an Omega compiles on arrival."""
    dist = tmp_path_factory.mktemp("dist")
    environment = {**os.environ, "PYTHONPATH": str(TOP / "scripts")}
    subprocess.run([sys.executable, "-m", "omega_package", str(dist)], check=True, env=environment, cwd=TOP)
    subprocess.run([sys.executable, "-I", "-S", dist / "relay-agent.pyz", "--compile"], check=True)
    return next(dist.glob("relay-agent-*.zip"))


@pytest.fixture
def household(tmp_path: Path) -> Household:
    return Household(
        folder=tmp_path, devices={"front-door": {"kind": "lock", "channel": 0, "locked": "released"}}, bus=99
    )


def modules_of_a_run(household: Household, archive: Path, blocked: set[str], bundle: dict[str, bytes]) -> set[str]:
    """Runs the agent until it has answered a command, and ends it; the modules it had loaded."""
    folder = household.folder / "bundle"
    folder.mkdir(mode=0o700)
    for name, content in bundle.items():
        (folder / name).write_bytes(content)
        (folder / name).chmod(0o600)
    environment = {"LATCHWIRE_BUNDLE": str(folder), "LATCHWIRE_RUN": str(household.folder / "run")}
    household.start_broker()
    names = {name for package in blocked for name in BROUGHT_BY[package].split()}
    log = (household.folder / "agent.log").open("w+")
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", RUN, str(archive), " ".join(names)],
        env=environment, stdout=subprocess.PIPE, stderr=log, text=True,
    )  # fmt: skip
    path = household.folder / "agent.log"
    try:
        wait_until(
            lambda: "ready for commands" in path.read_text() or process.poll() is not None, "the agent connects", 30
        )
        assert process.poll() is None, path.read_text()
        said = household.say("send", "front-door", "status", status=4)
        assert "lacks credentials or hardware" in said
    finally:
        process.send_signal(signal.SIGTERM)
        told, _ = process.communicate(timeout=20)
        household.stop_broker()
        log.close()
    assert process.returncode == 0, path.read_text()
    return set(told.split())


def test_it_runs_with_what_the_package_depends_on(household: Household, archive: Path) -> None:
    blocked = set(BROUGHT_BY) - depends()
    loaded = modules_of_a_run(household, archive, blocked, household.bundle("127.0.0.1"))
    assert {"smbus2", "ctypes", "logging", "paho.mqtt.client"} <= loaded
    assert loaded & {*NEVER, "ssl", "_ssl", "_hashlib"} == set()


def test_each_package_that_it_depends_on_is_needed() -> None:
    assert depends() - set(BROUGHT_BY) == {"python3-light"}
    needed = {"python3-ctypes": "smbus2", "python3-logging": "latchwire", "python3-openssl": "TLS"}
    assert depends() & set(BROUGHT_BY) == set(needed)


def test_without_tls_it_even_runs_without_openssl(household: Household, archive: Path) -> None:
    blocked = set(BROUGHT_BY) - depends() | {"python3-openssl"}
    assert "hmac" in modules_of_a_run(household, archive, blocked, household.bundle("127.0.0.1"))


def test_paho_uses_what_we_leave_out_only_where_we_never_come() -> None:
    """The stand-ins for urllib and uuid are empty; a paho that uses them elsewhere needs another look."""
    source = Path(paho.mqtt.client.__file__).read_text()
    users: set[tuple[str, str]] = set()
    for place in ast.walk(ast.parse(source)):
        if isinstance(place, (ast.FunctionDef, ast.AsyncFunctionDef)):
            for node in ast.walk(place):
                if isinstance(node, ast.Name) and node.id in {"urllib", "uuid"}:
                    users.add((place.name, node.id))
    assert users == {
        ("_get_proxy", "urllib"),  # returns before that where the package PySocks is not there
        ("__init__", "uuid"),  # makes a client id where it was given none; it is always given one
        ("_handle_connack", "uuid"),  # the same
        ("_do_handshake", "uuid"),  # of a WebSocket
    }
    proxy = next(
        node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef) and node.name == "_get_proxy"
    )
    assert ast.unparse(proxy.body[0]) == "if socks is None:\n    return None"
    for file in Path(paho.mqtt.client.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.ImportFrom):
                assert (node.module or "").partition(".")[0] not in {"urllib", "uuid"}, file
