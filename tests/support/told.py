"""Compares what askers were told with what happened at the hardware, over any number of kills.

``Books`` reads the two kinds of files that ``support.asking`` and ``support.counted`` write, and lists everything that
must not be: a command done twice, a ``done`` that did not happen, "nothing was done" said of something that happened or
happens later, an asker told nothing or a sixth thing, a late truth that is none.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from latchwire.model import STATUS
from latchwire.sender import Ending

ENDINGS: Final = frozenset(ending.value for ending in Ending)
CONNECT_SECONDS: Final = 2.0
"""What asking may take beyond its wait: looking for a connection, the agent and its nonce (all for 1 s)."""
BUSY_SECONDS: Final = 3.0
"""What two busy cores may add."""
STARTING_SECONDS: Final = 0.25
"""From the look at a command's age to the first line of its handler, on two busy cores."""

Line = dict[str, Any]


class Books:
    """What was asked, told and done.

    Args:
        askers: the files of the senders.
        hardware: the files of the agents.
        killed: how many commands may have been under way when an asker was killed.
    """

    def __init__(self, *, askers: Iterable[Path], hardware: Iterable[Path], killed: int = 0) -> None:
        self.asked: dict[str, Line] = {}
        self.told: dict[str, list[Line]] = defaultdict(list)
        self.late: dict[str, list[Line]] = defaultdict(list)
        self.begun: dict[str, list[Line]] = defaultdict(list)
        self.ended: dict[str, list[Line]] = defaultdict(list)
        self._killed = killed
        for line in _lines(askers):
            if line["what"] == "asked":
                self.asked[line["jti"]] = line
            else:
                (self.told if line["what"] == "told" else self.late)[line["jti"]].append(line)
        for line in _lines(hardware):
            (self.begun if line["step"] == "begin" else self.ended)[line["jti"]].append(line)

    @property
    def endings(self) -> Counter[str]:
        """How many commands ended how."""
        return Counter(lines[0]["ending"] for lines in self.told.values())

    def problems(self) -> list[str]:
        """Everything that must not be, each in a line."""
        untold = [jti for jti in self.asked if jti not in self.told]
        found = [f"{jti}: nobody was told anything" for jti in untold[self._killed :]]
        found += [f"{jti}: acted on, and never asked" for jti in self.begun if jti not in self.asked]
        for jti, asked in self.asked.items():
            found += [f"{jti} {asked['where']} {asked['act']}: {problem}" for problem in self._of(jti, asked["act"])]
        return found

    def _of(self, jti: str, action: str) -> Iterable[str]:
        books = (self.told, self.late, self.begun, self.ended)
        told, late, begun, ended = (book.get(jti, []) for book in books)
        if len(begun) > 1:
            yield f"done {len(begun)} times: {begun}"
        for line in told:
            yield from _no_ending(line)
        for line in [*told, *late]:
            if line["ending"] == Ending.DONE and action != STATUS:
                yield from _not_done(line, ended)
            elif line["happened"] == "no" and begun:
                yield f'"nothing was done" told of what was done: {line}, {begun}'
            if line["ending"] == Ending.NO_ANSWER:
                yield from _after_the_last_moment(line, begun)
        if late and all(line["ending"] != Ending.NO_ANSWER for line in told):
            yield f"a late truth after another one: {told}, {late}"
        if len(late) > 1 or any(line["ending"] == Ending.NO_ANSWER for line in late):
            yield f"more than one truth, or none, came late: {late}"


def _no_ending(line: Line) -> Iterable[str]:
    if line["ending"] not in ENDINGS:
        yield f"a sixth ending: {line}"
    if line["took"] > line["wait"] + CONNECT_SECONDS + BUSY_SECONDS:
        yield f"told after {line['took']:.1f} s, waiting {line['wait']} s"


def _not_done(line: Line, ended: list[Line]) -> Iterable[str]:
    if line["changed"] is False:  # a toggle of a door that was open already
        return
    good = [end for end in ended if end["step"] == "end"]
    if not good:
        yield f'"done" told of what did not happen: {line}, {ended}'
    elif good[-1]["state"] != line["state"] or good[-1].get("real") not in {None, line["state"]}:
        yield f"told {line['state']}, and the hardware was {good[-1]}"


def _after_the_last_moment(line: Line, begun: list[Line]) -> Iterable[str]:
    latest = line["at"] + line["until"] + STARTING_SECONDS
    if begun and begun[0]["at"] > latest:
        yield f"begun {begun[0]['at'] - latest:.2f} s after it could not happen any more: {line}, {begun}"


def _lines(paths: Iterable[Path]) -> Iterable[Line]:
    for path in paths:
        if path.exists():
            for text in path.read_text().splitlines():
                yield json.loads(text)
