"""Rows as bytes for COPY, LOAD DATA and INSERT, put together a column at a time.

PostgreSQL's text format (postgresql.org/docs/current/sql-copy.html) and what LOAD DATA reads by default
(dev.mysql.com/doc/refman/8.4/en/load-data.html) are the same for the escapes used here.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

SLICE_BYTES = 16 << 20
"""Of Arrow that is put into text at once; the text may be a few times as long."""

_COPY_ESCAPES = (("\\", "\\\\"), ("\t", "\\t"), ("\n", "\\n"), ("\r", "\\r"), ("\0", "\\0"))
_LITERAL_ESCAPES = (("\\", "\\\\"), ("'", "\\'"), ("\0", "\\0"))
_NO_ESCAPES_NEEDED = frozenset({"integer", "decimal", "float", "double", "date", "moment", "uuid", "address"})


def slices(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The same rows in batches of bounded bytes."""
    for batch in batches:
        pieces = max(1, -(-batch.nbytes // SLICE_BYTES))
        rows = max(1, -(-batch.num_rows // pieces))
        for start in range(0, batch.num_rows, rows):
            yield batch.slice(start, rows)


def lines(columns: Sequence[Any], families: Sequence[str]) -> memoryview:
    """Tab-separated lines, a backslash and N for NULL."""
    said = [
        column if family in _NO_ESCAPES_NEEDED else _escaped(column, _COPY_ESCAPES)
        for column, family in zip(columns, families, strict=True)
    ]
    said[-1] = _joined([said[-1], ""], "\n", null="\\N")
    return _bytes(_joined(said, "\t", null="\\N"))[0]


def value_lists(
    columns: Sequence[Any], families: Sequence[str], most_bytes: int
) -> Iterator[tuple[memoryview, int]]:
    """What follows VALUES, `(1,'a'),(2,NULL)`, and its rows; each at most `most_bytes` long, but for a single row."""
    said = [
        column if family in ("integer", "float", "double") else _literal(column, family)
        for column, family in zip(columns, families, strict=True)
    ]
    said = [pc.fill_null(column, "NULL") for column in said]
    whole, offsets = _bytes(_joined(["(", _joined(said, ",", null="NULL"), "),"], "", null=""))
    start, rows = 0, len(offsets) - 1
    while start < rows:
        end = bisect_right(offsets, offsets[start] + most_bytes) - 1
        end = min(max(end, start + 1), rows)
        yield whole[offsets[start] - offsets[0] : offsets[end] - offsets[0] - 1], end - start
        start = end


def _literal(column: Any, family: str) -> Any:
    inner = column if family in _NO_ESCAPES_NEEDED else _escaped(column, _LITERAL_ESCAPES)
    return pc.binary_join_element_wise("'", inner, "'", "")


def _escaped(column: Any, escapes: Sequence[tuple[str, str]]) -> Any:
    for sign, said in escapes:
        column = pc.replace_substring(column, sign, said)
    return column


def _joined(columns: Sequence[Any], separator: str, *, null: str) -> Any:
    return pc.binary_join_element_wise(*columns, separator, null_handling="replace", null_replacement=null)


def _bytes(rows: Any) -> tuple[memoryview, memoryview]:
    """One after the other, and where each begins: as Arrow has them in memory."""
    _, positions, data = rows.buffers()
    offsets = memoryview(positions).cast("B").cast("i")[rows.offset : rows.offset + len(rows) + 1]
    return memoryview(data)[offsets[0] : offsets[-1]], offsets
