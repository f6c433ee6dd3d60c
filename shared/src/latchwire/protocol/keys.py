"""Keyrings: one secret of 32 bytes for each pair of issuer and agent.

A keyring is a text file, mode 0600, a line a key, made on the user's machine and never shipped:

    whatsapp/1 omega 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08

An ingress holds its own lines (one agent each), an agent its own (one issuer each). The highest generation signs,
all verify, so keys change without an outage; a stolen agent is shut out by new keys toward that agent alone.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from latchwire.errors import ConfigurationError
from latchwire.topics import is_name

_KID: Final = re.compile(r"([a-z0-9-]{1,32})/([1-9][0-9]{0,8})\Z", re.ASCII)
_SECRET: Final = re.compile(r"[0-9a-f]{64}\Z", re.ASCII)


class Key(NamedTuple):
    """A secret that one issuer and one agent share. Its text form hides the secret."""

    issuer: str
    generation: int
    agent: str
    secret: bytes

    @property
    def kid(self) -> str:
        """``<issuer>/<generation>``, as in a token's header."""
        return f"{self.issuer}/{self.generation}"

    @property
    def line(self) -> str:
        """The key as a line of a keyring: this is the secret itself, for the file alone."""
        return f"{self.kid} {self.agent} {self.secret.hex()}"

    def __repr__(self) -> str:
        return f"<key {self.kid} {self.agent}>"


class Keyring:
    """The keys that one service holds.

    Args:
        keys: no two of the same issuer, generation and agent.
    """

    def __init__(self, keys: Iterable[Key] = ()) -> None:
        self._keys = {(key.kid, key.agent): key for key in keys}
        self._newest: dict[tuple[str, str], Key] = {}
        for key in self._keys.values():
            best = self._newest.get((key.issuer, key.agent))
            if best is None or key.generation > best.generation:
                self._newest[key.issuer, key.agent] = key

    def __iter__(self) -> Iterator[Key]:
        return iter(self._keys.values())

    def __len__(self) -> int:
        return len(self._keys)

    def __repr__(self) -> str:
        return f"<keyring of {len(self)} keys>"

    def find(self, kid: str, agent: str) -> Key | None:
        """The key that a token toward or from that agent names, if it is held."""
        return self._keys.get((kid, agent))

    def signing(self, issuer: str, agent: str) -> Key | None:
        """The key that signs: the highest generation, if one is held."""
        return self._newest.get((issuer, agent))

    def issuers(self, agent: str) -> frozenset[str]:
        """All issuers that share a key with that agent."""
        return frozenset(key.issuer for key in self if key.agent == agent)


def parse_keyring(text: str, *, place: str = "keyring") -> Keyring:
    """Reads a keyring; empty lines and lines that begin with ``#`` are skipped.

    Raises:
        ConfigurationError: all lines that are wrong, by their number. No secret is repeated in it.
    """
    keys: list[Key] = []
    problems: list[str] = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        key = _parse_line(line)
        if key is None:
            problems.append(f"{place}: line {number}: not `ISSUER/GENERATION AGENT 64-HEX-DIGITS`; "
                            "restore it from your backup, or delete the file and run `latchwire init`")  # fmt: skip
        elif any(key[:3] == other[:3] for other in keys):
            problems.append(f"{place}: line {number}: {key.kid} {key.agent} stands twice; delete one of the two")
        else:
            keys.append(key)
    if problems:
        raise ConfigurationError(problems)
    return Keyring(keys)


def _parse_line(line: str) -> Key | None:
    match line.split():
        case [kid, agent, secret] if (found := _KID.match(kid)) and _SECRET.match(secret):
            issuer, generation = found.groups()
            if is_name(issuer) and is_name(agent):
                return Key(issuer, int(generation), agent, bytes.fromhex(secret))
    return None
