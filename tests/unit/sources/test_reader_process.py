"""What the reader of MySQL makes of a batch: values beyond a span, NULLs that are not their own, rows that are set aside."""

from __future__ import annotations

from datetime import date

import pyarrow as pa
import pytest

from dagster_pipeline.connectors.sources.mysql.reader_process import lost_values, within_spans, without_bad

SPAN = (1, "1900-01-01", "2299-12-31")


def batch_of(*days: date | None) -> pa.RecordBatch:
    return pa.record_batch({"id": pa.array(range(len(days))), "day": pa.array(days, pa.date32())})


def test_a_batch_within_its_spans_is_left_alone() -> None:
    batch = batch_of(date(1900, 1, 1), None, date(2299, 12, 31))
    assert within_spans(batch, [SPAN]) is batch


@pytest.mark.parametrize("beyond", [date(1, 1, 1), date(1899, 12, 31), date(2300, 1, 1), date(9999, 12, 31)])
def test_a_value_beyond_its_span_becomes_null(beyond: date) -> None:
    kept = date(2024, 2, 29)
    assert within_spans(batch_of(kept, beyond, None), [SPAN])["day"].to_pylist() == [kept, None, None]


def test_a_batch_of_nulls_has_no_least_value_to_judge() -> None:
    batch = batch_of(None, None)
    assert within_spans(batch, [SPAN]) is batch


def test_a_columns_own_nulls_are_no_lost_values() -> None:
    rows = batch_of(date(2024, 1, 1), None, None, None)
    flags = [pa.array([0, 2, 0, 2])]
    lost = lost_values(rows, [1], [[0, 1]], flags)
    assert {place: mask.to_pylist() for place, mask in lost.items()} == {1: [False, False, True, False]}


def test_every_null_of_a_column_without_own_ones_is_a_lost_value() -> None:
    lost = lost_values(batch_of(None, date(2024, 1, 1)), [1], [], [])
    assert lost[1].to_pylist() == [True, False]


def test_rows_are_set_aside_by_a_bit_or_by_a_mask() -> None:
    rows = batch_of(*[date(2024, 1, day) for day in range(1, 6)])
    bits = pa.array([0, 1, 2, 0, 3])
    mask = pa.array([False, False, False, True, False])
    assert without_bad(rows, [bits], [2], [mask])["id"].to_pylist() == [0, 1]
