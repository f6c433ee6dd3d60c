"""The server's own loop: what it does beside the threads that answer."""

import http.client
import itertools
import threading
from typing import Any

import pytest
from flask import Flask
from waitress import wasyncore
from waitress.channel import HTTPChannel

from latchwire_whatsapp_webhook.server import Server, listen
from support.broker import wait_until

OTHERS = 20


def test_its_loop_sleeps_while_a_thread_sends_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """A loop that turns meanwhile keeps the interpreter from that thread: four times slower with many at once."""
    turns, turn = itertools.count(), wasyncore.poll2

    def counted(*arguments: Any) -> None:
        next(turns)
        turn(*arguments)

    monkeypatch.setattr(wasyncore, "poll2", counted)
    app, goes_on = Flask(__name__), threading.Event()

    @app.post("/slow")
    def slow() -> str:
        goes_on.wait(30)
        return "slow"

    @app.post("/")
    def quick() -> str:
        return "quick"

    server = Server(app, listener=listen("127.0.0.1", 0))
    server.start()
    connections = [http.client.HTTPConnection("127.0.0.1", server.port, timeout=30) for _ in range(2)]
    try:
        connections[0].request("POST", "/slow")
        wait_until(lambda: any(of.requests for of in channels(server)), "a thread is at it")
        (channel,) = channels(server)
        with channel.outbuf_lock:  # as where it has handed over a piece to the kernel, and waits for the interpreter
            channel.outbufs[-1].append(b"HTTP/1.1 100 Continue\r\n\r\n")
            channel.total_outbufs_len += 25
            before = next(turns)
            said = [post(connections[1]) for _ in range(OTHERS)]
            turned = next(turns) - before
        goes_on.set()
        assert connections[0].getresponse().read() == b"slow"
    finally:
        goes_on.set()
        server.stop()
        for connection in connections:
            connection.close()
    assert said == [b"quick"] * OTHERS
    # To hear of each, to be told that it is answered, and that it may hear of more; at the first of a connection, too.
    assert turned <= 4 * OTHERS + 4


def channels(server: Server) -> list[HTTPChannel]:
    return [item for item in [*server._open.values()] if isinstance(item, HTTPChannel)]


def post(connection: http.client.HTTPConnection) -> bytes:
    connection.request("POST", "/", b"Body=hello")
    with connection.getresponse() as said:
        return said.read()
