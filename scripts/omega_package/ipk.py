"""OpenWrt's package: a gzipped tar of ``debian-binary``, ``data.tar.gz`` and ``control.tar.gz``, as ipkg-build does.

From the description of OpenWrt's scripts/ipkg-build: GNU tar, names that begin with ``./`` in order, owner 0:0 by
number, one date, gzip without name or time. It is no ``ar`` archive, as Debian's packages are.
"""

import gzip
import io
import tarfile
from pathlib import Path
from typing import Final, NamedTuple

from omega_package.archive import SERVICE

NAME: Final = "relay-agent"
ARCHIVE: Final = "usr/lib/relay-agent/relay-agent.pyz"
EXECUTABLE: Final = frozenset(
    ("etc/init.d/relay-agent", "usr/bin/relay-agent", "postinst", "postinst-pkg", "prerm", "postrm")
)
"""What a checkout's own modes, which differ with the umask, do not decide."""


class Entry(NamedTuple):
    """A file or, with ``None`` for its content, a folder."""

    name: str
    content: bytes | None


def package(top: Path, archive: bytes, version: str) -> bytes:
    """The package's bytes."""
    folder = top / SERVICE / "openwrt"
    files = {path.relative_to(folder / "files").as_posix(): path.read_bytes() for path in _files(folder / "files")}
    files[ARCHIVE] = archive
    control = {path.name: path.read_bytes() for path in _files(folder / "control")}
    size = str(sum(map(len, files.values()))).encode()
    control["control"] = control["control"].replace(b"@VERSION@", version.encode()).replace(b"@SIZE@", size)
    return _tar_gz(
        [
            Entry("debian-binary", b"2.0\n"),
            Entry("data.tar.gz", _tar_gz(_with_folders(files))),
            Entry("control.tar.gz", _tar_gz(_with_folders(control))),
        ]
    )


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _with_folders(files: dict[str, bytes]) -> list[Entry]:
    folders = {str(parent) for name in files for parent in Path(name).parents} - {"."}
    entries = [Entry(name, None) for name in folders] + [Entry(*item) for item in files.items()]
    return [Entry("", None), *sorted(entries)]


def _tar_gz(entries: list[Entry]) -> bytes:
    buffer = io.BytesIO()
    with (
        gzip.GzipFile(filename="", mode="wb", compresslevel=9, fileobj=buffer, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.GNU_FORMAT) as tar,
    ):
        for name, content in entries:
            entry = tarfile.TarInfo(f"./{name}" if name else ".")
            if content is None:
                entry.type, entry.mode = tarfile.DIRTYPE, 0o755
                tar.addfile(entry)
            else:
                entry.size, entry.mode = len(content), 0o755 if name in EXECUTABLE else 0o644
                tar.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()
