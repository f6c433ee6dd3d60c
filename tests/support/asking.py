"""A crowd that asks at once, as one issuer: ``python -m support.asking``.

Each line of ``ASKING_FILE`` is one thing that happened: ``asked`` before a command is asked for, ``told`` with what the
asker was told, ``late`` with the truth that came afterwards. Numbers go on where an earlier, killed process ended.
Sometimes one message is heard twice, at the same time. ``ASKING_PACE`` is the pause after "nobody listens", as a person
makes one.
"""

import base64
import hashlib
import itertools
import json
import os
import random
import sys
import threading
import time
from pathlib import Path
from typing import Any, Final

from latchwire.bus import Endpoint, Login
from latchwire.config.places import find
from latchwire.sender import Answer, Ending, Sender
from latchwire.waiting import now

DEVICES: Final = {
    "omega/door": ("toggle", "toggle", "status"),
    "omega/shed": ("toggle", "lock", "status"),
    "omega/gate": ("unlock", "unlock", "lock"),
    "omega/vault": ("unlock", "lock", "toggle"),
    "omega/lamp": ("on", "off", "toggle", "status"),
    "omega/fan": ("on", "off", "toggle"),
    "magiq/ac": ("on", "off", "toggle", "status"),
    "magiq/light": ("on", "off", "toggle"),
}
"""What is asked of each device; ``door``, ``shed`` and ``gate`` have to lock by themselves."""


class Crowd:
    """The askers of one issuer."""

    def __init__(self, issuer: str, seed: str, path: Path) -> None:
        self.issuer, self.seed = issuer, seed
        places = find()
        done = path.read_text().count('"what": "asked"') if path.exists() else 0
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self.numbers = itertools.count(done)
        self.lock = threading.Lock()
        endpoint = Endpoint("127.0.0.1", int(os.environ["ASKING_PORT"]), None, os.environ.get("ASKING_MQTT") != "3.1.1")
        self.sender = Sender(
            issuer=issuer, keyring=places.keyring(issuer), endpoint=endpoint,
            login=Login(issuer, places.password(issuer)), connect_seconds=1.0,
        )  # fmt: skip
        self.sender.start()

    def write(self, what: str, jti: str, **fields: object) -> None:
        line = json.dumps({"what": what, "at": now(), "jti": jti, **fields}) + "\n"
        os.write(self._file, line.encode())

    def ask_until(self, count: int, pace: float) -> None:
        """Asks for one thing after the other until this issuer has asked so often."""
        while True:
            with self.lock:
                number = next(self.numbers)
                if number >= count:
                    return
                dice = random.Random(f"{self.seed}/{self.issuer}/{number}")  # noqa: S311  # a plan, no secret
                where = dice.choice(list(DEVICES))
                action = dice.choice(DEVICES[where])
                jti = identity(f"{self.seed}/{self.issuer}/{number}")
                self.write("asked", jti, where=where, act=action)
            if self.hear(dice, jti, where, action).ending is Ending.NOBODY_LISTENING:
                time.sleep(pace * dice.uniform(0.5, 1.5))

    def hear(self, dice: random.Random, jti: str, where: str, action: str) -> Answer:
        """Asks, and has it heard twice now and then."""
        wait = dice.choice((0.2, 0.5, 1.0, 2.0, 4.0))
        patience = dice.choice((None, None, wait, wait + 1))
        if dice.random() < 0.04:
            twin = threading.Thread(target=self.ask, args=(jti, where, action, wait, patience))
            twin.start()
            answer = self.ask(jti, where, action, wait, patience)
            twin.join()
            return answer
        return self.ask(jti, where, action, wait, patience)

    def ask(self, jti: str, where: str, action: str, wait: float, patience: float | None) -> Answer:
        """Asks once, and writes down what was told."""
        agent, device = where.split("/")
        begun = now()
        answer = self.sender.ask(
            agent=agent, device=device, action=action, sub=f"{self.issuer}:crowd", jti=jti, wait=wait,
            patience=patience, on_late=lambda late: self.write("late", jti, **said(late)),
        )  # fmt: skip
        self.write("told", jti, took=now() - begun, wait=wait, **said(answer))
        return answer


def identity(text: str) -> str:
    """A command's id that is the same for the same text."""
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()[:18]).decode()


def said(answer: Answer) -> dict[str, Any]:
    """What a person is told."""
    return {
        "ending": answer.ending.value, "state": answer.state.value, "changed": answer.changed,
        "cause": answer.cause and answer.cause.wire, "happened": answer.happened and answer.happened.value,
        "until": answer.until,
    }  # fmt: skip


def main() -> int:
    """The program."""
    crowd = Crowd(os.environ["ASKING_AS"], os.environ["ASKING_SEED"], Path(os.environ["ASKING_FILE"]))
    count, pace = int(os.environ["ASKING_COUNT"]), float(os.environ.get("ASKING_PACE", "0.2"))
    threads = [
        threading.Thread(target=crowd.ask_until, args=(count, pace)) for _ in range(int(os.environ["ASKING_THREADS"]))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    while Path(os.environ["ASKING_STAY"]).exists():  # the truth may follow
        time.sleep(0.05)
    crowd.sender.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
