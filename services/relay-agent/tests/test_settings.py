"""What a user may write about relays, and what is said about the rest."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from latchwire.errors import ConfigurationError
from latchwire_relay_agent.hardware import open_devices
from latchwire_relay_agent.settings import read_settings
from support.relay_bench import DOOR, LAMP, Settings, agent


def test_the_defaults_are_the_vendors_address_and_the_safe_starts() -> None:
    settings = read_settings(agent({"door": DOOR, "lamp": LAMP}))
    door, lamp = settings.devices
    assert (settings.bus, door.address, lamp.address) == (0, 0x27, 0x27)
    assert (door.channel.safe, door.channel.at_start) == (False, False)
    assert (lamp.channel.safe, lamp.channel.at_start) == (False, None)


@pytest.mark.parametrize(
    ("settings", "safe", "at_start"),
    [
        ({"locked": "released"}, False, False),
        ({"locked": "energised"}, True, True),
        ({"locked": "released", "atStart": "unlock"}, False, True),
        ({"locked": "energised", "atStart": "unlock"}, True, False),
        ({"locked": "energised", "atStart": "keep"}, True, None),
        ({"on": "energised", "atStart": "on"}, False, True),
        ({"on": "released", "atStart": "on"}, True, False),
        ({"on": "released", "atStart": "off"}, True, True),
        ({"on": "released"}, True, None),
    ],
)
def test_polarity_and_start_are_levels_of_the_relay(settings: Settings, *, safe: bool, at_start: bool | None) -> None:
    channel = read_settings(agent({"it": {"channel": 3, **settings}})).devices[0].channel
    assert (channel.safe, channel.at_start) == (safe, at_start)


def test_a_device_may_be_on_another_board_than_the_agents() -> None:
    devices = {"door": DOOR, "gate": {**DOOR, "address": "0x20"}}
    settings = read_settings(agent(devices, address="0X26", bus=1))
    assert [device.address for device in settings.devices] == [0x26, 0x20]
    assert settings.bus == 1


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"locked": "released"}, "devices.it.channel: is missing; set it to a whole number from 0 to 7"),
        ({**DOOR, "channel": 8}, "devices.it.channel: 8 is not a whole number from 0 to 7"),
        ({**DOOR, "channel": True}, "devices.it.channel: True is not"),
        ({**DOOR, "channel": "0"}, "devices.it.channel: '0' is not"),
        ({"kind": "lock", "channel": 0}, 'devices.it.locked: is missing; write "released" or "energised"'),
        ({**DOOR, "locked": "open"}, "devices.it.locked: 'open' is neither"),
        ({**DOOR, "atStart": "off"}, 'devices.it.atStart: \'off\' is none of "lock", "unlock", "keep"'),
        ({**LAMP, "atStart": "lock"}, 'devices.it.atStart: \'lock\' is none of "off", "on", "keep"'),
        ({**LAMP, "on": 1}, "devices.it.on: 1 is neither"),
        ({**DOOR, "on": "released"}, "devices.it.on: a lock has no such setting"),
        ({**LAMP, "kind": "switch", "locked": "released"}, "devices.it.locked: a switch has no such setting"),
        ({**DOOR, "address": 27}, "devices.it.address: 27 is no address of a relay board"),
        ({**DOOR, "address": "0x28"}, "devices.it.address: '0x28' is no address"),
        ({**DOOR, "address": "0x27\n"}, r"devices.it.address: '0x27\n' is no address"),
    ],
)
def test_a_mistake_is_told_with_its_place_and_its_cure(settings: Settings, told: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        read_settings(agent({"it": settings}))
    assert len(caught.value.problems) == 1
    assert told in caught.value.problems[0]


def test_all_mistakes_are_told_at_once() -> None:
    with pytest.raises(ConfigurationError) as caught:
        read_settings(agent({"door": {"kind": "lock"}, "lamp": {"channel": -1}}, bus=-1, address="27"))
    assert [problem.split(":")[0] for problem in caught.value.problems] == [
        "agents.omega.bus",
        "agents.omega.address",
        "devices.door.channel",
        "devices.door.locked",
        "devices.lamp.channel",
    ]


def test_two_devices_on_one_relay_are_refused_but_not_on_two_boards() -> None:
    with pytest.raises(ConfigurationError, match="relay 0 of the board at 0x27 is already door's") as caught:
        read_settings(agent({"door": DOOR, "gate": {**DOOR, "address": "0x27"}}))
    assert caught.value.problems[0].startswith("devices.gate.channel: ")
    read_settings(agent({"door": DOOR, "gate": {**DOOR, "address": "0x26"}}))


def test_an_agent_of_another_type_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"agents.omega.type: the relay agent runs"):
        open_devices(agent({"door": DOOR}, kind="magiq"))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
KEYS = st.sampled_from(["channel", "locked", "on", "atStart", "address", "more"])


@given(kind=st.sampled_from(["lock", "switch"]), settings=st.dictionaries(KEYS, JSON), rest=JSON)
def test_whatever_is_written_is_understood_or_refused_in_printable_lines(
    kind: str, settings: dict[str, object], rest: object
) -> None:
    problems: tuple[str, ...] = ()
    try:
        read_settings(agent({"it": {**settings, "kind": kind}}, bus=rest, address=rest))
    except ConfigurationError as error:
        problems = error.problems
    assert all(problem.isprintable() and len(problem) < 250 for problem in problems)
