"""What psycopg2 reads a COPY from."""

from __future__ import annotations

from collections.abc import Iterator


class CopyReader:
    """A file of pieces that are made while it is read. What goes wrong in making them is kept in `failure`.

    psycopg2 tells the server of an error in `read` and then raises the server's answer, which has forgotten the cause.
    """

    def __init__(self, pieces: Iterator[memoryview]) -> None:
        self._pieces = pieces
        self._rest = memoryview(b"")
        self.bytes = 0
        self.failure: BaseException | None = None

    def read(self, size: int = -1) -> bytes:
        """At most `size` bytes; nothing at the end."""
        try:
            while not self._rest:
                self._rest = next(self._pieces, memoryview(b""))
                if not self._rest:
                    return b""
        except BaseException as failure:
            self.failure = failure
            raise
        size = len(self._rest) if size < 0 else size
        piece, self._rest = self._rest[:size], self._rest[size:]
        self.bytes += len(piece)
        return bytes(piece)
