"""The broker's configuration holds for every Mosquitto 2.x: one image, one package and one version differ."""

from typing import Final

from support.broker import TOP

IN_EVERY_2_X: Final = {
    "acl_file", "allow_anonymous", "connection_messages", "listener", "log_dest", "log_timestamp_format", "log_type",
    "max_connections", "max_inflight_messages", "max_packet_size", "max_queued_messages", "password_file",
    "persistence", "persistent_client_expiration", "set_tcp_nodelay",
}  # fmt: skip
"""Settings of mosquitto.conf(5) of 2.0.11 that no later 2.x has taken away; look there before you add one."""
UNTIL_3_0: Final = {"password_file", "acl_file"}
"""Deprecated from 2.1 on, in favour of plugins; docs/operating.md tells it."""


def test_the_configuration_uses_only_settings_that_every_2_x_has() -> None:
    lines = (TOP / "broker" / "mosquitto.conf").read_text().splitlines()
    used = {line.split()[0] for line in lines if line.strip() and not line.startswith("#")}
    assert used <= IN_EVERY_2_X


def test_what_newer_versions_call_deprecated_is_documented() -> None:
    page = (TOP / "docs" / "operating.md").read_text()
    assert [name for name in UNTIL_3_0 if f"`{name}`" not in page] == []
