"""``latchwire init --tls``: certificates for the names that were given, made once and renewed in time."""

import datetime as dt
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography import x509

from latchwire.cli import authority as pki
from latchwire.cli import tls
from latchwire.cli.files import Writer
from latchwire.cli.main import main
from latchwire.cli.wanted import Wanted
from latchwire.config import expiry
from latchwire.config.places import Places

ANYWHERE = "0.0.0.0"  # noqa: S104  # what is refused, or opened with TLS
NAMES = ["door.example.com", "203.0.113.5", "2001:db8::5"]


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Places:
    """A state folder as `latchwire init` makes it."""
    for name in ("BROKER_BIND", "BROKER_PORT", "BROKER_TLS_PORT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LATCHWIRE_STATE", str(tmp_path / "state"))
    assert main(["init"]) == 0
    capsys.readouterr()
    return Places(tmp_path / "state")


def certificate(places: Places) -> x509.Certificate:
    return pki.read_certificate((places.tls / "broker.pem").read_text(), "broker.pem")


def files(places: Places) -> dict[str, bytes]:
    found = (path for path in places.state.rglob("*") if path.is_file() and path.name != ".lock")
    return {str(path.relative_to(places.state)): path.read_bytes() for path in found}


def age(places: Places, *, days: int, names: list[str] | None = None) -> None:
    """Makes the certificate as it would be had it been made that many days ago."""
    for name in ("broker.pem", "broker.json"):
        (places.tls / name).unlink(missing_ok=True)
    writer = Writer(places.state)
    then = dt.datetime.now(dt.UTC) - dt.timedelta(days=days)
    with writer.locked():
        tls.Maker(places, writer, now=then).make(Wanted(names or NAMES), ())


def test_the_certificate_is_for_the_names_and_addresses_and_signed_by_an_authority_of_its_own(places: Places) -> None:
    assert main(["init", "--tls", *NAMES]) == 0
    made = certificate(places)
    assert pki.names_of(made) == ("door.example.com", "203.0.113.5", "2001:db8::5")
    authority = pki.read_certificate((places.tls / "ca.crt").read_text(), "ca.crt")
    made.verify_directly_issued_by(authority)
    assert dt.timedelta(days=396) < made.not_valid_after_utc - dt.datetime.now(dt.UTC) < dt.timedelta(days=398)


def test_openssl_finds_nothing_wrong_with_it_however_strict_it_is_told_to_be(places: Places) -> None:
    main(["init", "--tls", *NAMES])
    subprocess.run(
        [
            *("openssl", "verify", "-x509_strict", "-purpose", "sslserver", "-verify_hostname", NAMES[0]),
            *("-CAfile", places.tls / "ca.crt", places.tls / "broker.pem"),
        ],
        check=True,
        capture_output=True,
    )


def test_every_file_is_its_owners_alone_and_the_authoritys_key_is_nowhere_else(places: Places) -> None:
    before = os.umask(0)
    try:
        assert main(["init", "--tls", *NAMES, "--certificates"]) == 0
    finally:
        os.umask(before)
    made = [path for folder in (places.tls, places.authority.parent, places.broker) for path in folder.iterdir()]
    assert {stat.S_IMODE(path.stat().st_mode) for path in made} == {0o600}
    key = places.authority.read_text().split("-----")[2]
    assert [name for name, content in files(places).items() if key.encode() in content] == ["ca/ca.pem"]


def test_saying_it_again_changes_nothing(places: Places, capsys: pytest.CaptureFixture[str]) -> None:
    main(["init", "--tls", *NAMES, "--certificates"])
    before = files(places)
    capsys.readouterr()
    for again in (["--tls", *NAMES], ["--tls"], []):
        assert main(["init", *again]) == 0
        assert "Nothing was missing" in capsys.readouterr().out
        assert files(places) == before


def test_without_a_name_there_is_nothing_to_make(places: Places, capsys: pytest.CaptureFixture[str]) -> None:
    before = files(places)
    assert main(["init", "--tls"]) == 1
    assert "give the names and addresses" in capsys.readouterr().err
    assert files(places) == before


def test_near_its_end_it_is_renewed_for_the_names_that_it_has(places: Places) -> None:
    main(["init", "--tls", *NAMES])
    age(places, days=pki.BROKER_DAYS - expiry.WARNED_DAYS + 1)
    old, authority = certificate(places), (places.tls / "ca.crt").read_text()
    assert main(["init", "--tls"]) == 0
    new = certificate(places)
    assert pki.names_of(new) == tuple(NAMES)
    assert new.not_valid_after_utc > old.not_valid_after_utc + dt.timedelta(days=300)
    assert (places.tls / "ca.crt").read_text() == authority, "what is on hardware elsewhere stays good"
    assert (places.broker / "broker.pem").read_text() == (places.tls / "broker.pem").read_text()


def test_it_can_be_renewed_in_any_case_and_given_other_names(places: Places) -> None:
    main(["init", "--tls", *NAMES])
    first = certificate(places)
    main(["init", "--tls", "--renew"])
    second = certificate(places)
    assert second.public_key() != first.public_key()
    assert pki.names_of(second) == tuple(NAMES)
    main(["init", "--tls", "other.example.com"])
    assert pki.names_of(certificate(places)) == ("other.example.com",)


def test_the_authoritys_key_can_be_kept_elsewhere_until_it_is_needed(
    places: Places, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["init", "--tls", *NAMES])
    away = places.state.parent / "ca.pem"
    places.authority.rename(away)
    assert main(["init"]) == 0
    assert main(["init", "--tls"]) == 0
    assert main(["check"]) == 0
    before = files(places)
    capsys.readouterr()
    assert main(["init", "--tls", "--renew"]) == 1
    assert "put it back" in capsys.readouterr().err
    assert files(places) == before
    away.rename(places.authority)
    assert main(["init", "--tls", "--renew"]) == 0


def test_an_authority_near_its_end_is_replaced_and_that_is_said(
    places: Places, capsys: pytest.CaptureFixture[str]
) -> None:
    age(places, days=pki.AUTHORITY_DAYS - 100)
    old = (places.tls / "ca.crt").read_text()
    assert main(["init", "--tls"]) == 0
    assert "needs a new bundle" in capsys.readouterr().out
    assert (places.tls / "ca.crt").read_text() != old
    age(places, days=0)  # and what it signs is good


@pytest.mark.parametrize(
    "name",
    [
        "", " ", "door.example.com:8883", "https://door.example.com", "*.example.com", "door_1.example.com",
        "tür.example",
        "-v", "a..b", ".a", "a" * 64, ".".join(["a" * 60] * 5), ANYWHERE, "::", "224.0.0.1", "fe80::1%eth0", "10.0.0",
        "999.1.1.1", "a b", "a\nb", "a\x00b", "a,DNS:b", "a;b", "$(id)", "../../etc", "IP:1.2.3.4", "'", "\x1b[31m",
    ],
)  # fmt: skip
def test_what_is_no_name_is_refused_and_nothing_is_made(
    places: Places, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    before = files(places)
    try:
        status = main(["init", f"--tls={name}"])
    except SystemExit as exit_:
        status = int(exit_.code or 0)
    assert status in {1, 2}
    told = capsys.readouterr().err
    assert "neither a host name nor an address" in told or "usage" in told
    assert all(character.isprintable() or character == "\n" for character in told)
    assert files(places) == before


def test_names_are_taken_in_normal_form_and_once() -> None:
    given = ["Door.Example.COM.", "door.example.com", "2001:DB8:0::5", "10.0.0.1", "xn--tr-xka.example", "omega"]
    assert pki.checked_names(given) == (
        "door.example.com", "2001:db8::5", "10.0.0.1", "xn--tr-xka.example", "omega",
    )  # fmt: skip


def test_the_listener_with_tls_is_where_broker_bind_says_and_the_plain_one_stays_on_loopback(
    places: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BROKER_BIND", ANYWHERE)
    monkeypatch.setenv("BROKER_TLS_PORT", "8884")
    assert main(["init", "--tls", *NAMES]) == 0
    lines = (places.broker / "mosquitto.conf").read_text().splitlines()
    assert [line for line in lines if line.startswith("listener ")] == [
        "listener 11883 127.0.0.1", "listener 8884 0.0.0.0",
    ]  # fmt: skip
    assert "tls_version tlsv1.2" in lines[lines.index("listener 8884 0.0.0.0") :]


@pytest.mark.parametrize("bind", [ANYWHERE, "::", "203.0.113.5", "8.8.8.8", "2001:db8::1", "broker.example.com"])
def test_without_tls_the_broker_is_not_opened_to_the_world(
    places: Places, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], bind: str
) -> None:
    before = (places.broker / "mosquitto.conf").read_bytes()
    monkeypatch.setenv("BROKER_BIND", bind)
    for command in ("init", "check"):
        assert main([command]) == 1
        told = capsys.readouterr()
        assert "without TLS, passwords for all to read. Type first: ./latchwire init --tls" in told.out + told.err
    assert (places.broker / "mosquitto.conf").read_bytes() == before


def test_without_tls_it_can_be_opened_to_a_homes_network_and_that_is_warned_of(
    places: Places, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("BROKER_BIND", "192.168.1.2")
    for command in ("init", "check"):
        assert main([command]) == 0
        assert "whoever is in that network can read the broker's passwords" in capsys.readouterr().out
    listeners = [
        line for line in (places.broker / "mosquitto.conf").read_text().splitlines() if "listener " in line[:9]
    ]
    assert listeners == ["listener 11883 127.0.0.1", "listener 11883 192.168.1.2"]


@pytest.mark.parametrize(("days_left", "status"), [(60, 0), (30, 0), (-1, 1)])
def test_check_tells_of_the_end_weeks_before(
    places: Places, capsys: pytest.CaptureFixture[str], days_left: int, status: int
) -> None:
    age(places, days=pki.BROKER_DAYS - days_left)
    main(["init"])
    capsys.readouterr()
    assert main(["check"]) == status
    told = capsys.readouterr().out
    assert ("./latchwire init --tls" in told) is (days_left < 42)
    assert ("in 29 days" in told or "in 30 days" in told) is (days_left == 30)
    notes = expiry.note(places)
    assert bool(notes) is (days_left < 42), "services tell the same"


def test_check_tells_when_the_broker_has_another_certificate_than_was_made(
    places: Places, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["init", "--tls", *NAMES])
    (places.broker / "broker.pem").write_text("old")
    assert main(["check"]) == 1
    assert "broker/broker.pem: is not what is in tls/" in capsys.readouterr().out
    assert main(["init"]) == 0
    assert main(["check"]) == 0


@pytest.mark.usefixtures("places")
def test_no_command_but_init_needs_the_library_that_makes_certificates() -> None:
    main(["init", "--tls", *NAMES])
    for command in (["check"], ["init"], ["bundle", "omega"]):
        text = "import sys; sys.modules['cryptography'] = None\nfrom latchwire.cli.main import main\n"
        subprocess.run([sys.executable, "-c", f"{text}sys.exit(main({command!r}))"], check=True, capture_output=True)


@pytest.mark.usefixtures("places")
def test_where_the_library_is_missing_the_cure_is_told() -> None:
    text = "import sys; sys.modules['cryptography'] = None\nfrom latchwire.cli.main import main\n"
    run = f"{text}sys.exit(main(['init', '--tls', 'door.example.com']))"
    done = subprocess.run([sys.executable, "-c", run], check=False, capture_output=True, text=True)
    assert done.returncode == 1
    assert "pip install 'latchwire[tls]'" in done.stderr
    assert "Traceback" not in done.stderr
