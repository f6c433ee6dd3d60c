"""What a row measures with. All that it starts here ends with the row, whatever happens.

Brokers, homes and programs are those of the tests: the real ones, with exactly the project's configuration, on the
loopback interface.
"""

import json
import os
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final, Self

from bench.measuring import Variant, in_turns
from bench.row import Missing
from bench.worker import Worker, python
from support.broker import TOP, Broker
from support.house import House, example

CACHE: Final = TOP / ".cache/bench"
BARE: Final = "bare"
"""The login of the peers that answer."""
_PEERS: Final = Path(__file__).parent / "peers"


class Lab:
    """One row's; a context manager.

    Args:
        quick: only try whether it works: few samples, figures that say little.

    Attributes:
        folder: an empty one, which goes with the row.
    """

    def __init__(self, *, quick: bool) -> None:
        self.quick: Final = quick
        self._running = ExitStack()
        self.folder: Path = Path()

    def __enter__(self) -> Self:
        """Makes the folder."""
        made = self._running.enter_context(tempfile.TemporaryDirectory(prefix="latchwire-bench-"))
        self.folder = Path(made)
        return self

    def __exit__(self, *_: object) -> None:
        """Ends everything, the last first."""
        self._running.close()

    def at_end(self, call: Callable[..., object], *arguments: object) -> None:
        """Calls this at the end."""
        self._running.callback(call, *arguments)

    def scaled(self, count: int, quick: int) -> int:
        """How many: ``count``, or ``quick`` where it is only tried."""
        return quick if self.quick else count

    def turns(self, variants: Mapping[str, Variant], *, rounds: int, seconds: float) -> dict[str, list[list[float]]]:
        """Measures in turns; see :func:`bench.measuring.in_turns`. A quick run takes a tenth of it."""
        if self.quick:
            rounds, seconds = max(5, rounds // 10), seconds / 10
        return in_turns(variants, rounds=rounds, seconds=seconds)

    # ----------------------------------------------------------------------------- what it is beside

    def bare_paho(self, broker: Broker, kind: str = "nodelay", *, answering: str = "answer") -> Worker:
        """The asking end of a round trip by bare paho-mqtt, with its answering end; see ``peers/bare_paho.py``."""
        self.bare_answer(broker, kind, answering=answering)
        return self.peer("bare_paho", "ask", *words(broker, asks=True, kind=kind), kind)

    def bare_answer(self, broker: Broker, kind: str = "nodelay", *, answering: str = "answer") -> Worker:
        """The answering end alone."""
        return self.peer("bare_paho", answering, *words(broker, asks=False, kind=kind), kind)

    # ----------------------------------------------------------------------------------- real parts

    def house(self, document: Mapping[str, Any] | None = None, *, name: str = "house", **variables: str) -> House:
        """A home with a broker in which the real programs can be started; by default the example's configuration."""
        made = House(folder=self.folder / name, document=document or example(), variables=variables)
        self._running.callback(made.close)
        return made

    def broker(self, **options: Any) -> Broker:
        """A broker alone."""
        number = len(list(self.folder.glob("broker-*")))
        return self._running.enter_context(Broker(folder=self.folder / f"broker-{number}", **options))

    def worker(self, command: Sequence[str], *, environment: Mapping[str, str] | None = None) -> Worker:
        """A peer in a process of its own."""
        made = Worker(command, environment=environment)
        self._running.callback(made.close)
        return made

    def peer(self, name: str, *arguments: object) -> Worker:
        """One of ``bench/peers/``, in a process of its own."""
        return self.worker(python(f"bench.peers.{name}", *arguments), environment=environment())

    def compiled(self, source: str, *options: str) -> str:
        """The program made from a C file in ``bench/peers/``.

        Raises:
            Missing: it cannot be compiled here.
        """
        program = CACHE / Path(source).stem
        program.parent.mkdir(parents=True, exist_ok=True)
        words = ["gcc", "-O2", "-Wall", "-Wextra", "-Werror", "-o", str(program), str(_PEERS / source), *options]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        if done.returncode:
            raise Missing(f"{source} does not compile here:\n{done.stderr}")
        return str(program)


def words(broker: Broker, *, asks: bool, kind: str) -> list[str]:
    """What a bare peer is started with: host, port, login, password, and the topics of a command and its answer.

    They are as long as ours, and the access list allows them: who answers is ``bare``, who asks is ``twitter``.
    """
    if BARE not in broker.logins:
        broker.add_login(BARE, "what a bare peer says")
    name = "twitter" if asks else BARE
    topic = f"latchwire/{BARE}/{kind}"
    return [broker.host, str(broker.port), name, broker.logins[name], f"{topic}/command", f"{topic}/receipt/twitter"]


def environment() -> dict[str, str]:
    """Of a peer in Python: it finds ``bench`` and ``support``."""
    return {**os.environ, "PYTHONPATH": f"{TOP}:{TOP / 'tests'}"}


def read_json(path: Path) -> Any:
    """A document."""
    return json.loads(path.read_text("utf-8"))
