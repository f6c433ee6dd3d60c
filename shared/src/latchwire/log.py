"""Logs for the person whose door it is: one line an event, a plain sentence and then ``key=value``.

The same keys everywhere: ``device``, ``action``, ``who``, ``command``, ``outcome``, ``cause``. With ``LOG_FORMAT=json``
each line is a JSON object with the same keys. Nothing that came from outside can end a line or pass for a key: values
with other characters than plain ones are written as JSON strings, and what stands in a traceback is indented.

Nor can it fill a log, where it would push out what somebody has to read: :class:`Seldom` counts instead.

Nobody waits for the log. Where it goes may be full, or a pipe or a terminal that nobody reads (a collector that hangs,
Ctrl-S); a door that is open for five seconds must close all the same. What cannot be written is left out, and how many
lines that were is said once it can be again.
"""

import json
import logging
import os
import re
import select
import sys
import threading
import time
from collections.abc import Callable, Hashable
from contextlib import suppress
from typing import Final, TextIO

__all__ = ["Seldom", "event"]

PATIENCE_SECONDS: Final = 0.5
"""How long a line waits for a reader that is behind; once one was left out, the next do not wait."""
_PIECE: Final = 4096
"""Bytes that a pipe which says it is ready takes at once (PIPE_BUF, pipe(7))."""
_PLAIN: Final = re.compile(r"[A-Za-z0-9_.:/+@#*,-]+\Z", re.ASCII)


def event(logger: logging.Logger, level: int, sentence: str, /, **fields: object) -> None:
    """Logs one event; fields that are ``None`` or "" are left out."""
    if logger.isEnabledFor(level):
        kept = {name: value for name, value in fields.items() if value is not None and value != ""}
        logger.log(level, "%s", sentence, extra={"fields": kept})


class Seldom:
    """Logs so many events of a kind in so many seconds, and counts the others; the next line of that kind tells.

    For what somebody outside can cause as often as they like. May be used from several threads.

    Args:
        most: lines of one kind.
        seconds: in that time.
        clock: seconds that never jump.
    """

    def __init__(self, *, most: int = 1, seconds: float = 10.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._most, self._seconds, self._clock = most, seconds, clock
        self._lock = threading.Lock()
        self._kinds: dict[Hashable, tuple[float, int]] = {}

    def event(self, logger: logging.Logger, level: int, sentence: str, /, *, kind: Hashable, **fields: object) -> None:
        """Like :func:`event`; ``kind`` is one of a few, never a text from outside. ``unlogged`` tells the others."""
        counted = self._count(kind)
        if counted is not None:
            event(logger, level, sentence, **fields, unlogged=counted or None)

    def _count(self, kind: Hashable) -> int | None:
        """How many were not logged before this one; ``None`` if this is one more of them."""
        with self._lock:
            now = self._clock()
            begun, count = self._kinds.get(kind, (now, 0))
            unlogged = 0
            if now - begun >= self._seconds:
                begun, count, unlogged = now, 0, max(0, count - self._most)
            self._kinds[kind] = begun, count + 1
            return unlogged if count < self._most else None


class _Text(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = _one_line(record.getMessage())
        fields = getattr(record, "fields", {})
        line += "".join(f" {name}={_value(value)}" for name, value in fields.items())
        if record.levelno >= logging.WARNING:
            line = f"{record.levelname}: {line}"
        if record.exc_info:
            trace = self.formatException(record.exc_info).splitlines()  # a message in it may hold anything
            line += "".join(f"\n    | {_one_line(part)}" for part in trace)
        return line


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(record.created)),
            "level": record.levelname.lower(),
            "part": record.name,
            "text": record.getMessage(),
        }
        line.update(getattr(record, "fields", {}))
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


class _Unhurried(logging.Handler):
    """Writes lines to a file descriptor, and never keeps the one who logs waiting for long.

    It goes past ``sys.stderr``: what that could not write it keeps, and then a good end has exit status 120.
    """

    def __init__(self, descriptor: int) -> None:
        super().__init__()
        self._descriptor = descriptor
        self._missing = 0

    def emit(self, record: logging.LogRecord) -> None:
        """Writes the line, or counts it as missing; with the handler's lock."""
        line = self.format(record)
        if self._missing:
            line = f"WARNING: {self._missing} lines of this log are missing, for it could not be written.\n{line}"
        self._missing = 0 if self._write(f"{line}\n".encode(errors="backslashreplace")) else self._missing + 1

    def _write(self, data: bytes) -> bool:
        poll = select.poll()
        poll.register(self._descriptor, select.POLLOUT)
        wait = 0 if self._missing else PATIENCE_SECONDS * 1000
        with suppress(OSError):
            while data and poll.poll(wait):
                data = data[os.write(self._descriptor, data[:_PIECE]) :]
        return not data


def configure(*, level: str = "INFO", form: str = "text", stream: TextIO | None = None) -> None:
    """Sends all logs to ``stream`` (standard error), ``form`` being ``text`` or ``json``."""
    # None of it stands in a line, and each line asks for it ("Optimization" in the documentation of logging).
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    logging._srcfile = None  # noqa: SLF001  # as that page says: who called is looked for in no stack
    handler = _handler(stream or sys.stderr)
    handler.setFormatter(_Json() if form == "json" else _Text())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    number = logging.getLevelNamesMapping().get(level.upper(), logging.INFO)
    root.setLevel(max(number, logging.INFO))  # other packages may log secrets below that
    logging.getLogger("latchwire").setLevel(number)


def _handler(stream: TextIO | None) -> logging.Handler:
    if stream is None:  # it was closed before this process began
        return logging.NullHandler()
    try:
        return _Unhurried(stream.fileno())
    except OSError:  # it is in memory (io.UnsupportedOperation)
        return logging.StreamHandler(stream)


def _value(value: object) -> str:
    text = str(value)
    return text if _PLAIN.match(text) else json.dumps(text)


def _one_line(text: str) -> str:
    return text if text.isprintable() else "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)
