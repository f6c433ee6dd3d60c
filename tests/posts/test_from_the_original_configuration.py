"""The original project's config.json, in both of its forms, becomes a set-up in which a post moves the relay."""

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.post_house import House
from support.x_api import FakeX

ORIGINALS = Path(__file__).parent / "original-config"

pytestmark = pytest.mark.skipif(
    shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin") is None,
    reason="mosquitto is not installed: apt-get install mosquitto",
)


@pytest.fixture
def x() -> Iterator[FakeX]:
    with FakeX(consumer=("example-consumer-key", "example-consumer-secret")) as fake:
        yield fake


@pytest.mark.parametrize(
    ("form", "lock", "unlock"), [("nested", "#lock", "#unlock"), ("flat", "#doorlock", "#dooropen")]
)
def test_the_original_projects_people_and_hashtags_work_the_door(
    form: str, lock: str, unlock: str, x: FakeX, tmp_path: Path
) -> None:
    house = House(folder=tmp_path, x=x, init=("--from", str(ORIGINALS / f"{form}.json")), bearer="")
    path = house.state / "config" / "config.json"
    config = json.loads(path.read_text())
    assert config["agents"]["omega"]["runs"] == "elsewhere"
    config["agents"]["omega"]["runs"] = "simulated"  # there is no Omega here
    path.write_text(json.dumps(config))
    with house:
        house.listen(x, "john_smith", "jane_doe")
        assert len(x.asked("/oauth2/token")) == 1, "with the original's keys"
        x.post("102", f"home soon {unlock}")
        house.wait_for("relay", "relay 0 closed: front-door is UNLOCKED")
        x.post("999", unlock)
        x.post("101", f"gone {lock}")
        house.wait_for("relay", "relay 0 opened: front-door is LOCKED")
        assert "who=twitter:999" not in house.log("relay")
        assert "example-consumer" not in house.log("x")
