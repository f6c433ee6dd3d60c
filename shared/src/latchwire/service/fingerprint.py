"""What a member of a service was made of, as one text: when it changes, the member is made anew."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path


def fingerprint(
    parts: Iterable[str], files: Iterable[Path], variables: Mapping[str, str], prefixes: Sequence[str]
) -> str:
    """A hash of it.

    Args:
        parts: what was read, as texts.
        files: keys and passwords, by what they hold.
        variables: the environment.
        prefixes: how the names of the variables begin that count; a secret in a file counts by what the file holds.
    """
    made = [*parts, *map(_content, files)]
    for name in sorted(variables):
        if name.startswith(tuple(prefixes)):
            made.append(f"{name}={variables[name]}")
            if name.endswith("_FILE") and variables[name]:
                made.append(_content(Path(variables[name])))
    return hashlib.sha256("\n".join(made).encode()).hexdigest()


def _content(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        return str(error.errno)
