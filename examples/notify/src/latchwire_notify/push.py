"""Posts a message to ntfy, or to any webhook that takes JSON, and says what became of it.

ntfy's form is "publish as JSON" (docs.ntfy.sh/publish): topic, title, message, priority and tags in one object, posted
to the server's root, so no header has to carry somebody's name. Its errors are JSON, too; its 429 says nothing of when
to come back, a proxy before it may (Retry-After). ntfy.sh takes 60 at once, then one in five seconds, and 250 in a day.

The address may be a secret, so no error shows more of it than the host.
"""

import datetime as dt
import email.utils
import json
from typing import Any, Final, Protocol

import requests
from requests.cookies import RequestsCookieJar
from requests.utils import get_environ_proxies

from latchwire_notify.message import Message
from latchwire_notify.settings import Target

CONNECT_SECONDS: Final = 5.0
READ_SECONDS: Final = 10.0
LARGEST: Final = 2000
"""Bytes that are looked at of an answer that says no."""
LONGEST_PAUSE: Final = 3600.0
"""Seconds that are waited at most, whatever an answer asks for."""
STRANGE_PAUSE: Final = 300.0
"""Seconds until it is tried again where only the owner can mend it: a wrong token, a wrong address."""


class NotSentError(Exception):
    """It was not sent, or nobody knows.

    Attributes:
        reason: why, for the owner, with the cure.
        again: whether the same message may be taken later.
        after: seconds to wait at least.
    """

    def __init__(self, reason: str, *, again: bool = True, after: float = 0.0) -> None:
        super().__init__(reason)
        self.reason, self.again, self.after = reason, again, after


class Push(Protocol):
    """What sends one message."""

    def __call__(self, message: Message) -> None:
        """Sends it.

        Raises:
            NotSentError: it was not sent.
        """


class HttpPush:
    """Sends by HTTP.

    Args:
        target: where to.
        connect_seconds: how long to wait for a connection.
        read_seconds: how long to wait for each part of the answer.
    """

    def __init__(
        self, target: Target, *, connect_seconds: float = CONNECT_SECONDS, read_seconds: float = READ_SECONDS
    ) -> None:
        self._target, self._timeouts = target, (connect_seconds, read_seconds)

    def __call__(self, message: Message) -> None:
        """See :class:`Push`."""
        body = self._body(message)
        try:
            with requests.Session() as session:
                session.trust_env = False  # no login from ~/.netrc
                session.proxies = dict(get_environ_proxies(self._target.url))
                session.cookies = RequestsCookieJar()
                with session.post(
                    self._target.url,
                    data=json.dumps(body, ensure_ascii=False).encode(),
                    headers=self._headers(),
                    timeout=self._timeouts,
                    verify=self._target.ca or True,
                    allow_redirects=False,  # the token goes to the configured address only
                    stream=True,
                ) as response:
                    self._judge(response)
        except requests.exceptions.SSLError:
            raise NotSentError(
                f"The certificate of {self._target.host} is not accepted; look at NOTIFY_URL and NOTIFY_CA",
                after=STRANGE_PAUSE,
            ) from None
        except requests.exceptions.Timeout:
            raise NotSentError(f"{self._target.host} gave no answer in time") from None
        except (requests.exceptions.RequestException, OSError) as error:  # its text would show the address
            raise NotSentError(f"{self._target.host} cannot be reached ({type(error).__name__})") from None

    def _body(self, message: Message) -> dict[str, Any]:
        body: dict[str, Any] = {
            "title": message.title,
            "message": message.text,
            "priority": message.priority,
            "tags": list(message.tags),
        }
        if self._target.form == "ntfy":
            return {"topic": self._target.topic, **body}
        return {**body, "text": f"{message.title}\n{message.text}"}

    def _headers(self) -> dict[str, str]:
        headers = {"Content-Type": "application/json; charset=utf-8", "User-Agent": "latchwire-notify"}
        return {**headers, "Authorization": f"Bearer {self._target.token}"} if self._target.token else headers

    def _judge(self, response: requests.Response) -> None:
        status, host = response.status_code, self._target.host
        if 200 <= status < 300:
            return
        said = f"{host} answers HTTP {status}{_error(response)}"
        if status in (401, 403):
            raise NotSentError(f"{said}; look at NOTIFY_TOKEN and NOTIFY_URL in state/.env", after=STRANGE_PAUSE)
        if status in (404, 405) or 300 <= status < 400:
            raise NotSentError(f"{said}; look at NOTIFY_URL in state/.env", after=STRANGE_PAUSE)
        if status in (408, 425, 429) or status >= 500:
            raise NotSentError(said, after=_retry_after(response))
        raise NotSentError(said, again=False)


def _error(response: requests.Response) -> str:
    """What ntfy says of it, in its ``error``."""
    try:
        document = json.loads(next(response.iter_content(LARGEST), b""))
    except (ValueError, RecursionError, requests.exceptions.RequestException):
        return ""
    error = document.get("error") if isinstance(document, dict) else None
    return f": {error[:200]}" if isinstance(error, str) and error.isprintable() else ""


def _retry_after(response: requests.Response) -> float:
    """Seconds, from either form of the header (RFC 9110, 10.2.3)."""
    text = response.headers.get("Retry-After", "").strip()
    if text.isascii() and text.isdecimal():
        return min(float(text[:9]), LONGEST_PAUSE)
    try:
        moment = email.utils.parsedate_to_datetime(text)
    except ValueError:
        return 0.0
    moment = moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)
    return min(max(0.0, (moment - dt.datetime.now(dt.UTC)).total_seconds()), LONGEST_PAUSE)
