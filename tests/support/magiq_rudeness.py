"""How the fake MagIQ cloud may answer: in the shapes of the vendor's samples, and rudely."""

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


class Rude(enum.Enum):
    """How a request may be treated instead of properly."""

    RESET_AFTER_READING = "the request is read, nothing is done, and the connection is reset"
    RESET_AFTER_DOING = "the request is done, and the connection is reset instead of an answer"
    RESET_HANDSHAKE = "the connection is reset before TLS stands"
    HANG = "the request is read, and no answer ever comes"
    DRIP = "an answer comes byte by byte and has no end"
    TRUNCATE = "the request is done, and its answer breaks off"
    ERROR_500 = "HTTP 500"
    UNAVAILABLE_503 = "HTTP 503"
    TOO_MANY_429 = "HTTP 429"
    CODE_404 = "HTTP 200 with code 404 in the body"
    CODE_500 = "HTTP 200 with code 500 in the body"
    NO_CODE = "HTTP 200 without a code in the body"
    GARBAGE = "HTTP 200 with bytes that are no text"
    HTML = "HTTP 200 with a page for a browser"
    HUGE = "HTTP 200 with an answer of 4 MB"
    REDIRECT = "HTTP 307 to another place on this very server"
    ECHO = "HTTP 400 that shows the request's own headers"
    NO_DEVICE = "a SET is done, and its answer does not hold the device"
    OLD_STATE = "a SET is done, and its answer holds the state before"
    DEAF = "a SET is answered well and not done"
    WRONG_DEVICE = "the answer is about another socket"


class Shape(enum.Enum):
    """How the answer holds the device."""

    PYTHON = "a string: a list in Python's notation"
    JSON = "a string: a list as JSON"
    LIST = "a list"
    OBJECT = "an object"
    BROKEN_QUOTES = "a string in Python's notation whose apostrophes are not escaped"


@dataclass
class FakeSocket:
    """A socket; tests press its button by setting ``on``, and pull its plug by ``connected = False``."""

    device_id: str
    name: str
    on: bool = False
    connected: bool = True
    counter: int = 655


@dataclass(frozen=True)
class Seen:
    """A request as it came."""

    action: str
    device_id: str
    timestamp: str
    signature: str
    headers: Mapping[str, str]
    body: Mapping[str, Any]
