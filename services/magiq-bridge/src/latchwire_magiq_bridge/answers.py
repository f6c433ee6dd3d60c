"""An answer of the MagIQ cloud: from an HTTP status and bytes to what it says of one socket. Pure.

The vendor publishes no reference. Known are its own samples
(github.com/quarkifii/quarkifimagiq-socket-examples) and a screenshot in them: the ``code`` in the body
decides, not HTTP's 200; ``device`` is an object after a SET and, after a GET, a *string* that holds a list
in Python's notation, with single quotes and ``None``. So several shapes are read here, and a shape that is
not known is an error that holds what was seen, never a guess. Errors hold it whole and raw: the client
hides secrets in it and cuts it.
"""

import ast
import json
import re
from collections.abc import Mapping
from typing import Final

from latchwire.errors import ActionError
from latchwire.model import Cause
from latchwire_magiq_bridge.cloud import Reading

OUTLET: Final = "switch_1"
"""The one outlet of a socket, in ``deviceState``."""


def read_set(status: int, body: bytes, device_id: str) -> Reading | None:
    """What the answer to a SET says of the socket; ``None`` if it was taken but says nothing clear.

    Raises:
        ActionError: the cloud did not take it, or it cannot be known whether it did.
    """
    device = _success(status, body).get("device")
    try:
        return _reading(device, device_id)
    except ActionError:
        return None  # it was taken: a GET has to tell what became of it


def read_get(status: int, body: bytes, device_id: str) -> Reading:
    """What the answer to a GET says of the socket.

    Raises:
        ActionError: the cloud said no, or its answer could not be understood.
    """
    return _reading(_success(status, body).get("device"), device_id)


def _text(body: bytes) -> str:
    return body.decode("utf-8", "replace")


def _success(status: int, body: bytes) -> Mapping[str, object]:
    if status // 100 == 3:
        raise ActionError(Cause.BAD_ANSWER, f"HTTP {status}: it points elsewhere, which is not followed")
    if status // 100 != 2:
        raise ActionError(_cause(status), f"HTTP {status}: {_text(body)}")
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        raise ActionError(Cause.BAD_ANSWER, f"not JSON: {_text(body)}") from None
    if not isinstance(answer, dict):
        raise ActionError(Cause.BAD_ANSWER, f"not an object: {_text(body)}")
    code, result = answer.get("code"), answer.get("result", "Success")
    if isinstance(code, bool) or not isinstance(code, str | int) or not re.fullmatch(r"[0-9]{3}", str(code)):
        raise ActionError(Cause.BAD_ANSWER, f"no `code` that is known: {_text(body)}")
    if int(code) != 200:
        raise ActionError(_cause(int(code)), f"code {code}: {answer.get('message', '(no message)')}")
    if result != "Success":
        raise ActionError(Cause.BAD_ANSWER, f"code 200, and yet `result` is not Success: {_text(body)}")
    return answer


def _cause(code: int) -> Cause:
    """What a code other than 200 means: in HTTP's sense, for nothing else is public."""
    if code in {401, 403}:
        return Cause.CREDENTIALS
    if code in {408, 504}:
        return Cause.TIMEOUT
    # 4xx: it was looked at and turned down. Anything else may have happened before the fault did.
    return Cause.REJECTED if code // 100 == 4 else Cause.BAD_ANSWER


def _reading(device: object, device_id: str) -> Reading:
    found = _the_one(_parsed(device) if isinstance(device, str) else device, device_id, device)
    state = found.get("deviceState")
    if isinstance(state, str):
        state = _parsed(state)
    power = state.get(OUTLET) if isinstance(state, Mapping) else None
    on = _flag(power, yes="1", no="0")
    connected = _flag(found.get("connectionState"), yes="true", no="false")
    if on is None:
        raise ActionError(Cause.BAD_ANSWER, f"no deviceState.{OUTLET} of 1 or 0: {device}")
    if connected is None:
        raise ActionError(Cause.BAD_ANSWER, f"no connectionState of true or false: {device}")
    return Reading(on, connected)


def _the_one(value: object, device_id: str, seen: object) -> Mapping[object, object]:
    """The device that was asked for, out of one or a list of them."""
    devices = [item for item in (value if isinstance(value, list) else [value]) if isinstance(item, Mapping)]
    named = [item for item in devices if str(item.get("deviceId", device_id)) == device_id]
    if len(named) != 1:
        what = "is about another socket" if devices else "holds no device that can be read"
        raise ActionError(Cause.BAD_ANSWER, f"the answer {what}: {seen}")
    return named[0]


def _flag(value: object, *, yes: str, no: str) -> bool | None:
    """``"1"``, ``1``, ``"true"``, ``True``: the cloud quotes what it likes."""
    text = str(value).lower() if isinstance(value, str | int) else ""
    return {yes: True, no: False}.get(text)


def _parsed(text: str) -> object:
    """A device as text: JSON, or Python's notation, or, where quotes do not match, its three fields alone."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        pass
    try:
        return ast.literal_eval(text)  # literals only: it runs nothing
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
        return _fields(text)


def _fields(text: str) -> object:
    """Picks the fields out of text that no parser takes (``'name': 'Bob's lamp'``), if each is there once."""
    fields = {}
    for name in ("deviceId", "connectionState", OUTLET):
        values = re.findall(rf"""['"]{name}['"]\s*:\s*['"]?([A-Za-z0-9_-]{{1,64}})\b""", text)
        if len(values) != 1:
            return None
        fields[name] = values[0]
    return {**fields, "deviceState": {OUTLET: fields[OUTLET]}}
