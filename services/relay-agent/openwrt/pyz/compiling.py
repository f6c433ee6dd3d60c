"""Compiles the sources in the archive that it stands in, into an archive of bytecode beside it.

It is written once for each version of the agent and of Python, whole or not at all, and an older one is removed: the
flash is not worn by it. Where there is no room for it, it goes into memory for as long as the machine runs.
"""

import importlib.util
import io
import marshal
import os
import sys
import zipfile
from collections.abc import Sequence
from contextlib import suppress
from typing import BinaryIO

_UNCHECKED_HASH = (1).to_bytes(4, "little")  # nobody compares it with a source (PEP 552)


def compile_once(archive: str, folders: Sequence[str], name: str) -> str:
    """Makes the compiled archive in the first folder that takes it.

    With ``--compile`` its path is returned; else this process is replaced by a new one, which finds it and has not
    the memory that compiling took.
    """
    if "no_debug_ranges" not in sys._xoptions:  # noqa: SLF001  # documented so, "-X"
        # Bytecode that knows lines but no columns takes a quarter less (Python documentation, "-X no_debug_ranges").
        os.execv(sys.executable, [sys.executable, "-X", "no_debug_ranges", *sys.orig_argv[1:]])
    why: OSError | None = None
    for folder in folders:
        try:
            _write(archive, folder, name)
        except OSError as error:
            why = error
            sys.stderr.write(f"relay-agent: {folder}/{name} cannot be written: {error.strerror}\n")
        else:
            if sys.argv[1:] != ["--compile"]:
                os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])
            return f"{folder}/{name}"
    raise SystemExit(f"relay-agent: make room for 300 KB beside {archive} ({why})")


def _write(archive: str, folder: str, name: str) -> None:
    new = f"{folder}/{name}.new"
    os.makedirs(folder, mode=0o700, exist_ok=True)
    try:
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
        with os.fdopen(descriptor, "wb") as file:
            _compile_all(archive, file)
            file.flush()
            os.fsync(file.fileno())
        for old in os.listdir(folder):
            if old.startswith("relay-agent-") and old.endswith((".zip", ".zip.new")) and old != f"{name}.new":
                os.unlink(f"{folder}/{old}")
        os.replace(new, f"{folder}/{name}")
    except OSError:
        with suppress(OSError):
            os.unlink(new)
        raise


def _compile_all(archive: str, file: BinaryIO) -> None:
    with zipfile.ZipFile(archive) as outer:
        inner = io.BytesIO(outer.read("sources.zip"))
    with zipfile.ZipFile(inner) as sources, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as target:
        for name in sources.namelist():
            source = sources.read(name)
            code = compile(source, name, "exec", dont_inherit=True, optimize=2)
            head = importlib.util.MAGIC_NUMBER + _UNCHECKED_HASH + importlib.util.source_hash(source)
            target.writestr(f"{name}c", head + marshal.dumps(code))
