"""The production server: waitress, in this one process, because the connection to the broker lives in it too.

It reads whole requests in one loop before a thread is given to them, so that slow clients hold no thread (gunicorn's
gthread gives each a thread while it reads); it needs no fork beside the connection to the broker, and measured as fast.
"""

import contextlib
import logging
import socket
import threading
from typing import Any, Final

from flask import Flask
from waitress.channel import HTTPChannel
from waitress.server import create_server
from waitress.wasyncore import close_all

from latchwire.errors import ConfigurationError
from latchwire.log import event
from latchwire_whatsapp_webhook.app import LARGEST, PATH, Signing

THREADS: Final = 128
"""Each may wait twelve seconds for a door."""

LOOP_SECONDS: Final = 30
"""How long its loop sleeps while nobody asks; waitress's own second would be sixty wake-ups a minute for nothing."""

_log: Final = logging.getLogger("latchwire.whatsapp")


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 is any that is free.

    Raises:
        ConfigurationError: the address cannot be listened on.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(1024)
    except OSError as error:
        listener.close()
        raise ConfigurationError(
            f"WEBHOOK_BIND, WEBHOOK_PORT: {host}:{port} cannot be listened on: {error.strerror}; set another"
        ) from error
    return listener


class Doorway:
    """The listening socket of this process, kept while what serves it is made anew: a new token counts at once.

    The new member is made before the old one ends, and could not listen where that one still does; and whoever knocks
    in between is not turned away.
    """

    def __init__(self) -> None:
        self._where = ("", 0)
        self._held: socket.socket | None = None

    def listen(self, host: str, port: int) -> socket.socket:
        """Like :func:`listen`; the same socket again, as a copy that may be closed, while the address is the same."""
        if self._held is None or self._where != (host, port):
            new = listen(host, port)
            if self._held is not None:
                self._held.close()
            self._held, self._where = new, (host, port)
        return self._held.dup()


class _Channel(HTTPChannel):  # type: ignore[misc]  # its type stubs know half of it
    """A connection, which leaves the server's loop asleep while a thread sends on it.

    The loop of waitress 3.0 asks for room to write whenever something is to be written. There is room, so it turns
    without a pause until that thread has sent it, and keeps the interpreter from the very thread that it waits for:
    with 64 messages at once each took four times as long. When the thread is done it wakes the loop by itself.
    """

    def writable(self) -> bool:
        """Whether the loop has something to write here, and nobody else is at it."""
        if not super().writable() or not self.outbuf_lock.acquire(blocking=False):
            return False
        self.outbuf_lock.release()
        return True


class Server:
    """Serves from :meth:`start` to :meth:`stop`.

    Args:
        app: what is served.
        listener: a socket of :func:`listen`; closed by :meth:`stop`.
        proxies: whether headers of a proxy in front are let through.
    """

    def __init__(self, app: Flask, *, listener: socket.socket, proxies: bool = False) -> None:
        logging.getLogger("waitress.queue").setLevel(logging.ERROR)  # that requests wait is no news
        self.port: int = listener.getsockname()[1]
        self._open: dict[int, Any] = {}
        self._server: Any = create_server(  # its type stubs know half of it
            app,
            map=self._open,
            sockets=[listener],
            threads=THREADS,
            connection_limit=1000,
            channel_timeout=30,
            max_request_header_size=32_768,
            max_request_body_size=LARGEST,
            clear_untrusted_proxy_headers=not proxies,
            expose_tracebacks=False,
            ident=None,
            asyncore_use_poll=True,
            asyncore_loop_timeout=LOOP_SECONDS,
        )
        self._server.channel_class = _Channel
        self._thread = threading.Thread(target=self._server.run, name="http", daemon=True)

    @property
    def is_serving(self) -> bool:
        """Whether its loop runs, or has not been started yet."""
        return self._thread.ident is None or self._thread.is_alive()

    def start(self) -> None:
        """Begins to serve, in threads of its own."""
        self._thread.start()

    def stop(self) -> None:
        """Takes nothing new, and ends within seconds."""
        with contextlib.suppress(OSError):  # a request that ends just now may wake the loop first
            self._server.trigger.pull_trigger(lambda: close_all(self._open))  # in the loop's own thread
        self._thread.join(5.0)
        self._server.task_dispatcher.shutdown(timeout=0.5)


def tell_where(signing: Signing, *, host: str, port: int) -> None:
    """Logs what to paste at Twilio and how to try it, or what to set first."""
    if not signing.token:
        event(_log, logging.WARNING, "TWILIO_AUTH_TOKEN is not set: WhatsApp is idle and every request is refused. "
              "Set it in state/.env; docs/whatsapp.md shows where to get it.")  # fmt: skip
    if signing.base_url:
        url = f"{signing.base_url}{PATH}"
        event(_log, logging.INFO, f'Paste at Twilio, as "When a message comes in", with HTTP POST: {url}')
        event(_log, logging.INFO, f"Try it from outside: `curl {signing.base_url}/healthz` must say ok, "
              f"and `curl -X POST {url}` must say that it is not signed.")  # fmt: skip
    else:
        event(_log, logging.INFO,
              f"Listening on http://{host}:{port}{PATH}. PUBLIC_BASE_URL is not set: Twilio cannot reach this by "
              "itself; set it to the https address that leads here (docs/whatsapp.md).")  # fmt: skip
