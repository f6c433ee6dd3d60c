"""A peer in a process of its own, asked line by line: ``40`` on its input, 40 samples as JSON on its output.

Two ends of a round trip in one Python process would share its interpreter lock, and nobody runs them so. Programs in C
speak the same two lines.
"""

import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

READY: Final = "ready"
START_SECONDS: Final = 30.0
TURN_SECONDS: Final = 120.0


class Worker:
    """The asking end.

    Args:
        command: a program with its arguments; a module of ours is ``python("bench.peers.x", …)``.
        environment: its whole environment; left out, this process's.

    Raises:
        RuntimeError: it ended, or said nothing in time.
    """

    def __init__(self, command: Sequence[str], *, environment: Mapping[str, str] | None = None) -> None:
        self._name = " ".join(command[:4])
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, bufsize=0
        )
        self._rest = b""
        if (said := self._line(START_SECONDS)) != READY:
            self.close()
            raise RuntimeError(f"{self._name} says {said!r} and not that it is ready")

    @property
    def pid(self) -> int:
        """Its process."""
        return self._process.pid

    def ask(self, line: object) -> Any:
        """Sends a line and waits for the answer."""
        if self._process.stdin is None:
            raise RuntimeError(f"{self._name} cannot be asked")
        self._process.stdin.write(f"{line}\n".encode())
        return json.loads(self._line(TURN_SECONDS))

    def measure(self, count: int) -> list[float]:
        """Takes so many samples, in microseconds each."""
        return [float(sample) for sample in self.ask(count)]

    def close(self) -> None:
        """Ends it."""
        self._process.kill()
        self._process.communicate()

    def _line(self, seconds: float) -> str:
        output = self._process.stdout
        if output is None:
            raise RuntimeError(f"{self._name} has no output")
        end = time.monotonic() + seconds
        while b"\n" not in self._rest:
            if not select.select([output], [], [], max(0.0, end - time.monotonic()))[0]:
                raise RuntimeError(f"{self._name} says nothing for {seconds:.0f} s")
            part = os.read(output.fileno(), 65536)
            if not part:
                raise RuntimeError(f"{self._name} has ended with status {self._process.wait()}")
            self._rest += part
        line, _, self._rest = self._rest.partition(b"\n")
        return line.decode()


def python(module: str, *arguments: object) -> list[str]:
    """The command of a module of ours."""
    return [sys.executable, "-m", module, *(str(argument) for argument in arguments)]


def serve(answer: Callable[[str], Any]) -> None:
    """The asked end: answers each line until the input ends."""
    sys.stdout.write(f"{READY}\n")
    sys.stdout.flush()
    for line in sys.stdin:
        sys.stdout.write(json.dumps(answer(line.strip())) + "\n")
        sys.stdout.flush()


def serve_samples(once: Callable[[], object]) -> None:
    """The asked end of a measurement: calls ``once`` as often as asked, and tells how long each call took."""

    def samples(line: str) -> list[float]:
        found = []
        for _ in range(int(line)):
            begun = time.perf_counter_ns()
            once()
            found.append((time.perf_counter_ns() - begun) / 1000)
        return found

    serve(samples)
