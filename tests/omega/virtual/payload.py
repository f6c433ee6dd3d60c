"""What the guest gets to do: a tar archive on its second disk, which it unpacks at its start."""

import io
import tarfile
import time


def payload(files: dict[str, bytes], command: str) -> bytes:
    """The archive.

    Args:
        files: contents by absolute path; executable where they begin with ``#!``.
        command: a shell script, which runs in ``/app``.
    """
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for name, content in {**files, "/command": b"#!/bin/sh\n" + command.encode() + b"\n"}.items():
            entry = tarfile.TarInfo(name.lstrip("/"))
            entry.size, entry.mtime = len(content), int(time.time())
            entry.mode = 0o755 if content.startswith(b"#!") else 0o600
            tar.addfile(entry, io.BytesIO(content))
    return archive.getvalue()
