"""What is read from the vendor's answers, and from answers that nobody should give."""

import json
from pathlib import Path
from typing import Any

import pytest

from latchwire.errors import ActionError
from latchwire.model import Cause
from latchwire_magiq_bridge.answers import read_get, read_set
from latchwire_magiq_bridge.cloud import Reading

AC, LIGHT = "16612385", "11715506"
SAMPLES = json.loads((Path(__file__).parent / "samples" / "magiq-answers.json").read_text())


def answer(device: object, **changes: object) -> bytes:
    return json.dumps({"result": "Success", "code": "200", "device": device, **changes}).encode()


def device(**changes: object) -> dict[str, Any]:
    return {"deviceId": AC, "connectionState": "true", "deviceState": {"switch_1": "1"}, **changes}


UNESCAPED = (
    "[{'deviceId': '16612385', 'name': 'Bob's lamp', 'connectionState': 'true', 'deviceState': {'switch_1': '1'}}]"
)
ON = Reading(on=True, connected=True)
OFF = Reading(on=False, connected=True)


@pytest.mark.parametrize(
    ("name", "device_id", "expected"),
    [
        ("get_ok", AC, OFF),
        ("get_apostrophe_in_the_name", LIGHT, ON),
        ("get_offline", LIGHT, Reading(on=False, connected=False)),
    ],
)
def test_each_sample_of_a_get_is_read(name: str, device_id: str, expected: Reading) -> None:
    assert read_get(200, json.dumps(SAMPLES[name]).encode(), device_id) == expected


def test_the_sample_of_a_set_is_read() -> None:
    assert read_set(200, json.dumps(SAMPLES["set_ok"]).encode(), AC) == ON


def test_http_200_is_no_success_when_the_body_says_404() -> None:
    with pytest.raises(ActionError, match="Device not found") as caught:
        read_set(200, json.dumps(SAMPLES["set_not_ok_with_http_200"]).encode(), AC)
    assert caught.value.cause is Cause.REJECTED


@pytest.mark.parametrize(
    "shape",
    [
        device(),
        [device()],
        [device(deviceId=LIGHT, deviceState={"switch_1": "0"}), device()],
        json.dumps(device()),
        json.dumps([device()]),
        repr(device()),
        repr([device(name="Bob's lamp", cloudEnabled=None)]),
        str([device(name='the "good" lamp')]),
        UNESCAPED,
        "{'deviceId': 16612385, 'enabled': null, 'connectionState': true, 'deviceState': {'switch_1': 1}}",
        device(connectionState=True, deviceState={"switch_1": 1}),
        device(deviceId=int(AC)),
        device(deviceState='{"switch_1": "1"}'),
        {key: value for key, value in device().items() if key != "deviceId"},
    ],
)
def test_every_known_shape_of_the_device_is_read(shape: object) -> None:
    assert read_get(200, answer(shape), AC) == ON


@pytest.mark.parametrize(
    ("shape", "seen"),
    [
        (None, "no device"),
        ("", "no device"),
        ("soon", "soon"),
        ([], "no device"),
        (7, "7"),
        (device(deviceId=LIGHT), "another socket"),
        ([device(), device()], "another socket"),
        (device(deviceState=None), "deviceState"),
        (device(deviceState={}), "deviceState"),
        (device(deviceState={"switch_1": "2"}), "deviceState"),
        (device(deviceState={"switch_1": True}), "deviceState"),
        (device(connectionState=None), "connectionState"),
        (device(connectionState="maybe"), "connectionState"),
        ("[" * 5000, "no device"),
        ("__import__('os').system('true')", "no device"),
        # A name that pretends to be a state: two of them, so none is believed.
        (UNESCAPED.replace("Bob's lamp", "x's 'switch_1': '0'"), "no device"),
    ],
)
def test_an_unknown_shape_is_an_error_that_shows_what_was_seen(shape: object, seen: str) -> None:
    with pytest.raises(ActionError) as caught:
        read_get(200, answer(shape), AC)
    assert caught.value.cause is Cause.BAD_ANSWER
    assert seen in caught.value.detail


def test_a_set_that_was_taken_but_shows_no_device_says_so_instead_of_failing() -> None:
    assert read_set(200, answer(None), AC) is None
    assert read_set(200, answer("soon"), AC) is None
    assert read_set(200, answer(device(connectionState=None)), AC) is None
    assert read_set(200, answer(device(deviceId=LIGHT)), AC) is None


@pytest.mark.parametrize(
    ("status", "body", "cause"),
    [
        (200, b"", Cause.BAD_ANSWER),
        (200, b"\xff\xfe\x00", Cause.BAD_ANSWER),
        (200, b"<html>", Cause.BAD_ANSWER),
        (200, b"[" * 10000, Cause.BAD_ANSWER),
        (200, b'["200"]', Cause.BAD_ANSWER),
        (200, b'{"result":"Success"}', Cause.BAD_ANSWER),
        (200, answer(device(), code=True), Cause.BAD_ANSWER),
        (200, answer(device(), code="2000"), Cause.BAD_ANSWER),
        (200, answer(device(), code=["200"]), Cause.BAD_ANSWER),
        (200, answer(device(), result="Failure"), Cause.BAD_ANSWER),
        (200, answer(device(), code="500"), Cause.BAD_ANSWER),
        (200, answer(device(), code="302"), Cause.BAD_ANSWER),
        (200, answer(device(), code="401"), Cause.CREDENTIALS),
        (200, answer(device(), code=403), Cause.CREDENTIALS),
        (200, answer(device(), code="404"), Cause.REJECTED),
        (200, answer(device(), code="504"), Cause.TIMEOUT),
        (301, answer(device()), Cause.BAD_ANSWER),
        (400, answer(device()), Cause.REJECTED),
        (401, b"", Cause.CREDENTIALS),
        (403, b"", Cause.CREDENTIALS),
        (408, b"", Cause.TIMEOUT),
        (429, b"", Cause.REJECTED),
        (500, answer(device()), Cause.BAD_ANSWER),
        (504, b"", Cause.TIMEOUT),
    ],
)
def test_what_the_cloud_says_decides_the_cause(status: int, body: bytes, cause: Cause) -> None:
    for read in (read_get, read_set):
        with pytest.raises(ActionError) as caught:
            read(status, body, AC)
        assert caught.value.cause is cause


def test_a_code_that_is_a_number_is_read_like_one_in_quotes() -> None:
    assert read_get(200, answer(device(), code=200), AC) == ON
