"""A client checks the broker by name, authority and date before it sends a password; a real Mosquitto and real TLS."""

import datetime as dt
import socket
import ssl
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from latchwire.bus import Endpoint, Login
from latchwire.cli import authority as pki
from support.broker import HOST, LOGINS
from support.certificates import NOW, YEAR, TlsBroker

OMEGA = Login("omega", LOGINS["omega"])
Attempt = Callable[[Endpoint, Login], str]
StartTls = Callable[..., TlsBroker]


def floor(at: dt.datetime) -> int:
    return int(at.timestamp())


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[dt.datetime], None]:
    """Sets the clock that our own code sees. OpenSSL's stays, and must not be looked at."""

    def set_to(at: dt.datetime) -> None:
        ahead = at.timestamp() - NOW.timestamp()
        real = time.time
        monkeypatch.setattr("latchwire.bus.tls.time.time", lambda: real() + ahead)

    return set_to


@pytest.mark.parametrize("host", [HOST, "localhost"])
def test_the_right_broker_is_taken_by_its_address_and_by_its_name(
    start_tls: StartTls, attempt: Attempt, host: str
) -> None:
    assert attempt(start_tls().endpoint(host), OMEGA) == "connected"


def test_another_name_is_refused_and_no_password_is_sent(start_tls: StartTls, attempt: Attempt) -> None:
    broker = start_tls(names=("door.example.com", "203.0.113.5"))
    reason = attempt(broker.endpoint(), OMEGA)
    assert "certificate is not good" in reason
    assert "IP address mismatch" in reason
    assert "omega" not in broker.log


def test_another_authority_is_refused(start_tls: StartTls, attempt: Attempt, tmp_path: Path) -> None:
    other = tmp_path / "other.crt"
    other.write_text(pki.new_authority(now=NOW).certificate_pem)
    reason = attempt(start_tls().endpoint(ca_file=str(other)), OMEGA)
    assert "certificate is not good" in reason


def test_a_login_certificate_cannot_pass_for_the_broker(start_tls: StartTls, attempt: Attempt) -> None:
    broker = start_tls()
    broker.stop()
    (broker.folder / "broker.pem").write_text(pki.login_certificate(broker.authority, "localhost", now=NOW))
    broker.start()
    assert "certificate is not good" in attempt(broker.endpoint("localhost"), OMEGA)


def test_tls_1_1_is_refused(start_tls: StartTls) -> None:
    broker = start_tls()
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.load_verify_locations(broker.ca_file)
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
    old.set_ciphers("ALL:@SECLEVEL=0")  # else OpenSSL itself would not even try
    with (
        pytest.raises(ssl.SSLError),
        socket.create_connection((HOST, broker.tls_port)) as plain,
        old.wrap_socket(plain, server_hostname=HOST),
    ):
        pass


def test_tls_1_2_is_taken(start_tls: StartTls) -> None:
    broker = start_tls()
    context = broker.client_context()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with (
        socket.create_connection((HOST, broker.tls_port)) as plain,
        context.wrap_socket(plain, server_hostname=HOST) as connection,
    ):
        assert connection.version() == "TLSv1.2"


def test_plain_text_on_the_tls_port_gets_no_answer(start_tls: StartTls, attempt: Attempt) -> None:
    broker = start_tls()
    assert attempt(broker.endpoint(ca_file=None), OMEGA) not in {"connected", ""}
    assert attempt(broker.endpoint(), OMEGA) == "connected"  # and harms nobody


def test_tls_on_the_plain_port_is_told_and_not_done_in_plain(start_tls: StartTls, attempt: Attempt) -> None:
    broker = start_tls()
    assert attempt(broker.endpoint(port=broker.port), OMEGA) not in {"connected", ""}


def test_a_certificate_that_has_ended_is_refused_with_its_cure(start_tls: StartTls, attempt: Attempt) -> None:
    broker = start_tls(made=NOW - 3 * YEAR)
    assert "certificate has expired" in attempt(broker.endpoint(), OMEGA)


# ------------------------------------------------------------- a clock that may be wrong by years


def test_a_clock_years_behind_keeps_no_agent_from_its_broker(
    start_tls: StartTls, attempt: Attempt, clock: Callable[[dt.datetime], None]
) -> None:
    broker = start_tls()
    clock(NOW - 9 * YEAR)
    assert attempt(broker.endpoint(time_floor=floor(NOW - 2 * YEAR)), OMEGA) == "connected"


def test_a_clock_years_ahead_keeps_no_agent_from_its_broker(
    start_tls: StartTls, attempt: Attempt, clock: Callable[[dt.datetime], None]
) -> None:
    broker = start_tls()
    clock(NOW + 9 * YEAR)
    assert attempt(broker.endpoint(time_floor=floor(NOW)), OMEGA) == "connected"


def test_openssl_itself_looks_at_no_date_where_the_clock_may_be_wrong(start_tls: StartTls, attempt: Attempt) -> None:
    """For OpenSSL the clock is right here, and the certificates are years off instead, in both directions."""
    broker = start_tls(made=NOW + 4 * YEAR)
    assert "not yet valid" in attempt(broker.endpoint(), OMEGA)
    assert attempt(broker.endpoint(time_floor=floor(NOW)), OMEGA) == "connected"
    broker.stop()
    broker.serve(made=NOW - 4 * YEAR)
    broker.start()
    assert "expired" in attempt(broker.endpoint(), OMEGA)
    assert attempt(broker.endpoint(time_floor=floor(NOW - 4 * YEAR)), OMEGA) == "connected"


def test_a_certificate_that_ended_before_the_bundle_was_made_is_refused_whatever_the_clock_says(
    start_tls: StartTls, attempt: Attempt, clock: Callable[[dt.datetime], None]
) -> None:
    broker = start_tls(made=NOW - 4 * YEAR)
    clock(NOW - 4 * YEAR)
    assert "ended on" in attempt(broker.endpoint(time_floor=floor(NOW)), OMEGA)
    assert "omega" not in broker.log, "the password was not sent"


def test_once_ntp_has_set_the_clock_an_ended_certificate_is_refused(
    start_tls: StartTls, attempt: Attempt, tmp_path: Path
) -> None:
    broker = start_tls(made=NOW - 4 * YEAR)
    synced = tmp_path / "synced"
    where = broker.endpoint(time_floor=floor(NOW - 4 * YEAR), clock_file=str(synced))
    assert attempt(where, OMEGA) == "connected"
    synced.touch()
    assert "ended on" in attempt(where, OMEGA)
    assert "init --tls" in attempt(where, OMEGA)


def test_a_time_from_ntp_that_cannot_be_is_not_believed(
    start_tls: StartTls, attempt: Attempt, clock: Callable[[dt.datetime], None], tmp_path: Path
) -> None:
    broker = start_tls(made=NOW - 4 * YEAR)
    synced = tmp_path / "synced"
    synced.touch()
    clock(NOW - 4 * YEAR)
    assert "ended on" in attempt(broker.endpoint(time_floor=floor(NOW), clock_file=str(synced)), OMEGA)


@pytest.mark.parametrize("fields", [{"host": "localhost"}, {"ca_file": "other"}])
def test_name_and_authority_are_checked_although_the_dates_are_not(
    start_tls: StartTls, attempt: Attempt, tmp_path: Path, fields: dict[str, str]
) -> None:
    broker = start_tls(names=(HOST,))
    if "ca_file" in fields:
        fields = {"ca_file": str(tmp_path / "other")}
        (tmp_path / "other").write_text(pki.new_authority(now=NOW).certificate_pem)
    assert "certificate is not good" in attempt(broker.endpoint(**fields, time_floor=0), OMEGA)


def test_an_end_that_is_weeks_away_is_logged_by_who_connects(
    start_tls: StartTls, attempt: Attempt, caplog: pytest.LogCaptureFixture
) -> None:
    broker = start_tls(made=NOW - dt.timedelta(days=pki.BROKER_DAYS - 30))
    assert attempt(broker.endpoint(), OMEGA) == "connected"
    assert "The broker's certificate ends on" in caplog.text
    assert "./latchwire init --tls" in caplog.text


# --------------------------------------------------------------------------- certificates as logins


def test_a_certificate_is_the_login(start_tls: StartTls, attempt: Attempt) -> None:
    broker = start_tls(certificates=True)
    mine = broker.endpoint(cert_file=str(broker.certificate("omega")))
    assert attempt(mine, Login("omega", "no password is looked at")) == "connected"
    assert "u'omega'" in broker.log


def test_without_a_certificate_the_right_password_is_not_enough(start_tls: StartTls, attempt: Attempt) -> None:
    assert attempt(start_tls(certificates=True).endpoint(), OMEGA) != "connected"


def test_a_certificate_of_one_login_cannot_be_anothers(start_tls: StartTls, attempt: Attempt) -> None:
    broker = start_tls(certificates=True)
    where = broker.endpoint(cert_file=str(broker.certificate("magiq")))
    assert attempt(where, OMEGA) == "connected"
    assert "u'magiq'" in broker.log
    assert "u'omega'" not in broker.log


def test_a_certificate_of_another_authority_is_refused(start_tls: StartTls, attempt: Attempt, tmp_path: Path) -> None:
    broker = start_tls(certificates=True)
    forged = tmp_path / "forged.pem"
    forged.write_text(pki.login_certificate(pki.new_authority(now=NOW), "omega", now=NOW))
    assert attempt(broker.endpoint(cert_file=str(forged)), OMEGA) != "connected"


def test_the_services_beside_the_broker_keep_their_passwords(start_tls: StartTls, attempt: Attempt) -> None:
    broker = start_tls(certificates=True)
    assert attempt(Endpoint(broker.host, broker.port), OMEGA) == "connected"
