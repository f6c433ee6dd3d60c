"""Many commands at once, each answered: asks again as soon as an answer comes, with a few on their way at any time.

    flood bare   HOST PORT NAME PASSWORD COMMAND_TOPIC ANSWER_TOPIC
    flood signed HOST PORT STATE AGENT                               all devices of that agent, in turn

A sample is the time of one command in a batch: all of the batch by its size. Commands are signed before the clock
starts, so that what asks costs less than what answers.
"""

import itertools
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from bench.peers.raw_mqtt import Connection, Publication
from bench.worker import serve
from latchwire import topics
from latchwire.config.loading import load
from latchwire.config.places import Places
from latchwire.model import Kind
from latchwire.protocol.claims import Command
from latchwire.protocol.token import COMMAND, decode_part, sign
from latchwire.sender.open_command import random_jti

WINDOW = 6
"""On their way at a time: an agent takes up to eight commands for one device."""
ISSUER = "manual"


class Signed:
    """Signed commands to all devices of an agent."""

    def __init__(self, host: str, port: str, state: str, agent: str) -> None:
        places = Places(Path(state))
        devices = [device for device in load(places.config).devices.values() if device.agent == agent]
        key = places.keyring(ISSUER).signing(ISSUER, agent)
        assert key is not None, f"no key for {agent}"
        self._key, self._agent, self._nonce, self._until = key, agent, "", 0
        actions = {Kind.LOCK: ("unlock", "lock"), Kind.SWITCH: ("on", "off")}
        self._next = itertools.cycle(
            [(device.name, actions[device.kind][turn]) for turn in (0, 1) for device in devices]
        )  # fmt: skip
        heard = (topics.receipt(agent, "+", ISSUER), topics.nonce(agent))
        self.connection = Connection(
            host, int(port), name=ISSUER, password=places.password(ISSUER), topics=heard
        )  # fmt: skip
        while not self._nonce:
            self.connection.send()
            list(self.answers())

    def commands(self, count: int) -> list[Publication]:
        """As many, signed over the nonce that was heard last."""
        made = []
        for device, action in itertools.islice(self._next, count):
            aud = f"{self._agent}/{device}"
            command = Command(ISSUER, f"{ISSUER}:bench", aud, action, random_jti(), self._nonce, self._until, 0)
            token = sign(command.to_claims(), typ=COMMAND, kid=self._key.kid, secret=self._key.secret)
            made.append(Publication(topics.command(self._agent, device).encode(), token.encode()))
        return made

    def answers(self) -> Iterator[bytes]:
        """The receipts that arrived; notes a new nonce."""
        for topic, payload in self.connection.hear():
            if topic.endswith(b"/nonce"):
                said = json.loads(payload)
                self._nonce, self._until = said["nonce"], 2 * said["lifetime"]
            else:
                yield payload

    @staticmethod
    def check(answers: list[bytes]) -> None:
        """All of them must say that it was done."""
        for answer in answers:
            claims = json.loads(decode_part(answer.split(b".")[1]))
            assert claims["outcome"] == "done", f"not done: {claims}"


class Bare:
    """The same without a signature: words of the same length."""

    def __init__(self, host: str, port: str, name: str, *words: str) -> None:
        password, command, answer = words
        self._command = command.encode()
        self.connection = Connection(host, int(port), name=name, password=password, topics=(answer,))

    def commands(self, count: int) -> list[Publication]:
        """As many."""
        return [Publication(self._command, b"unlock")] * count

    def answers(self) -> Iterator[bytes]:
        """What arrived."""
        for publication in self.connection.hear():
            yield publication.payload

    @staticmethod
    def check(answers: list[bytes]) -> None:
        """They are what was said."""
        assert set(answers) == {b"unlock"}


def batch(side: Signed | Bare, count: int) -> list[float]:
    """The time of one command in a batch, in microseconds."""
    commands = iter(side.commands(count))
    answers: list[bytes] = []
    begun = time.perf_counter_ns()
    side.connection.send(*itertools.islice(commands, WINDOW))
    while len(answers) < count:
        new = list(side.answers())
        answers += new
        side.connection.send(*itertools.islice(commands, len(new)))
    took = (time.perf_counter_ns() - begun) / 1000
    side.check(answers)
    return [took / count]


def main(kind: str, *words: str) -> None:
    """Runs it."""
    side = Signed(*words) if kind == "signed" else Bare(*words)
    serve(lambda line: batch(side, int(line)))


if __name__ == "__main__":
    main(*sys.argv[1:])
