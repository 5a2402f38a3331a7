"""The bytes of an Arrow stream, watched to their end: a server that dies may end its answer between two blocks."""

from __future__ import annotations

from typing import Any

END_OF_STREAM = b"\xff\xff\xff\xff\x00\x00\x00\x00"
"""Arrow's own mark (arrow.apache.org/docs/format/Columnar.html#ipc-streaming-format)."""


class WatchedBody:
    """A body that remembers its last bytes; half of a table must not be taken for all of it."""

    closed = False

    def __init__(self, body: Any) -> None:
        self._body = body
        self._last = b""

    def read(self, size: int = -1) -> bytes:
        """As the body's own."""
        piece: bytes = self._body.read(None if size < 0 else size)
        self._last = (self._last + piece)[-len(END_OF_STREAM) :]
        return piece

    @property
    def is_complete(self) -> bool:
        """The end mark came."""
        while self.read(1 << 16):  # what follows the last block
            pass
        return self._last == END_OF_STREAM
