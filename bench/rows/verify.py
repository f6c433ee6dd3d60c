"""The verification of one command in the agent, beside the HMAC of the same bytes that it cannot do without."""

import gc
import hashlib
import hmac
import os
import time
import tracemalloc
from collections.abc import Callable
from typing import Final

from bench.lab import Lab
from bench.measuring import Variant
from bench.row import Check, Outcome, Row
from bench.statistics import Ratio, p50, pooled, ratio
from latchwire.model import Kind
from latchwire.protocol.claims import Command
from latchwire.protocol.keys import Key, Keyring
from latchwire.protocol.nonce import CAPACITY, KEPT, Answered, Windows
from latchwire.protocol.token import COMMAND, sign
from latchwire.protocol.verdict import Accepted, Delivery, Rules, judge

VERIFY: Final = "the agent's verdict on a command"
HMAC: Final = "HMAC-SHA256 of the same bytes by hmac and hashlib"
DIGEST: Final = "the same in one call (hmac.digest)"
KEY: Final = Key("whatsapp", 1, "omega", bytes(range(32)))
FIRST: Final = "A" * 22
SAMPLE: Final = 20
"""Calls in one sample: a call alone is too short for the clock."""
COMMANDS: Final = 100_000
NOTES: Final = f"""
The verdict is all of it, as the agent's bus thread does it: size, three parts, header, key, signature in constant
time, base64url in its only spelling, JSON without doubles, each claim's form, address, nonce window, replay memory,
permission. Every command is fresh and is remembered. In one process, no network; a sample is the mean of {SAMPLE}
commands.

Memory: the agent remembers the commands of {KEPT} nonces, each with its receipt, and the nonce rolls after {CAPACITY}
of them at the latest; so it holds no more than their product, however many come. `tracemalloc` counts what Python has
allocated.
"""
MISSED: Final = """
What is left beside the HMAC is base64url twice (to read it, and to see that it is the only spelling), one pass of the
standard library's JSON reader, one look at every claim, and what a call costs in Python.
"""


def token(jti: str, nonce: str = FIRST) -> bytes:
    """A command as an ingress signs it."""
    command = Command("whatsapp", "whatsapp:+15555550100", "omega/front-door", "unlock", jti, nonce, 35, 1795305600)
    return sign(command.to_claims(), typ=COMMAND, kid=KEY.kid, secret=KEY.secret).encode()


def rules() -> Rules:
    """What an agent judges by."""
    return Rules("omega", Keyring([KEY]), {"front-door": Kind.LOCK}, lambda *_: True, frozenset())


def windows() -> Windows:
    """What an agent has at its start."""
    return Windows(lifetime=30, nonce=FIRST, now=0.0)


def run(lab: Lab) -> Outcome:
    """Measures."""
    payloads = [token(os.urandom(16).hex()) for _ in range(10 * SAMPLE)]
    signed = [payload.rpartition(b".")[0] for payload in payloads]
    ours = rules()

    def verdicts() -> Callable[[bytes], object]:
        fresh = windows()
        return lambda payload: judge(Delivery("front-door", payload), ours, fresh, 1.0)

    assert isinstance(verdicts()(payloads[0]), Accepted), "what is measured would not be done"
    variants = {
        VERIFY: Variant(_timed(payloads, verdicts), 1),
        HMAC: Variant(_timed(signed, lambda: lambda text: hmac.new(KEY.secret, text, hashlib.sha256).digest()), 1),
        DIGEST: Variant(_timed(signed, lambda: lambda text: hmac.digest(KEY.secret, text, "sha256")), 1),
    }
    found = lab.turns(variants, rounds=1500, seconds=15)
    held = memory(lab.scaled(COMMANDS, 10_000))
    half = len(held) // 2
    first, last = [*held.values()][:half], [*held.values()][half:]
    checks = (
        Check("p50 / HMAC's p50", ratio(found[VERIFY], found[HMAC]), 8.0, missed=MISSED),
        Check(
            f"most memory held in the second half of {max(held):,} commands / in the first",
            Ratio.exact(max(last) / max(first)),
            1.05,
            missed="Something of each command is kept for good: find it with tracemalloc's snapshots.",
        ),
    )
    samples = {name: pooled(turns) for name, turns in found.items()}
    told = [f"{name}: p50 {p50(each):.1f} µs" for name, each in samples.items()]
    told.append(f"At most {max(held.values()) / 1e6:.1f} MB are held over {max(held):,} commands.")
    plots = (
        {"kind": "distribution", "file": "verify", "title": "One verification", "series": samples,
         "x": "µs (logarithmic)"},
        {"kind": "lines", "file": "verify-memory", "title": "What the agent holds of the commands it has verified",
         "series": {"held": [[count, size / 1e6] for count, size in held.items()]}, "x": "commands verified",
         "y": "MB"},
    )  # fmt: skip
    return Outcome(checks, told, NOTES, plots)


def _timed(texts: list[bytes], prepare: Callable[[], Callable[[bytes], object]]) -> Callable[[int], list[float]]:
    """Samples of a call, the mean of :data:`SAMPLE` texts each, in microseconds; prepared anew for each turn."""

    def measure(count: int) -> list[float]:
        found, call = [], prepare()
        for start in range(0, len(texts) * count, SAMPLE):
            some = texts[start % len(texts) :][:SAMPLE]
            begun = time.perf_counter_ns()
            for text in some:
                call(text)
            found.append((time.perf_counter_ns() - begun) / 1000 / len(some))
        return found

    return measure


def memory(commands: int) -> dict[int, int]:
    """Bytes that are held after so many commands, each answered; measured before each roll of the nonce."""
    ours, state, nonce = rules(), windows(), FIRST
    held: dict[int, int] = {}
    gc.collect()  # empties lists of free tuples, which tracemalloc does not see, and which later collections empty
    tracemalloc.start()
    try:
        for number in range(1, commands + 1):
            payload = token(f"{number:032}", nonce)
            verdict = judge(Delivery("front-door", payload), ours, state, 1.0)
            assert isinstance(verdict, Accepted), f"not accepted: {verdict}"
            state.answered(KEY.issuer, verdict.command.jti, Answered("front-door", payload.decode()))
            if state.due(1.0):
                held[number] = tracemalloc.get_traced_memory()[0]  # now, when it is most
                nonce = f"{number:022}"
                state.roll(nonce, 1.0)
    finally:
        tracemalloc.stop()
    return held


ROW: Final = Row(
    order=6,
    name="verify",
    what="verification in the agent, per command",
    against="HMAC-SHA256 of the same bytes by hmac and hashlib",
    run=run,
)
