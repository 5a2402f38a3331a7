"""One Parquet object as a multipart upload: nobody sees it before the upload is completed.

Memory holds the rows of one row group, their encoded bytes, and the parts that are on their way.
"""

from __future__ import annotations

import io
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

PART_BYTES = 8 << 20
"""At least 5 MiB (docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html); of 10,000 parts that may be 80 GB."""

PARTS_ON_THEIR_WAY = 2
ROW_GROUP_BYTES = 32 << 20
"""Of rows in memory; the object's row groups are a part of it, encoded."""


class ParquetUpload:
    """Rows go in, parts go out.

    Args:
        send: uploads part `number`, from 1, and returns its ETag.
        pool: sends parts while the next are encoded.
        file_size: bytes after which the object should be ended.
    """

    def __init__(
        self,
        schema: pa.Schema,
        *,
        send: Callable[[int, bytes], str],
        pool: ThreadPoolExecutor,
        compression: str,
        file_size: int,
    ) -> None:
        self.rows = 0
        self._parts = _Parts(send, pool)
        self._file_size = file_size
        self._waiting: list[pa.RecordBatch] = []
        self._waiting_bytes = 0
        self._group_bytes = min(ROW_GROUP_BYTES, 2 * file_size)
        self._writer = pq.ParquetWriter(
            pa.PythonFile(self._parts, mode="w"),
            schema,
            version="2.6",
            compression=compression,
            write_page_index=True,
        )

    def write(self, batch: pa.RecordBatch) -> None:
        """Take rows."""
        self._waiting.append(batch)
        self._waiting_bytes += batch.nbytes
        self.rows += batch.num_rows
        if self._waiting_bytes >= self._group_bytes:
            self._write_group()

    @property
    def is_full(self) -> bool:
        """The object is as large as it should be."""
        return self._parts.bytes >= self._file_size

    @property
    def bytes(self) -> int:
        """Encoded so far."""
        return self._parts.bytes

    def finish(self) -> tuple[str, ...]:
        """Write what is left and return the parts' ETags; the upload is still not completed."""
        self._write_group()
        self._writer.close()
        return self._parts.finish()

    def _write_group(self) -> None:
        if self._waiting:
            table = pa.Table.from_batches(self._waiting)
            self._waiting, self._waiting_bytes = [], 0
            self._writer.write_table(table, row_group_size=table.num_rows)


class _Parts(io.RawIOBase):
    """Bytes that are written become parts."""

    def __init__(self, send: Callable[[int, bytes], str], pool: ThreadPoolExecutor) -> None:
        super().__init__()
        self.bytes = 0
        self._send = send
        self._pool = pool
        self._buffer = bytearray()
        self._etags: list[str] = []
        self._sending: deque[Future[str]] = deque()
        self._number = 0

    def writable(self) -> bool:
        """For pyarrow."""
        return True

    def write(self, data: Any) -> int:
        """Keep, and send what makes a part."""
        self._buffer += data
        self.bytes += len(data)
        while len(self._buffer) >= PART_BYTES:
            self._dispatch(bytes(self._buffer[:PART_BYTES]))
            del self._buffer[:PART_BYTES]
        return len(data)

    def finish(self) -> tuple[str, ...]:
        """Send the rest and wait for all of it."""
        if self._buffer:
            self._dispatch(bytes(self._buffer))
            self._buffer.clear()
        while self._sending:
            self._etags.append(self._sending.popleft().result())
        return tuple(self._etags)

    def _dispatch(self, part: bytes) -> None:
        while len(self._sending) >= PARTS_ON_THEIR_WAY:
            self._etags.append(self._sending.popleft().result())
        self._number += 1
        self._sending.append(self._pool.submit(self._send, self._number, part))
