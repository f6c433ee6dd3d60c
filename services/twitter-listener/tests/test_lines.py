"""Bytes → lines, wherever they are cut."""

import pytest

from latchwire_twitter_listener.lines import Lines


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_lines_are_whole_wherever_the_chunks_are_cut(size: int) -> None:
    data = b"one\r\n\r\n\r\ntwo\nstill two\rand still\r\n\r\nthree\r\nhalf"
    lines, found = Lines(), []
    for start in range(0, len(data), size):
        found += lines.feed(data[start : start + size])
    assert found == [b"one", b"two\nstill two\rand still", b"three"]


@pytest.mark.parametrize("size", [1, 5, 64, 4096])
def test_a_line_that_is_too_long_is_dropped_and_the_next_one_is_whole(size: int) -> None:
    lines, found = Lines(most_bytes=100), []
    data = b"x" * 1000 + b"\r\nnext\r\n" + b"y" * 101 + b"\r\n" + b"z" * 100 + b"\r\n"
    for start in range(0, len(data), size):
        found += lines.feed(data[start : start + size])
        assert len(lines._rest) <= 101
    assert found == [b"next", b"z" * 100]
    assert lines.dropped == 2
