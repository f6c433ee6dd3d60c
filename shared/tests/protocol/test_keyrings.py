"""Keyrings: what a line may look like, which key signs, and that no secret is ever in a text."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from latchwire.errors import ConfigurationError
from latchwire.protocol.keys import Key, Keyring, parse_keyring

HEX = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
LINE = f"whatsapp/1 omega {HEX}"


@pytest.mark.parametrize(
    "text", [LINE, LINE + "\n", f"\n# a comment\n\n{LINE}\r\n", f"  {LINE}  ", LINE.replace(" ", "\t")]
)
def test_a_keyring_is_read(text: str) -> None:
    assert list(parse_keyring(text)) == [Key("whatsapp", 1, "omega", bytes.fromhex(HEX))]


def test_an_empty_keyring_opens_nothing() -> None:
    assert len(parse_keyring("")) == 0
    assert parse_keyring("").find("whatsapp/1", "omega") is None
    assert parse_keyring("").signing("whatsapp", "omega") is None


@pytest.mark.parametrize(
    "line",
    [
        f"whatsapp omega {HEX}", f"whatsapp/0 omega {HEX}", f"whatsapp/01 omega {HEX}", f"whatsapp/-1 omega {HEX}",
        f"whatsapp/1234567890 omega {HEX}", f"WhatsApp/1 omega {HEX}", f"whatsapp/1 Omega {HEX}",
        f"self-test/1 omega {HEX}", f"whatsapp/1 self-test {HEX}", f"/1 omega {HEX}", f"{'w' * 33}/1 omega {HEX}",
        f"whatsapp/1 omega {HEX[:-1]}", f"whatsapp/1 omega {HEX}0", f"whatsapp/1 omega {HEX.upper()}",
        f"whatsapp/1 omega {HEX[:-1]}g", f"whatsapp/1 omega {HEX} more", f"whatsapp/1 {HEX}", "whatsapp/1", "?",
        f"whatsapp/1/omega {HEX}", f"whatsapp/\u0661 omega {HEX}",
    ],
)  # fmt: skip
def test_a_line_that_is_wrong_is_told_by_its_number_without_its_secret(line: str) -> None:
    with pytest.raises(ConfigurationError) as wrong:
        parse_keyring(f"{LINE}\n{line}", place="keys/omega")
    assert str(wrong.value).startswith("keys/omega: line 2: ")
    assert HEX[:16].lower() not in str(wrong.value).lower()


def test_all_lines_that_are_wrong_are_told_at_once() -> None:
    with pytest.raises(ConfigurationError) as wrong:
        parse_keyring(f"one\n{LINE}\ntwo\n{LINE}")
    assert [problem.split(":")[1] for problem in wrong.value.problems] == [" line 1", " line 3", " line 4"]
    assert "stands twice" in wrong.value.problems[2]


def test_the_highest_generation_signs_and_all_verify() -> None:
    ring = Keyring([Key("whatsapp", number, "omega", bytes([number]) * 32) for number in (2, 10, 1)])
    best = ring.signing("whatsapp", "omega")
    assert best is not None
    assert best.kid == "whatsapp/10"
    assert all(ring.find(f"whatsapp/{number}", "omega") for number in (1, 2, 10))
    assert ring.signing("whatsapp", "magiq") is None
    assert ring.find("whatsapp/1", "magiq") is None
    assert ring.issuers("omega") == {"whatsapp"}
    assert ring.issuers("magiq") == frozenset()


def test_no_text_form_shows_a_secret() -> None:
    ring = parse_keyring(LINE)
    key = next(iter(ring))
    for text in (repr(ring), str(ring), repr(key), str(key), f"{key}", f"{[key]}"):
        assert HEX[:8] not in text
        assert "9f86" not in text


@given(
    st.sampled_from(["whatsapp", "a", "-", "0-0"]), st.integers(1, 999_999_999), st.sampled_from(["omega", "x" * 32]),
    st.binary(min_size=32, max_size=32),
)  # fmt: skip
def test_a_key_is_read_as_it_was_written(issuer: str, generation: int, agent: str, secret: bytes) -> None:
    key = Key(issuer, generation, agent, secret)
    assert list(parse_keyring(key.line)) == [key]


@given(st.text())
def test_any_text_is_a_keyring_or_a_configuration_error(text: str) -> None:
    with suppress(ConfigurationError):
        assert len(parse_keyring(text)) >= 0
