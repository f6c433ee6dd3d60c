"""paho-mqtt and smbus2 as installed here, if they are exactly what the relay agent's lock file says.

Their version has to be the lock's, and each file has to have the hash that its own package wrote down for it, so a
library that somebody edited in the virtual environment does not get onto a door.
"""

import base64
import hashlib
import importlib.metadata
import re
from pathlib import Path
from typing import Final

_PIN: Final = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", re.MULTILINE)


def versions(lock: Path) -> dict[str, str]:
    """The version that a lock file gives to each package."""
    return dict(_PIN.findall(lock.read_text()))


def folder(package: str, version: str) -> Path:
    """Where the package's modules are installed.

    Raises:
        SystemExit: it is not installed in that version, or a file of it was changed.
    """
    try:
        distribution = importlib.metadata.distribution(package)
    except importlib.metadata.PackageNotFoundError:
        raise SystemExit(f"{package} is not installed here; type: scripts/setup") from None
    if distribution.version != version:
        raise SystemExit(f"{package} {distribution.version} is installed, the lock says {version}; type: scripts/setup")
    for file in distribution.files or ():
        if file.suffix == ".py" and file.hash is not None:
            found = base64.urlsafe_b64encode(hashlib.new(file.hash.mode, file.read_binary()).digest()).rstrip(b"=")
            if found.decode() != file.hash.value:
                raise SystemExit(
                    f"{file.locate()} is not what {package} {version} brought; type: rm -r .venv; make omega"
                )
    return Path(str(distribution.locate_file("")))
