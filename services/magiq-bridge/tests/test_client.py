"""The client against a cloud over real HTTPS: what it sends, and what it says when the cloud is rude."""

import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from latchwire.errors import ActionError, ConfigurationError
from latchwire.model import Cause, Happened
from latchwire_magiq_bridge.client import MagiqCloud
from latchwire_magiq_bridge.cloud import Reading
from support.magiq_cloud import KEY, SECRET, MagiqCloudServer, Rude, Shape

AC, LIGHT = "16612385", "11715506"
ON = Reading(on=True, connected=True)
OFF = Reading(on=False, connected=True)
Connect = Callable[..., MagiqCloud]


def soon(seconds: float = 5.0) -> float:
    return time.monotonic() + seconds


def failure(act: Callable[[], object]) -> ActionError:
    with pytest.raises(ActionError) as caught:
        act()
    return caught.value


# ---- what it does when all is well ------------------------------------------------------------------------


def test_set_switches_the_socket_and_says_what_the_socket_said(server: MagiqCloudServer, client: MagiqCloud) -> None:
    assert client.set(AC, on=True, deadline=soon()) == ON
    assert server.sockets[AC].on
    assert not server.sockets[LIGHT].on
    assert client.set(AC, on=False, deadline=soon()) == OFF
    assert not server.sockets[AC].on


@pytest.mark.parametrize("shape", Shape)
def test_get_reads_the_socket_in_every_shape_that_the_cloud_may_use(
    shape: Shape, server: MagiqCloudServer, client: MagiqCloud
) -> None:
    server.shape = shape
    server.sockets[LIGHT].on = True
    assert client.get(LIGHT, deadline=soon()) == ON
    server.sockets[LIGHT].connected = False
    assert client.get(LIGHT, deadline=soon()) == Reading(on=True, connected=False)


def test_one_connection_serves_one_request_after_the_other(server: MagiqCloudServer, client: MagiqCloud) -> None:
    for _ in range(5):
        client.get(AC, deadline=soon())
    assert server.connections == 1


def test_threads_share_the_client_and_ask_at_the_same_time(server: MagiqCloudServer, client: MagiqCloud) -> None:
    server.delay = 0.1
    results: list[object] = []
    threads = [
        threading.Thread(target=lambda name=name: results.append(client.get(name, deadline=soon())))
        for name in (AC, LIGHT, AC, LIGHT)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert results == [OFF] * 4
    assert server.most_at_once > 1


def test_a_cookie_of_the_cloud_is_not_kept(server: MagiqCloudServer, client: MagiqCloud) -> None:
    client.get(AC, deadline=soon())
    client.get(AC, deadline=soon())
    assert all("cookie" not in seen.headers for seen in server.seen)


def test_a_login_in_netrc_is_not_sent(
    server: MagiqCloudServer, connect: Connect, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("default login somebody password something\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    connect().get(AC, deadline=soon())
    assert "authorization" not in server.seen[0].headers


# ---- who it talks to --------------------------------------------------------------------------------------


def test_wrong_credentials_are_told_as_such(connect: Connect) -> None:
    error = failure(lambda: connect(secret="another-secret-0123").set(AC, on=True, deadline=soon()))
    assert error.cause is Cause.CREDENTIALS
    assert "clock" in error.detail


def test_a_cloud_whose_certificate_is_not_trusted_gets_nothing(server: MagiqCloudServer, connect: Connect) -> None:
    error = failure(lambda: connect(ca="").set(AC, on=True, deadline=soon()))
    assert error.cause is Cause.UNREACHABLE
    assert "certificate" in error.detail.lower()
    assert server.seen == []
    assert server.connections == 1, "it would not get better at a second try"


def test_a_cloud_with_somebody_elses_certificate_gets_nothing(connect: Connect, tmp_path: Path) -> None:
    with MagiqCloudServer(folder=tmp_path, identity="elsewhere.example") as other:
        client = connect(url=other.url, ca=str(other.ca))
        assert failure(lambda: client.get(AC, deadline=soon())).cause is Cause.UNREACHABLE
        assert other.seen == []


def test_a_ca_file_that_cannot_be_used_is_told_with_its_name(connect: Connect, tmp_path: Path) -> None:
    broken = tmp_path / "broken.pem"
    broken.write_text("no certificate")
    for path in (broken, tmp_path / "missing.pem"):
        with pytest.raises(ConfigurationError, match=f"MAGIQ_CA: .*{path.name}"):
            connect(ca=str(path))


def test_credentials_do_not_follow_a_redirect(server: MagiqCloudServer, client: MagiqCloud) -> None:
    server.behave(Rude.REDIRECT)
    error = failure(lambda: client.set(AC, on=True, deadline=soon()))
    assert error.cause is Cause.BAD_ANSWER
    assert len(server.seen) == 1


# ---- what it says of a failure: the cause tells whether it may have happened ------------------------------


@pytest.fixture
def closed_port() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        yield listener.getsockname()[1]


@pytest.fixture
def silent_port() -> Iterator[int]:
    """Takes connections and never says a word of TLS."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def test_a_refused_connection_is_unreachable_and_did_nothing(closed_port: int, connect: Connect) -> None:
    client = connect(url=f"https://127.0.0.1:{closed_port}/")
    error = failure(lambda: client.set(AC, on=True, deadline=soon()))
    assert (error.cause, error.cause.happened) == (Cause.UNREACHABLE, Happened.NO)


def test_a_handshake_that_never_ends_is_unreachable_for_nothing_was_sent(silent_port: int, connect: Connect) -> None:
    client = connect(url=f"https://127.0.0.1:{silent_port}/")
    begun = time.monotonic()
    error = failure(lambda: client.set(AC, on=True, deadline=soon(0.5)))
    assert error.cause is Cause.UNREACHABLE
    assert time.monotonic() - begun < 3


def test_no_time_left_is_unreachable_for_nothing_was_sent(server: MagiqCloudServer, client: MagiqCloud) -> None:
    assert failure(lambda: client.set(AC, on=True, deadline=soon(-1))).cause is Cause.UNREACHABLE
    assert server.seen == []


@pytest.mark.parametrize(
    ("rude", "cause", "tries"),
    [
        (Rude.RESET_AFTER_READING, Cause.TIMEOUT, 2),
        (Rude.RESET_AFTER_DOING, Cause.TIMEOUT, 2),
        (Rude.TRUNCATE, Cause.BAD_ANSWER, 2),
        (Rude.ERROR_500, Cause.BAD_ANSWER, 2),
        (Rude.UNAVAILABLE_503, Cause.BAD_ANSWER, 2),
        (Rude.HANG, Cause.TIMEOUT, 1),
        (Rude.DRIP, Cause.TIMEOUT, 1),
        (Rude.TOO_MANY_429, Cause.REJECTED, 1),
        (Rude.CODE_404, Cause.REJECTED, 1),
        (Rude.CODE_500, Cause.BAD_ANSWER, 1),
        (Rude.NO_CODE, Cause.BAD_ANSWER, 1),
        (Rude.GARBAGE, Cause.BAD_ANSWER, 1),
        (Rude.HTML, Cause.BAD_ANSWER, 1),
        (Rude.HUGE, Cause.BAD_ANSWER, 1),
        (Rude.ECHO, Cause.REJECTED, 1),
    ],
)
def test_each_rudeness_has_its_cause_and_its_number_of_tries(
    rude: Rude, cause: Cause, tries: int, server: MagiqCloudServer, client: MagiqCloud
) -> None:
    server.behave(rude)
    begun = time.monotonic()
    error = failure(lambda: client.set(AC, on=True, deadline=soon(1.0)))
    assert error.cause is cause
    assert server.actions() == ["SET"] * tries
    assert time.monotonic() - begun < 4, "no rudeness may hold a worker for long"
    assert len(error.detail) < 400
    assert error.detail.isprintable()
    server.be_good()
    assert client.set(AC, on=True, deadline=soon()) == ON, "the client has to serve the next one"


@pytest.mark.parametrize(
    "rude",
    [Rude.RESET_AFTER_READING, Rude.RESET_AFTER_DOING, Rude.TRUNCATE, Rude.ERROR_500, Rude.UNAVAILABLE_503],
)
def test_what_passes_is_tried_once_more_and_signed_anew(
    rude: Rude, server: MagiqCloudServer, client: MagiqCloud
) -> None:
    server.behave(rude, times=1)
    assert client.set(AC, on=True, deadline=soon()) == ON
    first, second = server.seen
    assert first.timestamp != second.timestamp
    assert first.signature != second.signature
    assert first.body == second.body


def test_a_connection_that_breaks_before_anything_was_sent_is_tried_once_more(
    server: MagiqCloudServer, client: MagiqCloud
) -> None:
    server.behave(Rude.RESET_HANDSHAKE, times=1)
    assert client.set(AC, on=True, deadline=soon()) == ON
    assert server.actions() == ["SET"]
    client.close()
    server.behave(Rude.RESET_HANDSHAKE)
    error = failure(lambda: client.set(AC, on=False, deadline=soon()))
    assert (error.cause, error.cause.happened) == (Cause.UNREACHABLE, Happened.NO)


def test_if_the_first_try_may_have_happened_then_so_may_the_whole(server: MagiqCloudServer, client: MagiqCloud) -> None:
    server.behave(Rude.RESET_AFTER_DOING, times=1)
    server.behave(Rude.CODE_404, times=1)
    error = failure(lambda: client.set(AC, on=True, deadline=soon()))
    assert server.sockets[AC].on, "it did happen here"
    assert error.cause.happened is Happened.MAYBE
    assert "Device not found" in error.detail


def test_a_connection_that_the_cloud_closed_meanwhile_costs_the_person_nothing(
    server: MagiqCloudServer, client: MagiqCloud
) -> None:
    client.get(AC, deadline=soon())
    server.hang_up()
    assert client.set(AC, on=True, deadline=soon()) == ON


# ---- what it never tells ----------------------------------------------------------------------------------


def test_neither_key_nor_secret_nor_signature_is_in_an_error_or_a_log(
    server: MagiqCloudServer, client: MagiqCloud, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    told = []
    for rude in (Rude.ECHO, Rude.ERROR_500, Rude.RESET_AFTER_READING, Rude.REDIRECT, Rude.GARBAGE):
        server.behave(rude)
        told.append(repr(failure(lambda: client.set(AC, on=True, deadline=soon()))))
        server.be_good()
    everything = "\n".join([*told, caplog.text])
    assert "(hidden)" in told[0], "the cloud showed the headers, or this tests nothing"
    for secret in (KEY, SECRET, *(seen.signature for seen in server.seen)):
        assert secret not in everything
