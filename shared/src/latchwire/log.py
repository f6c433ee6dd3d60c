"""Logs for the person whose door it is: one line an event, a plain sentence and then ``key=value``.

The same keys everywhere: ``device``, ``action``, ``who``, ``command``, ``outcome``, ``cause``. With ``LOG_FORMAT=json``
each line is a JSON object with the same keys. Nothing that came from outside can end a line or pass for a key: values
with other characters than plain ones are written as JSON strings.
"""

import json
import logging
import re
import sys
import time
from typing import Final, TextIO

__all__ = ["event"]

_PLAIN: Final = re.compile(r"[A-Za-z0-9_.:/+@#*,-]+\Z", re.ASCII)


def event(logger: logging.Logger, level: int, sentence: str, /, **fields: object) -> None:
    """Logs one event; fields that are ``None`` or "" are left out."""
    if logger.isEnabledFor(level):
        kept = {name: value for name, value in fields.items() if value is not None and value != ""}
        logger.log(level, "%s", sentence, extra={"fields": kept})


class _Text(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = _one_line(record.getMessage())
        fields = getattr(record, "fields", {})
        line += "".join(f" {name}={_value(value)}" for name, value in fields.items())
        if record.levelno >= logging.WARNING:
            line = f"{record.levelname}: {line}"
        if record.exc_info:  # asked for by LOG_LEVEL=DEBUG only
            line += "\n" + self.formatException(record.exc_info)
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


def configure(*, level: str = "INFO", form: str = "text", stream: TextIO | None = None) -> None:
    """Sends all logs to ``stream`` (standard error), ``form`` being ``text`` or ``json``."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(_Json() if form == "json" else _Text())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    number = logging.getLevelNamesMapping().get(level.upper(), logging.INFO)
    root.setLevel(max(number, logging.INFO))  # other packages may log secrets below that
    logging.getLogger("latchwire").setLevel(number)


def _value(value: object) -> str:
    text = str(value)
    return text if _PLAIN.match(text) else json.dumps(text)


def _one_line(text: str) -> str:
    return text if text.isprintable() else "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)
