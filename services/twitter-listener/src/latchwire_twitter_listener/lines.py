"""Bytes of the stream → its lines.

A line ends in CR LF, an empty one is a keep-alive (docs.x.com, "Consuming streaming data"). A line that grows
beyond :data:`MOST_BYTES` is dropped up to its end, so that nobody can fill the memory; the longest post that
X allows comes with a tenth of that.
"""

from typing import Final

MOST_BYTES: Final = 1 << 20
_END: Final = b"\r\n"


class Lines:
    """Collects bytes until a line is whole.

    Args:
        most_bytes: the longest line that is kept.
    """

    def __init__(self, *, most_bytes: int = MOST_BYTES) -> None:
        self._most = most_bytes
        self._rest = bytearray()
        self._dropping = False
        self.dropped = 0

    def feed(self, data: bytes) -> list[bytes]:
        """The lines that are whole now, without ends and keep-alives; ``dropped`` counts the others."""
        looked_at = max(len(self._rest) - 1, 0)
        self._rest += data
        lines: list[bytes] = []
        start = 0
        while (end := self._rest.find(_END, max(start, looked_at))) >= 0:
            line = bytes(self._rest[start:end])
            start = end + len(_END)
            if self._dropping or len(line) > self._most:
                self.dropped += 1
                self._dropping = False
            elif line:
                lines.append(line)
        del self._rest[:start]
        if len(self._rest) > self._most + 1:  # with the CR of its end
            self._dropping = True
            del self._rest[:-1]  # the last byte may be the CR of its end
        return lines
