"""What becomes of a decoder's buffers: NULLs that are not a column's own are counted, rows are set aside."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pytest

from dagster_pipeline.connectors.batch import Batch
from dagster_pipeline.connectors.sources.arrow_rows import ArrowRows
from dagster_pipeline.connectors.sources.select_list import SelectList
from dagster_pipeline.errors import FatalError, OutOfRangeError
from dagster_pipeline.type_mapper.mapping import ColumnMapping, Guard


def guarded(name: str, **more: Any) -> ColumnMapping:
    return ColumnMapping(name, name, "Nullable(Int64)", guard=Guard("", "NULL", "beyond"), **more)


def select(*columns: ColumnMapping, **more: Any) -> SelectList:
    names = ("id", *(column.name for column in columns))
    facts: dict[str, Any] = {"flag_names": (), "flagged": (), "marked_by_null": (), **more}
    return SelectList("", names, guarded={column.name: column for column in columns}, **facts)


def taken(values: Sequence[int | None], *, lost: Sequence[int] = ()) -> Any:
    array = pa.array(values, pa.int64())
    buffers = tuple(buffer and buffer.to_pybytes() for buffer in array.buffers())
    bits = pa.array([row in lost for row in range(len(values))]).buffers()[1].to_pybytes() if lost else None
    return buffers, array.null_count, bits


def batch_of(chosen: SelectList, *columns: Any) -> tuple[Batch, list[tuple[int | None, ...]]]:
    rows = len(columns[0][0][-1]) // 8
    arrow = ArrowRows(chosen, [pa.int64()] * len(columns), table="t")
    batch = arrow.batch(rows, columns)
    read = pa.ipc.open_stream(arrow.head.payload + batch.payload + arrow.end.payload).read_all()
    return batch, list(zip(*(column.to_pylist() for column in read.columns), strict=True))


NULLED = guarded("value", fails_out_of_range=False)
ASIDE = guarded("value", sets_aside=True)
IDS = taken([1, 2, 3, 4])


def test_a_batch_without_losses_is_left_alone() -> None:
    batch, rows = batch_of(select(NULLED, spans={1: ("", "")}), IDS, taken([5, None, 7, 8]))
    assert (batch.rows, batch.coerced, batch.set_aside) == (4, {}, 0)
    assert rows == [(1, 5), (2, None), (3, 7), (4, 8)]


def test_what_the_reader_lost_is_counted_apart_from_own_nulls() -> None:
    batch, _ = batch_of(select(NULLED, spans={1: ("", "")}), IDS, taken([None, None, 7, None], lost=[1, 3]))
    assert batch.coerced == {"value": 2}


def test_every_null_of_a_column_without_own_ones_is_a_lost_value() -> None:
    batch, _ = batch_of(select(NULLED, marked_by_null=(1,)), IDS, taken([None, 2, None, 4]))
    assert batch.coerced == {"value": 2}


def test_a_bit_tells_that_a_null_is_a_columns_own() -> None:
    chosen = select(NULLED, marked_by_null=(1,), own_nulls=((0, 1),), flag_names=("flags",))
    batch, rows = batch_of(chosen, IDS, taken([None, None, 7, None]), taken([2, 0, 0, 2]))
    assert batch.coerced == {"value": 1}
    assert rows == [(1, None), (2, None), (3, 7), (4, None)]


def test_flags_are_counted_by_column() -> None:
    other = guarded("other", fails_out_of_range=False)
    chosen = select(NULLED, other, flagged=(("value", "other"),), flag_names=("flags",))
    batch, rows = batch_of(chosen, IDS, taken([1, 2, 3, 4]), taken([1, 2, 3, 4]), taken([0, 1, 3, 2]))
    assert batch.coerced == {"value": 2, "other": 2}
    assert rows[1] == (2, 2, 2)


@pytest.mark.parametrize("by", ["flag", "span", "null"])
def test_rows_are_set_aside(by: str) -> None:
    columns = {
        "flag": (taken([5, 6, 7, 8]), taken([0, 1, 0, 1])),
        "span": (taken([5, None, 7, None], lost=[1, 3]),),
        "null": (taken([5, None, 7, None]),),
    }[by]
    chosen = {
        "flag": select(ASIDE, flagged=(("value",),), flag_names=("flags",)),
        "span": select(ASIDE, spans={1: ("", "")}),
        "null": select(ASIDE, marked_by_null=(1,)),
    }[by]
    batch, rows = batch_of(chosen, IDS, *columns)
    assert rows == [(1, 5), (3, 7)]
    assert (batch.rows, batch.set_aside, batch.set_aside_by, batch.coerced) == (2, 2, {"value": 2}, {})


def test_a_lost_value_of_a_column_that_is_to_fail_stops_the_run() -> None:
    with pytest.raises(OutOfRangeError, match="value"):
        batch_of(select(guarded("value"), spans={1: ("", "")}), IDS, taken([5, None, 7, 8], lost=[1]))


def test_a_loss_that_nobody_provided_for_is_no_null() -> None:
    with pytest.raises(FatalError, match="'value' holds a value that cannot be read"):
        batch_of(select(NULLED), IDS, taken([5, None, 7, 8], lost=[1]))
