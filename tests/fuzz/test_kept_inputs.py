"""Every input that the fuzzer was given or that failed once, through its target again: without the fuzzer."""

import importlib
import traceback

import pytest

from fuzz.kept import TARGETS, inputs


def test_there_are_six_targets_and_each_has_inputs() -> None:
    assert TARGETS == ("configuration", "form", "line", "phrase", "token", "topic")
    for target in TARGETS:
        sizes = [path.stat().st_size for path in inputs(target)]
        assert 10 < len(sizes) <= 220
        assert sum(sizes) <= 220_000, "a corpus stays small: KEEP=yes adds only what reaches more"


@pytest.mark.parametrize("target", TARGETS)
def test_a_kept_input_breaks_no_promise_again(target: str) -> None:
    one_input = importlib.import_module(f"fuzz.targets.{target}").one_input
    failed = []
    for path in inputs(target):
        try:
            one_input(path.read_bytes())
        except Exception:  # noqa: BLE001  # whatever it is, it is told with the input's name, and all are tried
            failed.append(f"{path.name}: {traceback.format_exc(limit=-3)}")
    assert not failed, "\n".join(failed)
