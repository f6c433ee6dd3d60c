"""Nobody waits for the log, and no line of it is lost without a word."""

import logging
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import TextIO

import pytest

from latchwire import log

LINE = "x" * 500


@pytest.fixture
def pipe() -> Iterator[tuple[int, TextIO]]:
    reader, writer = os.pipe()
    with os.fdopen(writer, "w") as stream:
        yield reader, stream
    os.close(reader)


def test_a_log_that_nobody_reads_keeps_nobody_waiting_and_tells_later_what_is_missing(
    pipe: tuple[int, TextIO],
) -> None:
    reader, stream = pipe
    log.configure(stream=stream)
    begun = time.monotonic()
    for _ in range(500):
        logging.getLogger("latchwire.test").info(LINE)
    assert time.monotonic() - begun < 10 * log.PATIENCE_SECONDS
    written = os.read(reader, 1 << 20)
    kept = written.count(b"\n")
    assert 64 <= kept < 500
    logging.getLogger("latchwire.test").info("it goes on")
    told = os.read(reader, 1 << 20).decode()
    assert told.endswith(
        f"WARNING: {500 - kept} lines of this log are missing, for it could not be written.\nit goes on\n"
    )
    logging.getLogger("latchwire.test").info("and on")
    assert os.read(reader, 1 << 20) == b"and on\n"


def test_a_reader_that_is_a_little_behind_misses_nothing(
    pipe: tuple[int, TextIO], monkeypatch: pytest.MonkeyPatch
) -> None:
    reader, stream = pipe
    monkeypatch.setattr(log, "PATIENCE_SECONDS", 20.0)  # machines are busy, and a program takes its time to start
    command = "import sys, time; time.sleep(0.1); print(len(sys.stdin.buffer.read()))"
    with subprocess.Popen([sys.executable, "-c", command], stdin=reader, stdout=subprocess.PIPE) as behind:
        log.configure(stream=stream)
        for _ in range(400):
            logging.getLogger("latchwire.test").info(LINE)
        stream.close()
        assert behind.communicate(timeout=10)[0] == b"%d\n" % (400 * 501)


@pytest.mark.parametrize("where", ["/dev/full", "&-"])
def test_a_log_that_cannot_be_written_changes_no_exit_status(where: str) -> None:
    program = "import logging; from latchwire import log; log.configure(); logging.getLogger().warning('a line')"
    done = subprocess.run(["/bin/sh", "-c", f"'{sys.executable}' -c \"{program}\" 2>{where}"], check=False)
    assert done.returncode == 0


def test_a_line_longer_than_a_pipe_takes_at_once_comes_whole(pipe: tuple[int, TextIO]) -> None:
    reader, stream = pipe
    log.configure(stream=stream)
    logging.getLogger("latchwire.test").info("ü" * 10_000)
    assert os.read(reader, 1 << 20).decode() == "ü" * 10_000 + "\n"
