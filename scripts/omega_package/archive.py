"""relay-agent.pyz: the sources of what relay-agent reaches on the Omega, in one archive that Python runs.

The same sources give the same bytes: names in order, one date, one mode. Nothing of this machine gets in.
"""

import hashlib
import io
import zipfile
from pathlib import Path
from typing import Final

from omega_package import locked
from omega_package.closure import Closure, closure

START: Final = "latchwire_relay_agent.omega"
SERVICE: Final = Path("services/relay-agent")
LIBRARIES: Final = ("paho-mqtt", "smbus2")
PACKAGES: Final = frozenset(("latchwire", "latchwire_relay_agent", "paho", "smbus2", "urllib", "uuid"))
"""All that the archive may hold: ours, the two libraries, and stand-ins for the standard library."""
_DATE: Final = (1980, 1, 1, 0, 0, 0)
"""The first that a ZIP archive can say (APPNOTE.TXT section 4.4.6)."""


def reached(top: Path) -> Closure:
    """What relay-agent reaches on the Omega, the stand-ins for the standard library included."""
    pins = locked.versions(top / SERVICE / "requirements.lock")
    libraries = {locked.folder(name, pins[name]) for name in LIBRARIES}
    stand_ins = top / SERVICE / "openwrt/pyz"
    return closure(START, [stand_ins, top / "shared/src", top / SERVICE / "src", *sorted(libraries)], PACKAGES)


def archive(top: Path) -> bytes:
    """The archive's bytes."""
    sources = _zip(
        {_inside(name, path): path.read_bytes() for name, path in reached(top).files.items()}, zipfile.ZIP_STORED
    )
    own = top / SERVICE / "openwrt/pyz"
    start, compiling = (own / "__main__.py").read_bytes(), (own / "compiling.py").read_bytes()
    build = hashlib.sha256(start + compiling + sources).hexdigest()[:12].encode()
    # All sources are compressed as one: that takes a fifth less of the flash.
    contents = {
        "__main__.py": start.replace(b"@BUILD@", build),
        "compiling.py": compiling,
        "sources.zip": sources,
    }
    return b"#!/usr/bin/python3\n" + _zip(contents, zipfile.ZIP_DEFLATED)


def _inside(name: str, path: Path) -> str:
    base = name.replace(".", "/")
    return f"{base}/__init__.py" if path.name == "__init__.py" else f"{base}.py"


def _zip(contents: dict[str, bytes], method: int) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for name in sorted(contents):
            entry = zipfile.ZipInfo(name, _DATE)
            entry.create_system, entry.external_attr = 3, 0o100644 << 16
            file.writestr(entry, contents[name], method, 9)
    return buffer.getvalue()
