"""Arrow record batches as bytes of one IPC stream, piece by piece."""

from __future__ import annotations

from collections.abc import Generator, Iterable

import pyarrow as pa

from dagster_pipeline.connectors.batch import Batch


class _Pieces:
    """A file that pyarrow writes to and that hands on what was written since it was last asked."""

    closed = False

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def write(self, part: bytes) -> int:
        self._parts.append(bytes(part))
        return len(part)

    def flush(self) -> None:
        """Nothing waits here."""

    def take(self) -> bytes:
        taken, self._parts = b"".join(self._parts), []
        return taken


def arrow_stream(schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> Generator[Batch, None, None]:
    """One IPC stream; nothing at all when there are no rows."""
    pieces, writer = _Pieces(), None
    for batch in batches:
        if not batch.num_rows:
            continue
        if writer is None:
            writer = pa.ipc.new_stream(pa.PythonFile(pieces, mode="w"), schema)
        writer.write_batch(batch)
        yield Batch(pieces.take(), batch.num_rows)
    if writer is not None:
        writer.close()
        yield Batch(pieces.take(), 0)
