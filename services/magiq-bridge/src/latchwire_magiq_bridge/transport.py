"""The pooled HTTPS session that all sockets share, and what makes that safe and quick.

What of ``requests.Session`` may be used from several threads: ``send`` of a request that the thread made
itself, as long as nobody changes the session meanwhile. The pool below it (urllib3) locks; the cookie jar
locks too, but a cookie would tie strangers' requests together, so none is kept. The rest is settled here,
once.

- One TLS context for all connections. Otherwise requests reads its CA bundle for every new connection,
  which is 30 to 40 ms of CPU each.
- No redirect is followed, and none is looked at (requests would read its whole body): credentials go to the
  configured address only.
- TCP keep-alive, so that a router does not forget an idle connection, whose next command would then time out.
"""

import socket
import ssl
from http.cookiejar import DefaultCookiePolicy
from typing import Any, Final

import requests
from requests.adapters import HTTPAdapter
from requests.utils import DEFAULT_CA_BUNDLE_PATH, get_environ_proxies
from urllib3.connection import HTTPConnection

from latchwire.errors import ConfigurationError

_SOCKET_OPTIONS: Final = [
    *HTTPConnection.default_socket_options,  # TCP_NODELAY
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    # Linux names it so; where it is missing, keep-alive starts when the system thinks right.
    *([(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 45)] if hasattr(socket, "TCP_KEEPIDLE") else []),
]


def open_session(*, url: str, ca: str, connections: int) -> requests.Session:
    """Makes the session.

    Args:
        url: where requests will go.
        ca: path of a PEM file whose certificates alone are trusted; "" for those that requests ships.
        connections: how many are kept open, which is how many threads may use it without opening new ones.

    Raises:
        ConfigurationError: the PEM file cannot be used.
    """
    try:
        context = ssl.create_default_context(cafile=ca or DEFAULT_CA_BUNDLE_PATH)
    except OSError as error:  # ssl.SSLError is one
        raise ConfigurationError(f"MAGIQ_CA: {ca}: cannot be used: {error.strerror or error}") from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    session = _Session()
    # Read once, not for each request: proxies from the environment; no login from ~/.netrc ever.
    session.proxies = dict(get_environ_proxies(url))
    session.trust_env = False
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=()))
    session.mount("https://", _Adapter(context, connections))
    return session


class _Session(requests.Session):
    def get_redirect_target(self, resp: requests.Response) -> None:
        """There is none that we would follow."""


class _Adapter(HTTPAdapter):
    """Connections that check the certificate against one context, made once."""

    def __init__(self, context: ssl.SSLContext, connections: int) -> None:
        self._context = context
        super().__init__(pool_connections=1, pool_maxsize=connections)

    def init_poolmanager(self, connections: int, maxsize: int, *args: Any, **pool_kwargs: Any) -> None:
        """Adds the options of each connection."""
        super().init_poolmanager(connections, maxsize, *args, socket_options=_SOCKET_OPTIONS, **pool_kwargs)

    def build_connection_pool_key_attributes(
        self, request: requests.PreparedRequest, verify: Any, cert: Any = None
    ) -> Any:
        """Where to connect, and our TLS context instead of one for each connection."""
        host, _ = super().build_connection_pool_key_attributes(request, verify, cert)
        return host, {"ssl_context": self._context, "cert_reqs": "CERT_REQUIRED"}

    def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:
        """Leaves out what requests would set for each connection: the context has it all."""
