"""The transcripts, on the simulated chip; the same file can be replayed on an emulated or a real one."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from latchwire_relay_agent.hardware import Handler
from support.relay_bench import Bench
from support.relay_transcript import read_transcripts, replay

TRANSCRIPTS = read_transcripts(Path(__file__).parent / "transcripts.json")


@pytest.mark.parametrize("transcript", TRANSCRIPTS, ids=lambda transcript: transcript["title"])
def test_the_simulated_chip_holds_what_the_transcript_says(transcript: Mapping[str, Any]) -> None:
    bench = Bench(**transcript["devices"])

    def start() -> Mapping[str, Handler]:
        bench.open()
        return bench.handlers

    def fault(name: str) -> None:
        if name == "nak":
            bench.bus.unplug()
        else:
            bench.bus.plug()

    replay(transcript["steps"], start=start, registers=bench.bus.registers, fault=fault)
