"""Rows as bytes for a database, cut where packets end."""

from __future__ import annotations

import pyarrow as pa
import pytest

from dagster_pipeline.connectors.sink.column_texts import texts
from dagster_pipeline.connectors.sink.row_texts import SLICE_BYTES, lines, slices, value_lists
from dagster_pipeline.connectors.sink.stage_names import beside
from dagster_pipeline.errors import DataQualityError

COLUMNS = [pa.array([1, None, 3], pa.uint64()), pa.array(["a\t\\\n", None, "it's"])]
FAMILIES = ["integer", "text"]


def test_lines_are_those_of_copy_also_of_a_part_of_a_batch() -> None:
    assert bytes(lines([texts(column, name="") for column in COLUMNS], FAMILIES)) == (
        b"1\ta\\t\\\\\\n\n\\N\t\\N\n3\tit's\n"
    )
    part = [texts(column.slice(2), name="") for column in COLUMNS]
    assert bytes(lines(part, FAMILIES)) == b"3\tit's\n"


@pytest.mark.parametrize("most", [1, 12, 30, 1000])
def test_value_lists_hold_every_row_once_and_no_more_bytes_than_allowed(most: int) -> None:
    printed = [texts(column, name="") for column in COLUMNS]
    pieces = list(value_lists(printed, FAMILIES, most))
    assert b",".join(bytes(piece) for piece, _ in pieces) == b"(1,'a\t\\\\\n'),(NULL,NULL),(3,'it\\'s')"
    assert sum(rows for _, rows in pieces) == 3
    assert all(len(piece) <= most or rows == 1 for piece, rows in pieces)


def test_large_batches_are_cut() -> None:
    batch = pa.RecordBatch.from_pydict({"x": ["x" * 1000] * (3 * SLICE_BYTES // 1000)})
    cut = list(slices([batch]))
    assert len(cut) > 2
    assert sum(each.num_rows for each in cut) == batch.num_rows


def test_an_array_with_a_number_that_json_cannot_say_is_refused() -> None:
    with pytest.raises(DataQualityError, match="'x' holds a number that is not finite"):
        texts(pa.array([[1.0, float("nan")]]), name="x")


def test_names_beside_a_table_fit_and_stay_apart() -> None:
    names = {
        beside("ä" * 40, what, load, longest=63)
        for what in ("stage", "mark")
        for load in ("a" * 12, "b" * 12)
    }
    assert len(names) == 4
    assert all(len(name.encode()) <= 63 for name in names)
