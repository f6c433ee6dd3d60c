"""Logs that nobody outside can steer or fill."""

import io
import json
import logging

import pytest

from latchwire import log
from latchwire.log import Seldom

HOSTILE = 'x\nERROR: forged line outcome=done\r\x1b[2J\u202e\x00" who=owner'


def logged(form: str, call: object) -> list[str]:
    stream = io.StringIO()
    log.configure(form=form, stream=stream)
    assert callable(call)
    call(logging.getLogger("latchwire.test"))
    return stream.getvalue().splitlines()


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_field_from_outside_ends_no_line_and_passes_for_no_key(form: str) -> None:
    (line,) = logged(form, lambda logger: log.event(logger, logging.INFO, "Heard.", device=HOSTILE))
    assert line.isprintable()
    if form == "json":
        assert json.loads(line)["device"] == HOSTILE
    else:
        assert line.startswith('Heard. device="x\\nERROR')
        assert line.count(" who=owner") == line.count('\\" who=owner') == 1


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_sentence_of_another_library_ends_no_line(form: str) -> None:
    (line,) = logged(form, lambda logger: logger.warning("cannot read %s", HOSTILE))
    assert line.isprintable()


def test_no_line_of_a_traceback_can_pass_for_an_event() -> None:
    def fault() -> None:
        raise ValueError(HOSTILE)

    def fail(logger: logging.Logger) -> None:
        try:
            fault()
        except ValueError:
            logger.exception("A fault.")

    first, *rest = logged("text", fail)
    assert first == "ERROR: A fault."
    assert rest
    assert all(line.startswith("    | ") and line.isprintable() for line in rest)
    assert any("forged line" in line for line in rest)


def test_what_comes_too_often_is_counted_and_told_with_the_next_line() -> None:
    moment = [0.0]
    seldom = Seldom(most=2, seconds=10.0, clock=lambda: moment[0])

    def talk(logger: logging.Logger) -> None:
        for second in (*range(8), 8, 20, 21, 40):
            moment[0] = float(second)
            seldom.event(logger, logging.WARNING, "Again.", kind="again", device=second)
            seldom.event(logger, logging.WARNING, "Other.", kind="other")

    lines = [line for line in logged("text", talk) if "Again" in line]
    assert lines == [
        "WARNING: Again. device=0", "WARNING: Again. device=1", "WARNING: Again. device=20 unlogged=7",
        "WARNING: Again. device=21", "WARNING: Again. device=40",
    ]  # fmt: skip
