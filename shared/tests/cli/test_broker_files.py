"""What Mosquitto is given to read. That a real one takes it is shown by tests/broker/."""

import re

import pytest

from latchwire.cli.broker_files import password_file, render_broker_conf
from latchwire.errors import ConfigurationError

TEMPLATE = "# a listener\n\nlistener 1883\nallow_anonymous false\n"


def test_the_listener_line_is_replaced_and_nothing_else() -> None:
    text = render_broker_conf(TEMPLATE, port=11884, bind="127.0.0.1")
    assert text == "# a listener\n\nlistener 11884 127.0.0.1\nallow_anonymous false\n"


@pytest.mark.parametrize("template", ["", "# listener 1883\n", "listener 1883\nlistener 1884\n"])
def test_a_template_without_exactly_one_listener_is_refused(template: str) -> None:
    with pytest.raises(ConfigurationError, match="exactly one"):
        render_broker_conf(template, port=11883, bind="127.0.0.1")


@pytest.mark.parametrize("port", [0, -1, 65536])
def test_a_port_that_is_none_is_refused_by_its_name(port: int) -> None:
    with pytest.raises(ConfigurationError, match="BROKER_PORT"):
        render_broker_conf(TEMPLATE, port=port, bind="127.0.0.1")


@pytest.mark.parametrize("bind", ["", "127.0.0.1\nallow_anonymous true", "a b", "\\g<0>"])
def test_an_address_that_would_add_to_the_configuration_is_refused(bind: str) -> None:
    with pytest.raises(ConfigurationError, match="BROKER_BIND"):
        render_broker_conf(TEMPLATE, port=11883, bind=bind)


def test_a_password_is_hashed_with_a_salt_of_its_own() -> None:
    one, other = password_file({"omega": "secret"}), password_file({"omega": "secret"})
    assert one != other
    assert re.fullmatch(r"omega:\$7\$101\$[A-Za-z0-9+/]{16}\$[A-Za-z0-9+/]{86}==\n", one)


def test_every_login_has_a_line() -> None:
    lines = password_file({"omega": "a", "health": "b"}).splitlines()
    assert [line.partition(":")[0] for line in lines] == ["health", "omega"]


@pytest.mark.parametrize("name", ["", "a:b", "a\nb", "+", "#", "A", "self-test", "x" * 33])
def test_a_name_that_could_be_read_as_something_else_is_refused(name: str) -> None:
    with pytest.raises(ConfigurationError, match="it is 1 to 32"):
        password_file({name: "secret"})


def test_an_empty_password_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="password is empty"):
        password_file({"omega": ""})
