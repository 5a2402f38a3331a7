"""From a decoder's buffers to batches of one Arrow stream: what was lost is counted, and rows are set aside.

The decoder fills a column for each of a select list's expressions. Here the flag columns behind them become counts, and
values that a guard or the reader itself made NULL are told from the columns' own NULLs. Nearly every batch has none of
either, and pays for a look at each.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from dagster_pipeline.connectors.arrow_body import END_OF_STREAM
from dagster_pipeline.connectors.batch import Batch
from dagster_pipeline.connectors.sources.select_list import SelectList
from dagster_pipeline.errors import FatalError

if TYPE_CHECKING:
    from dagster_pipeline.connectors.sources.decoding.columns import Taken  # the stub's

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

BATCH_BYTES = 1 << 20
"""A batch ends with the row with which its texts have so many."""
MOST_ROWS = 20_000
FIXED_BYTES = 4 << 20
"""Of a batch's numbers and times, for which a decoder has room from the beginning."""


def batch_rows(row_bytes: int, most_rows: int) -> int:
    """Rows of a batch whose numbers and times have so many bytes a row."""
    return min(most_rows, FIXED_BYTES // (row_bytes + 1) + 1)


def day_count(text: str) -> int:
    """Days since 1970 of an ISO day, as Arrow's date32 counts; a time of day is left out."""
    return (date.fromisoformat(text[:10]) - _EPOCH.date()).days


def microsecond_count(text: str) -> int:
    """Microseconds since 1970 of an ISO moment in UTC, as Arrow's timestamps count."""
    return (datetime.fromisoformat(text).replace(tzinfo=UTC) - _EPOCH) // timedelta(microseconds=1)


class ArrowRows:
    """One stream's batches, by its select list; `types` are the Arrow types of all its expressions, flags included."""

    def __init__(self, select: SelectList, types: Sequence[pa.DataType], *, table: str) -> None:
        self._select = select
        self._types = types
        self._table = table
        self._kept = len(select.names)
        self._flags_end = self._kept + len(select.flagged)
        self._schema = pa.schema(list(zip(select.names, types[: self._kept], strict=True)))
        self._own_bits = {
            place: (column, bit)
            for column, group in enumerate(select.own_nulls)
            for bit, place in enumerate(group)
        }

    @property
    def head(self) -> Batch:
        """What the stream begins with."""
        return Batch(self._schema.serialize().to_pybytes(), 0)

    @property
    def end(self) -> Batch:
        """What it ends with."""
        return Batch(END_OF_STREAM, 0)

    def batch(self, rows: int, taken: Sequence[Taken]) -> Batch:
        """The rows. Raises `OutOfRangeError` when one of the lost values is to fail the run."""
        arrays = [
            pa.Array.from_buffers(type_, rows, [_buffer(each) for each in buffers], nulls)
            for type_, (buffers, nulls, _) in zip(self._types, taken, strict=True)
        ]
        flags = arrays[self._kept : self._flags_end]
        lost = self._lost(arrays, rows, taken)
        coerced = self._flagged_rows(flags) | {
            self._select.names[place]: mask.true_count for place, mask in lost.items()
        }
        kept = pa.RecordBatch.from_arrays(arrays[: self._kept], schema=self._schema)
        if coerced:
            kept = self._without_bad(kept, flags, lost)
        payload = kept.serialize().to_pybytes()
        return self._select.batch(
            payload, kept.num_rows, coerced, set_aside=rows - kept.num_rows, table=self._table
        )

    def _lost(self, arrays: Sequence[Any], rows: int, taken: Sequence[Taken]) -> dict[int, Any]:
        """By place, which rows have a NULL that is not their own."""
        lost: dict[int, Any] = {}
        for place, (_, nulls, bits) in enumerate(taken[: self._kept]):
            if bits is not None:
                if place not in self._select.spans:
                    raise FatalError(
                        f"{self._table}: column {self._select.names[place]!r} holds a value that cannot be read.",
                        todo="Name the column in an issue, or leave it out of the file.",
                    )
                lost[place] = pa.Array.from_buffers(pa.bool_(), rows, [None, pa.py_buffer(bits)])
            elif nulls and place in self._select.marked_by_null:
                mask = self._not_own(arrays, place)
                if mask.true_count:
                    lost[place] = mask
        return lost

    def _not_own(self, arrays: Sequence[Any], place: int) -> Any:
        mask = arrays[place].is_null()
        if place not in self._own_bits:
            return mask
        column, bit = self._own_bits[place]
        own = pc.bit_wise_and(pc.cast(arrays[self._flags_end + column], "int64"), 1 << bit)
        return pc.and_(mask, pc.equal(own, 0))

    def _flagged_rows(self, flags: Sequence[Any]) -> dict[str, int]:
        """Changed rows by column name."""
        counts: dict[str, int] = {}
        for array, names in zip(flags, self._select.flagged, strict=True):
            if (pc.max(array).as_py() or 0) > 0:
                wide = pc.cast(array, "int64")
                for bit, name in enumerate(names):
                    rows = pc.sum(pc.bit_wise_and(pc.shift_right(wide, bit), 1)).as_py()
                    if rows:
                        counts[name] = rows
        return counts

    def _without_bad(self, rows: Any, flags: Sequence[Any], lost: Mapping[int, Any]) -> Any:
        """The rows but for those that are set aside."""
        good = [
            pc.equal(pc.bit_wise_and(pc.cast(each, "int64"), bits), 0)
            for each, bits in zip(flags, self._select.aside_bits, strict=True)
            if bits
        ]
        good += [pc.invert(mask) for place, mask in lost.items() if place in self._select.aside_by_null]
        return rows.filter(functools.reduce(pc.and_, good)) if good else rows


def _buffer(content: bytes | None) -> Any:
    return None if content is None else pa.py_buffer(content)
