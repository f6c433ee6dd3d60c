"""The real MagIQ cloud: signed requests, and what each failure means for the person who waits.

The moment of a failure decides what is honest to say. A command is in the request's body, so until the
first byte of the body is handed to the connection nothing can have happened (``unreachable``); from then on
it may have, whatever broke (``timeout`` where no answer came, ``bad-answer`` where one came that is of no
use). Only an answer that says no is a no again (``rejected``, ``credentials``).

What failed quickly and may be passing (no connection, a connection that broke, HTTP 500, 502, 503) is tried
once more, signed anew: a GET changes nothing, and a SET to what is set already changes nothing either. If
one of the two tries may have happened, then so may the whole.

The signature covers key and timestamp, not the body (the vendor's design), so header and key are secrets:
no error and no log shows them.
"""

import hashlib
import hmac
import json
import logging
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final, TypeVar, cast
from urllib.parse import quote

import requests
from requests.structures import CaseInsensitiveDict
from urllib3.exceptions import HTTPError, ReadTimeoutError

from latchwire.errors import ActionError
from latchwire.model import Cause, Happened
from latchwire_magiq_bridge import __version__, answers
from latchwire_magiq_bridge.budget import Budget
from latchwire_magiq_bridge.cloud import Reading
from latchwire_magiq_bridge.credentials import Credentials
from latchwire_magiq_bridge.transport import open_session

log = logging.getLogger("latchwire.magiq")

CONNECT_SECONDS: Final = 3.0
READ_SECONDS: Final = 5.0
LARGEST: Final = 65536
"""Bytes of an answer; a real one has under a thousand."""
_COUNTER: Final = 10
"""``deviceChangeCounter``: this in all of the vendor's samples, whatever the server counts."""
_PASSING: Final = frozenset((500, 502, 503))
_SHOWN: Final = 240
"""Characters of what was seen that an error shows."""
_LONG_HEX: Final = re.compile(r"\b[0-9a-fA-F]{64}\b")
_T = TypeVar("_T")


class _PassingError(ActionError):
    """A failure that came quickly and may be gone at a second try."""


class MagiqCloud:
    """The cloud behind ``MAGIQ_URL``; safe to use from as many threads as it has connections, and from more.

    Args:
        url: where it is, ``https`` only.
        credentials: what signs.
        ca: path of a PEM file whose certificates alone are trusted, or "".
        connections: how many are kept open.
        budget: what counts requests.
        clock: seconds, ``time.monotonic``.
        now: the time of day that is signed.

    Raises:
        ConfigurationError: the PEM file cannot be used.
    """

    simulated = False

    def __init__(
        self,
        *,
        url: str,
        credentials: Credentials,
        ca: str = "",
        connections: int,
        budget: Budget,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._url = url
        self._credentials = credentials
        self._session = open_session(url=url, ca=ca, connections=connections)
        self._budget = budget
        self._budget_lock = threading.Lock()
        self._clock = clock
        self._now = now

    def get(self, device_id: str, *, deadline: float) -> Reading:
        """See :meth:`latchwire_magiq_bridge.cloud.Cloud.get`."""
        request = {"deviceId": device_id, "action": "GET"}
        return self._ask(request, lambda status, body: answers.read_get(status, body, device_id), deadline)

    def set(self, device_id: str, *, on: bool, deadline: float) -> Reading | None:
        """See :meth:`latchwire_magiq_bridge.cloud.Cloud.set`."""
        state = {answers.OUTLET: "1" if on else "0"}
        device = {"deviceId": device_id, "deviceChangeCounter": _COUNTER, "deviceState": state}
        request = {"deviceId": device_id, "action": "SET", "device": device}
        return self._ask(request, lambda status, body: answers.read_set(status, body, device_id), deadline)

    def may_poll(self) -> bool:
        """Whether the limit of requests in a minute leaves room for one that nobody waits for."""
        with self._budget_lock:
            return self._budget.may_poll(self._clock())

    def close(self) -> None:
        """Closes the connections."""
        self._session.close()

    def _ask(self, request: Mapping[str, object], read: Callable[[int, bytes], _T], deadline: float) -> _T:
        body = json.dumps(request, separators=(",", ":")).encode()
        try:
            return self._once(body, read, deadline)
        except _PassingError as first:
            log.info("The MagIQ cloud is asked once more. action=%s cause=%s", request["action"], first.cause.wire)
            try:
                return self._once(body, read, deadline)
            except ActionError as second:
                if first.cause.happened is Happened.MAYBE and second.cause.happened is Happened.NO:
                    raise ActionError(first.cause, f"{first.detail}; then: {second}") from second
                raise

    def _once(self, body: bytes, read: Callable[[int, bytes], _T], deadline: float) -> _T:
        status, answer = self._exchange(_Body(body), deadline)
        try:
            return read(status, answer)
        except ActionError as error:
            detail = self._presentable(error.detail)
            if error.cause is Cause.CREDENTIALS:
                detail += " (key and secret are wrong, or this machine's clock is)"
            raise (_PassingError if status in _PASSING else ActionError)(error.cause, detail) from None

    def _exchange(self, body: "_Body", deadline: float) -> tuple[int, bytes]:
        left = deadline - self._clock()
        if left <= 0:
            raise ActionError(Cause.UNREACHABLE, "no time was left to ask the cloud")
        with self._budget_lock:
            self._budget.count(self._clock())
        try:
            response = self._session.send(
                self._request(body),
                timeout=(min(CONNECT_SECONDS, left), min(READ_SECONDS, left)),
                allow_redirects=False,
                stream=True,
            )
        except (requests.RequestException, HTTPError) as error:
            raise self._failure(error, begun=body.begun) from error
        return response.status_code, self._content(response.raw, deadline)

    def _content(self, raw: Any, deadline: float) -> bytes:
        """Reads the answer's body: so many bytes, and only until the deadline however slowly they drip."""
        content = bytearray()
        try:
            while piece := raw.read1(LARGEST, decode_content=False):
                content += piece
                if len(content) > LARGEST:
                    raw.close()
                    raise ActionError(Cause.BAD_ANSWER, f"the answer is larger than {LARGEST} bytes")
                if self._clock() > deadline:
                    raw.close()
                    raise ActionError(Cause.TIMEOUT, "the answer did not end in time")
        except ReadTimeoutError as error:
            raw.close()
            raise ActionError(Cause.TIMEOUT, "the answer stopped in its middle") from error
        except (HTTPError, OSError) as error:
            raw.close()
            raise _PassingError(Cause.BAD_ANSWER, "the connection broke in the middle of the answer") from error
        return bytes(content)

    def _failure(self, error: Exception, *, begun: bool) -> ActionError:
        """What it means that no answer came."""
        detail = self._presentable(str(_innermost(error)))
        slow = isinstance(error, requests.Timeout)
        if begun:
            kind = ActionError if slow else _PassingError
            return kind(Cause.TIMEOUT, f"asked, and then no answer: {detail}")
        hopeless = slow or isinstance(error, requests.exceptions.SSLError)
        return (ActionError if hopeless else _PassingError)(Cause.UNREACHABLE, f"nothing was sent: {detail}")

    def _request(self, body: "_Body") -> requests.PreparedRequest:
        """A request with headers made for it alone.

        It is put together here rather than by the session, which would read the environment, ~/.netrc and
        cookies each time.
        """
        timestamp = self._now().isoformat(timespec="microseconds")
        key, secret = self._credentials.key, self._credentials.secret
        request = requests.PreparedRequest()
        request.method = "POST"
        request.url = self._url
        request.headers = CaseInsensitiveDict(
            {
                "MQ-TIMESTAMP": timestamp,
                "MQ-API-KEY": key,
                "MQ-SIGNATURE": hmac.new(secret.encode(), (key + timestamp).encode(), hashlib.sha256).hexdigest(),
                "Content-Type": "application/json",
                "Content-Length": str(len(body)),
                "Accept": "application/json",
                "Accept-Encoding": "identity",
                "User-Agent": f"latchwire-magiq-bridge/{__version__}",
            }
        )
        request.body = cast("Any", body)  # an iterable, which is documented and not in every stub
        return request

    def _presentable(self, text: str) -> str:
        """What was seen, for an error: without secrets, on one line, cut to a length; in this order."""
        for value in (self._credentials.secret, self._credentials.key):
            for form in (value, value.replace("/", "\\/"), quote(value, safe="")):
                text = text.replace(form, "(hidden)")
        # A signature would serve whoever reads it, for it does not cover the body.
        text = _LONG_HEX.sub("(hidden)", text)
        text = " ".join("".join(char if char.isprintable() else " " for char in text).split())
        return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"


def _innermost(error: BaseException) -> BaseException:
    """The fault that requests and urllib3 have wrapped, whose text a person can use."""
    inside = getattr(error, "reason", None) or next(iter(error.args), None)
    return _innermost(inside) if isinstance(inside, Exception) else error


class _Body:
    """A request's body that knows whether the connection has begun to take it.

    urllib3 iterates over it only after the connection stands and the headers are on their way; so ``begun``
    tells "never sent" from "may have been heard" for every kind of failure, which exceptions do not.
    """

    def __init__(self, content: bytes) -> None:
        self._content = content
        self.begun = False

    def __len__(self) -> int:
        return len(self._content)

    def __iter__(self) -> Iterator[bytes]:
        self.begun = True
        yield self._content
