"""Which targets there are, and the inputs that are kept for them in git (``docs/fuzzing.md``)."""

from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).parent
CORPUS: Final = HERE / "corpus"
"""What reaches every branch that was ever reached: by hand from samples and vectors, the rest found by the fuzzer."""
CRASHES: Final = HERE / "crashes"
"""What failed once."""

TARGETS: Final = tuple(sorted(path.stem for path in (HERE / "targets").glob("*.py")))


def inputs(target: str) -> list[Path]:
    """All that are kept for a target, in a fixed order."""
    return sorted(path for folder in (CORPUS, CRASHES) for path in (folder / target).glob("*"))
