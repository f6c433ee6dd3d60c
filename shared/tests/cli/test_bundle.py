"""``latchwire bundle`` and ``latchwire revoke``: exactly what one agent needs, and one agent shut out."""

import gzip
import io
import json
import subprocess
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from latchwire.bus import Endpoint
from latchwire.cli import rotation
from latchwire.cli.main import main
from latchwire.config.home import agent_extract
from latchwire.config.loading import load
from latchwire.config.places import Places
from latchwire.config.strict_json import digest
from latchwire.errors import ConfigurationError
from latchwire.service.bundle import BundledAgent, read_bundle
from latchwire.service.setup import Setup


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Places:
    """A state folder whose broker has a certificate, and whose omega has hardware of its own."""
    for name in ("BROKER_BIND", "BROKER_HOST", "BROKER_PORT", "BROKER_TLS_PORT", "BROKER_CA", "MQTT_VERSION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LATCHWIRE_STATE", str(tmp_path / "state"))
    made = Places(tmp_path / "state")
    main(["init", "--tls", "door.example.com", "203.0.113.5"])
    document = json.loads(made.config.read_text())
    document["agents"]["omega"]["runs"] = "elsewhere"
    made.config.write_text(json.dumps(document))
    capsys.readouterr()
    return made


def unpacked(places: Places, folder: Path, agent: str = "omega") -> Path:
    """The archive as a device unpacks it."""
    folder.mkdir(exist_ok=True)
    subprocess.run(["tar", "-xzf", places.bundles / f"{agent}.tar.gz", "-C", folder], check=True)
    return folder / ("relay-agent" if agent == "omega" else agent)


def make(setup: Any) -> Any:
    raise AssertionError(f"nothing is started here: {setup}")


def test_the_archive_holds_exactly_what_the_agent_needs(places: Places) -> None:
    assert main(["bundle", "omega"]) == 0
    archive = places.bundles / "omega.tar.gz"
    assert archive.stat().st_mode & 0o777 == 0o600
    with tarfile.open(archive) as tar:
        members = {member.name: member for member in tar}
        texts = {name: tar.extractfile(name).read().decode() for name in members if "/" in name}  # type: ignore[union-attr]
    inside = ["agent.json", "broker.json", "ca.crt", "keyring", "login"]
    assert list(members) == ["relay-agent", *(f"relay-agent/{name}" for name in inside)]
    assert {(member.uid, member.gid, member.uname) for member in members.values()} == {(0, 0, "")}
    assert {member.mode for name, member in members.items() if "/" in name} == {0o600}
    assert members["relay-agent"].mode == 0o700
    assert json.loads(texts["relay-agent/agent.json"]) == agent_extract(load(places.config), "omega")
    about = json.loads(texts["relay-agent/broker.json"])
    floor = json.loads((places.tls / "broker.json").read_text())["since"]
    assert about == {"host": "door.example.com", "port": 8883, "mqtt": "5", "timeFloor": floor}
    assert texts["relay-agent/ca.crt"] == (places.tls / "ca.crt").read_text()
    assert sorted(texts["relay-agent/keyring"].splitlines()) == sorted(key.line for key in places.keyring("omega"))
    assert texts["relay-agent/login"].strip() == places.password("omega")


def test_nobody_elses_secret_is_in_it(places: Places) -> None:
    main(["bundle", "omega"])
    content = gzip.decompress((places.bundles / "omega.tar.gz").read_bytes()).decode()
    config = load(places.config)
    others = [places.password(name) for name in ("magiq", "manual", "whatsapp", "twitter", "observer", "health")]
    others += [key.secret.hex() for name in config.issuers() for key in places.keyring(name) if key.agent != "omega"]
    others += [person for person in config.people if person not in config.agents]
    assert [secret for secret in others if secret in content] == []
    assert "PRIVATE KEY" not in content


def test_the_same_state_gives_the_same_bytes(places: Places) -> None:
    main(["bundle", "omega"])
    first = (places.bundles / "omega.tar.gz").read_bytes()
    (places.bundles / "omega.tar.gz").unlink()
    main(["bundle", "omega"])
    assert (places.bundles / "omega.tar.gz").read_bytes() == first


def test_what_to_type_is_said(places: Places, capsys: pytest.CaptureFixture[str]) -> None:
    main(["bundle", "omega"])
    told = capsys.readouterr().out
    assert "The agent will connect to door.example.com:8883, with TLS." in told
    assert (
        f"ssh root@DEVICE 'umask 077 && tar -xzf - -C /etc && /etc/init.d/relay-agent restart' < {places.bundles}"
        in told
    )
    assert f"rm {places.bundles / 'omega.tar.gz'}" in told


def test_the_agent_reads_what_was_made_for_it(places: Places, tmp_path: Path) -> None:
    main(["bundle", "omega"])
    setup = read_bundle(unpacked(places, tmp_path), {})
    assert setup.config.name == setup.login.name == "omega"
    assert setup.login.password == places.password("omega")
    assert setup.digest == digest(agent_extract(load(places.config), "omega")), "as `latchwire status` compares it"
    where = setup.endpoint
    assert where[:2] == ("door.example.com", 8883)
    assert where.ca_file is not None
    assert where.time_floor is not None
    assert [key.kid for key in setup.keyring] == ["manual/1", "twitter/1", "whatsapp/1"]


def test_certificates_that_are_logins_come_with_it(places: Places, tmp_path: Path) -> None:
    main(["init", "--tls", "--certificates"])
    main(["bundle", "omega"])
    folder = unpacked(places, tmp_path)
    where = read_bundle(folder, {}).endpoint
    assert (where.cert_file, where.key_file) == (str(folder / "client.crt"), str(folder / "client.key"))
    assert "KEY" not in (folder / "client.crt").read_text()
    assert "CERTIFICATE" not in (folder / "client.key").read_text()


def test_another_of_the_certificates_names_can_be_chosen_and_no_other(
    places: Places, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert main(["bundle", "omega", "--host", "203.0.113.5"]) == 0
    assert read_bundle(unpacked(places, tmp_path), {}).endpoint.host == "203.0.113.5"
    assert main(["bundle", "omega", "--host", "203.0.113.6"]) == 1
    assert "it is for: door.example.com, 203.0.113.5" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("variables", "host", "expected"),
    [
        pytest.param({}, None, None, id="loopback alone reaches nobody"),
        pytest.param({"BROKER_BIND": "192.168.1.2"}, None, ("192.168.1.2", 11883), id="our own at home"),
        pytest.param({"BROKER_HOST": "mqtt.example.com"}, None, ("mqtt.example.com", 11883), id="somebody else's"),
        pytest.param({"BROKER_HOST": "broker"}, None, None, id="Compose's own name is of no use elsewhere"),
        pytest.param({}, "10.0.2.2", ("10.0.2.2", 11883), id="as it was said"),
    ],
)
def test_without_tls_it_says_where_it_can_be_reached_or_what_to_do(  # noqa: PLR0917  # three of them are a row of the table
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    variables: dict[str, str], host: str | None, expected: tuple[str, int] | None,
) -> None:  # fmt: skip
    monkeypatch.setenv("LATCHWIRE_STATE", str(tmp_path / "state"))
    for name in ("BROKER_BIND", "BROKER_HOST"):
        monkeypatch.setenv(name, variables.get(name, ""))
    main(["init"])
    capsys.readouterr()
    status = main(["bundle", "omega", *(["--host", host] if host else [])])
    told = capsys.readouterr()
    if expected is None:
        assert status == 1
        assert "Type first: ./latchwire init --tls NAME_OR_ADDRESS" in told.err
    else:
        assert "WITHOUT TLS" in told.out
        places = Places(tmp_path / "state")
        assert read_bundle(unpacked(places, tmp_path), {}).endpoint == Endpoint(*expected)


def test_who_is_no_agent_elsewhere_gets_no_bundle(places: Places, capsys: pytest.CaptureFixture[str]) -> None:
    for words, told in ((["omga"], "omega"), (["whatsapp"], "is an issuer"), (["../omega"], "There is no agent")):
        assert main(["bundle", *words]) == 1
        assert told in capsys.readouterr().err
    document = json.loads(places.config.read_text())
    document["agents"]["omega"]["runs"] = "here"
    places.config.write_text(json.dumps(document))
    assert main(["bundle", "omega"]) == 1
    assert '"runs": "elsewhere"' in capsys.readouterr().err


@pytest.mark.usefixtures("places")
def test_check_says_when_the_hardware_holds_something_older(capsys: pytest.CaptureFixture[str]) -> None:
    main(["bundle", "omega"])
    assert main(["check"]) == 0
    main(["init", "--tls", "--renew"])
    assert main(["check"]) == 0, "the broker's certificate is renewed without touching the hardware"
    main(["init", "--tls", "other.example.com"])
    capsys.readouterr()
    assert main(["check"]) == 1, "it looks for a name that the broker does not have any more"
    assert "type `latchwire bundle omega` and take it there" in capsys.readouterr().out


# ------------------------------------------------------------------------------- read on the hardware


@pytest.fixture
def folder(places: Places, tmp_path: Path) -> Path:
    """A bundle, unpacked as on the hardware."""
    main(["bundle", "omega"])
    return unpacked(places, tmp_path)


@pytest.mark.parametrize("name", ["keyring", "login"])
def test_a_secret_that_others_can_read_is_not_used(folder: Path, name: str) -> None:
    (folder / name).chmod(0o640)
    with pytest.raises(ConfigurationError, match=rf"{name}: others can read it \(mode 0640\); type: chmod 600"):
        read_bundle(folder, {})


@pytest.mark.parametrize("name", ["agent.json", "broker.json", "ca.crt", "."])
def test_what_others_can_write_is_not_believed(folder: Path, name: str) -> None:
    (folder / name).chmod(0o722)
    with pytest.raises(ConfigurationError, match="others can write to it; type: chmod -R go="):
        read_bundle(folder, {})


@pytest.mark.parametrize("name", ["agent.json", "broker.json", "keyring", "login"])
def test_a_file_that_is_missing_is_told_by_its_name(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(ConfigurationError, match=name):
        read_bundle(folder, {})


@pytest.mark.parametrize(
    "document",
    ["[]", "{}", '{"host": "", "port": 1}', '{"host": "a", "port": true}', '{"host": "a", "port": 70000}',
     '{"host": "a", "port": 1, "mqtt": "4"}', '{"host": "a", "port": 1}', '{"host": "a", "port": 1, "timeFloor": -1}',
     '{"host": "a", "port": 1, "timeFloor": "now"}', "{"],
)  # fmt: skip
def test_a_broken_broker_json_is_told(folder: Path, document: str) -> None:
    (folder / "broker.json").write_text(document)
    with pytest.raises(ConfigurationError, match=r"broker\.json"):
        read_bundle(folder, {})


def test_a_new_bundle_is_seen_and_an_old_one_again_is_none(folder: Path) -> None:
    bundled = BundledAgent(folder=folder, make=make, variables={})
    first = bundled.find()
    assert list(first.members) == ["omega"]
    assert bundled.find() is first
    (folder / "login").write_text("another\n")
    second = bundled.find().members["omega"]
    assert second.fingerprint == first.members["omega"].fingerprint, "a new password is handed to the agent at work"
    assert second.of_secrets != first.members["omega"].of_secrets
    assert second.secrets is not None
    assert second.secrets().login.password == "another"
    (folder / "ca.crt").write_text((folder / "ca.crt").read_text() + "\n")
    assert bundled.find().members["omega"].fingerprint != second.fingerprint


# --------------------------------------------------------------------------------------------- revoke


def test_a_revoked_agent_gets_new_keys_everywhere_and_nobody_else_does(
    places: Places, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["bundle", "omega"])
    names = ("whatsapp", "twitter", "manual", "omega", "magiq")
    before = {name: set(places.keyring(name)) for name in names}
    passwords = {name: places.password(name) for name in (*names, "observer", "health")}
    assert main(["revoke", "omega"]) == 0
    assert "latchwire bundle omega" in capsys.readouterr().out
    for name in names:
        now = set(places.keyring(name))
        assert {key for key in now if key.agent != "omega"} == {key for key in before[name] if key.agent != "omega"}
        toward = {key for key in now if key.agent == "omega"}
        assert not toward & before[name]
        assert {key.generation for key in toward} == ({2} if name != "magiq" else set())
    for issuer in ("whatsapp", "twitter", "manual"):
        assert places.keyring(issuer).signing(issuer, "omega") == places.keyring("omega").signing(issuer, "omega")
    changed = [name for name, password in passwords.items() if places.password(name) != password]
    assert changed == ["omega"]
    assert not (places.bundles / "omega.tar.gz").exists(), "what was left of the old one would be of no use"
    capsys.readouterr()
    assert main(["check"]) == 1
    assert capsys.readouterr().out.startswith("omega: its hardware holds an older configuration or older keys")
    main(["bundle", "omega"])
    assert main(["check"]) == 0


def test_revoking_again_goes_one_generation_on(places: Places) -> None:
    main(["revoke", "omega"])
    main(["revoke", "omega"])
    assert {key.generation for key in places.keyring("omega")} == {3}


def test_whoever_revokes_an_issuer_is_told_what_was_meant(places: Places, capsys: pytest.CaptureFixture[str]) -> None:
    assert places.config.exists()
    assert main(["revoke", "whatsapp"]) == 1
    assert "./latchwire rotate whatsapp --now" in capsys.readouterr().err


def test_a_revocation_in_the_midst_of_a_rotation_leaves_one_key_and_nothing_to_rotate(places: Places) -> None:
    assert main(["rotate", "twitter"]) == 3  # no broker: it is begun and no more
    main(["revoke", "omega"])
    kids = {(key.kid, key.agent) for key in places.keyring("twitter")}
    assert kids == {("twitter/1", "magiq"), ("twitter/3", "omega")}
    found = rotation.read(places)["twitter"]
    steps = {agent: rotation.step(places, found, agent) for agent in found.agents}
    assert steps == {"omega": rotation.Step.DONE, "magiq": rotation.Step.OFFERED}


def test_a_comment_in_a_keyring_stays_through_new_keys(places: Places) -> None:
    ring = places.keys("twitter")
    ring.write_text("# for the tablet, too\n" + ring.read_text())
    main(["rotate", "twitter", "--now"])
    main(["revoke", "omega"])
    assert ring.read_text().startswith("# for the tablet, too\n")
    assert len(places.keyring("twitter")) == 2


@pytest.mark.parametrize("text", ["[]", "{", '{"twitter": {}}', '{"twitter": {"to": "2"}}'])
def test_a_note_of_rotations_that_was_spoilt_is_told_with_its_cure(
    places: Places, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    (places.state / "rotations.json").write_text(text)
    capsys.readouterr()
    assert main(["check"]) == 1
    assert "rotations.json" in capsys.readouterr().out
    (places.state / "rotations.json").unlink()
    assert main(["check"]) == 0


def test_who_is_no_agent_is_not_revoked(places: Places, capsys: pytest.CaptureFixture[str]) -> None:
    before = {path: path.read_bytes() for path in places.state.rglob("*") if path.is_file()}
    for name in ("whatsapp", "health", "../omega", "", "*"):
        assert main(["revoke", name]) == 1
        assert "you have: omega, magiq" in capsys.readouterr().err
    assert {path: path.read_bytes() for path in before} == before


def test_an_archive_is_read_by_a_tar_that_knows_no_extensions(places: Places) -> None:
    main(["bundle", "omega"])
    raw = gzip.decompress((places.bundles / "omega.tar.gz").read_bytes())
    with tarfile.open(fileobj=io.BytesIO(raw), mode="r:") as tar:
        assert {member.type for member in tar} == {tarfile.DIRTYPE, tarfile.REGTYPE}, "busybox tar knows these"


def own_lamp(places: Places) -> None:
    """An agent of a type that does not come with Latchwire."""
    document = json.loads(places.config.read_text())
    document["agents"]["shelf"] = {"type": "lamp", "runs": "elsewhere", "colour": "red"}
    document["devices"]["lamp"] = {"agent": "shelf", "kind": "switch", "pin": 4}
    places.config.write_text(json.dumps(document))
    main(["init"])


def test_an_agent_of_ones_own_type_gets_a_folder_of_its_name_with_its_own_settings(
    places: Places, tmp_path: Path
) -> None:
    own_lamp(places)
    main(["bundle", "shelf"])
    document = json.loads((unpacked(places, tmp_path, "shelf") / "agent.json").read_text())
    assert (document["type"], document["colour"], document["devices"]["lamp"]["pin"]) == ("lamp", "red", 4)


def test_a_program_of_ones_own_on_this_machine_is_bundled_for_the_plain_listener_beside_it(
    places: Places, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own_lamp(places)
    main(["bundle", "shelf", "--host", "127.0.0.1"])
    where = read_bundle(unpacked(places, tmp_path, "shelf"), {}).endpoint
    assert (where.host, where.port, where.ca_file) == ("127.0.0.1", 11883, None)
    told = capsys.readouterr().out
    assert "on this machine" in told
    assert "ssh" not in told


def test_a_bundle_that_is_written_while_it_is_read_is_read_again_and_its_agent_made_anew(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = (folder / "ca.crt").read_text()
    (folder / "ca.crt").unlink()

    def read_as_the_rest_arrives(path: Path, variables: Mapping[str, str]) -> Setup:
        setup = read_bundle(path, variables)
        (folder / "ca.crt").write_text(authority)
        (folder / "ca.crt").chmod(0o600)
        return setup

    bundled = BundledAgent(folder=folder, make=make, variables={})
    monkeypatch.setattr("latchwire.service.bundle.read_bundle", read_as_the_rest_arrives)
    first = bundled.find().members["omega"]
    monkeypatch.undo()
    assert bundled.find().members["omega"].fingerprint != first.fingerprint
