"""How requests reach X: a time-out on each, another host for tests and the demo, and no secret in a log.

tweepy writes ``https://api.twitter.com`` into each request and sets no time-out, and its debug log shows the
Authorization header, as do the OAuth libraries. Requests that are signed by OAuth 1.0a sign the host too, so
the host is changed only where ``X_API_BASE`` asks for it (a fake does not look at the host).
"""

import logging
from collections.abc import Mapping
from typing import Final

import requests
from requests.adapters import HTTPAdapter

TWEEPY_HOST: Final = "https://api.twitter.com"
LIVE_BASE: Final = "https://api.x.com"
TIMEOUT: Final = (10.0, 20.0)
"""Seconds to connect, and to wait for the next bytes of an answer."""

_TALKATIVE: Final = (
    "tweepy",
    "tweepy.client",
    "tweepy.streaming",
    "tweepy.api",
    "oauthlib",
    "oauthlib.oauth1.rfc5849",
    "oauthlib.oauth1.rfc5849.request_validator",
    "requests_oauthlib",
    "requests_oauthlib.oauth1_auth",
    "requests_oauthlib.oauth1_session",
)


class _NoDebug(logging.Filter):
    """Drops what is below INFO, even if somebody sets the logger's level lower."""

    def filter(self, record: logging.LogRecord) -> bool:
        return record.levelno >= logging.INFO


_NO_DEBUG: Final = _NoDebug()


def keep_secrets_out_of_logs() -> None:
    """Silences the debug output of the libraries that print tokens; harmless to call again."""
    for name in _TALKATIVE:
        logger = logging.getLogger(name)
        logger.setLevel(logging.INFO)
        logger.addFilter(_NO_DEBUG)


class BearerAuth(requests.auth.AuthBase):
    """The Authorization header; given as ``auth`` so that a ``.netrc`` cannot replace it."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Adds the header."""
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


class Adapter(HTTPAdapter):
    """Gives each request a time-out, and what tweepy sends to its own host another base.

    Args:
        base: where X is, without a slash at its end; empty to leave the host alone.
    """

    def __init__(self, *, base: str = "") -> None:
        super().__init__()
        self._base = base

    def send(  # noqa: PLR0917 - the signature is that of requests
        self,
        request: requests.PreparedRequest,
        stream: bool = False,  # noqa: FBT001, FBT002 - as requests calls it
        timeout: float | tuple[float, float] | tuple[float, None] | None = None,
        verify: bool | str = True,  # noqa: FBT001, FBT002 - as requests calls it
        cert: bytes | str | tuple[bytes | str, bytes | str] | None = None,
        proxies: Mapping[str, str] | None = None,
    ) -> requests.Response:
        """Sends it."""
        if self._base and request.url and request.url.startswith(f"{TWEEPY_HOST}/"):
            request.url = self._base + request.url.removeprefix(TWEEPY_HOST)
        return super().send(
            request, stream=stream, timeout=timeout or TIMEOUT, verify=verify, cert=cert, proxies=proxies
        )


def session(*, base: str) -> requests.Session:
    """A session whose requests all have a time-out; tweepy's go to ``base`` unless that is the live X.

    The proxies of the environment are for the live X: a fake on this machine is not behind them.
    """
    made = requests.Session()
    made.trust_env = base == LIVE_BASE
    adapter = Adapter(base="" if base == LIVE_BASE else base)
    made.mount("https://", adapter)
    made.mount("http://", adapter)
    return made
