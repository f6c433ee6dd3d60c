"""A thread that a fault nobody foresaw has ended takes its process along, for whoever keeps it starts it anew."""

import sys
from pathlib import Path
from typing import Final

from latchwire.service.frame import HUNG_STATUS
from support.post_house import House
from support.x_api import FakeX

BROKEN_ONCE: Final = """
import os, sys
from pathlib import Path
from latchwire_twitter_listener import main, stream
read, broken = stream.Stream._take, Path(sys.argv.pop())
def take(*arguments):
    if not broken.exists():
        broken.touch()
        raise RuntimeError("nobody foresaw this")
    return read(*arguments)
stream.Stream._take = take
sys.exit(main.main())
"""


def test_a_listener_with_a_fault_of_its_own_ends_and_hears_again_once_it_is_started_anew(tmp_path: Path) -> None:
    with FakeX(accounts={"101": "example_john", "102": "example_jane"}) as x, House(folder=tmp_path, x=x) as house:
        program = (sys.executable, "-c", BROKEN_ONCE, str(tmp_path / "broken"))
        house.run("x", *program)
        assert house.running.pop("x").wait(30) == HUNG_STATUS
        assert "nobody foresaw this" in house.log("x")
        assert "It hangs: the thread x-source has ended. Ending, to be started again." in house.log("x")
        house.run("x", *program)
        house.wait_for("x", "Listening to X", times=2)
        house.wait_for("x", "ready to ask", times=2)
        x.wait_for_stream()
        x.send({"data": x.posts[x.post("101", "#unlock")]})
        house.wait_for("relay", "UNLOCKED")
